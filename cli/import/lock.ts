/** Allows one import of a file at a time: two would overwrite each other's report. */

import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { CliFailure, ExitCode } from '../failure.ts';

export const lockPath = (file: string) => `${file}.import.lock`;

/**
 * Holds the file's lock until disposed. The lock of a process that was killed is taken over.
 * @throws CliFailure if a live process holds it
 */
export async function lockImport(file: string): Promise<AsyncDisposable> {
  const path = lockPath(file);
  while (!(await tryCreate(path))) {
    const holder = await holderOf(path);
    if (holder === undefined) await rm(path, { force: true });
    else
      throw new CliFailure(
        ExitCode.failed,
        `process ${holder} is already importing ${file}. If that process is not an import, delete ${path}`,
      );
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

/** Atomic: the lock is written to another file and then linked. */
async function tryCreate(path: string): Promise<boolean> {
  const ownPath = `${path}.${process.pid}`;
  await writeFile(ownPath, String(process.pid));
  try {
    await link(ownPath, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(ownPath, { force: true });
  }
}

/** The process that holds the lock; `undefined`: it has ended and left the lock behind. */
async function holderOf(path: string): Promise<number | undefined> {
  const pid = Number(await readFile(path, 'utf8').catch(() => ''));
  // In a restarted container this process may have the id of the one that was killed.
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? pid : undefined;
  }
}
