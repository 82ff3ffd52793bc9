import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { withLock } from '../lock.mjs';
import { type Log, withProgress } from './progress.ts';

type Environment = Record<string, string | undefined>;

/** The folder for downloaded servers: `PERSONA_CACHE_DIR`, or `persona` in the user's cache folder. */
export function cacheFolder(env: Environment): string {
  if (env.PERSONA_CACHE_DIR) return resolve(env.PERSONA_CACHE_DIR);
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'persona');
  if (process.platform === 'win32') return join(env.LOCALAPPDATA ?? homedir(), 'persona', 'cache');
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'persona');
}

/**
 * The folder of one version of a download, which is filled if it does not exist. A folder that exists is complete: one
 * process at a time fills it under another name and renames it.
 *
 * @param name with its version, e.g. `neo4j-5.26.12`
 * @param what a description of the download and its source, for the log
 * @param fill writes the content to the given empty folder
 */
export async function ensureCached(
  cache: string,
  name: string,
  what: string,
  log: Log,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  await withLock(
    join(cache, `${name}.lock`),
    async () => {
      if (existsSync(folder)) return;
      removeUnfinished(cache, name);
      const unfinished = mkdtempSync(join(cache, `${name}.unfinished-`));
      try {
        await withProgress(log, what, () => fill(unfinished));
        renameSync(unfinished, folder);
      } finally {
        rmSync(unfinished, { recursive: true, force: true });
      }
    },
    () => log(`${what}: waiting for another process that does the same`),
  );
  return folder;
}

/** Called only under the lock, so no process is still filling these folders. */
function removeUnfinished(cache: string, name: string): void {
  mkdirSync(cache, { recursive: true });
  for (const entry of readdirSync(cache)) {
    if (entry.startsWith(`${name}.unfinished-`)) rmSync(join(cache, entry), { recursive: true, force: true });
  }
}
