import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { withLock } from '../lock.mjs';
import { type Log, withProgress } from './progress.ts';

type Environment = Record<string, string | undefined>;

/** Where downloaded servers are kept: `PERSONA_CACHE_DIR`, or `persona` in the user's cache folder. */
export function cacheFolder(env: Environment): string {
  if (env.PERSONA_CACHE_DIR) return resolve(env.PERSONA_CACHE_DIR);
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'persona');
  if (process.platform === 'win32') return join(env.LOCALAPPDATA ?? homedir(), 'persona', 'cache');
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'persona');
}

/**
 * Gives the folder of one version of something that is downloaded once and kept. A folder that exists is complete: it is
 * filled under another name and renamed, by one process at a time.
 *
 * @param name with its version, e.g. `neo4j-5.26.12`
 * @param what what is downloaded and from where, in words
 * @param fill puts the content into the empty folder it is given
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
    () => log(`${what}: another copy is at it, waiting`),
  );
  return folder;
}

/** Only called under the lock, so nobody is still filling what is found here. */
function removeUnfinished(cache: string, name: string): void {
  mkdirSync(cache, { recursive: true });
  for (const entry of readdirSync(cache)) {
    if (entry.startsWith(`${name}.unfinished-`)) rmSync(join(cache, entry), { recursive: true, force: true });
  }
}
