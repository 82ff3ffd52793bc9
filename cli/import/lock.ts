/** Allows one import of a file at a time: two would overwrite each other's report. */

import { check, lock } from 'proper-lockfile';
import { CliFailure, ExitCode } from '../failure.ts';

/** In milliseconds: renewed every second; after ten seconds without renewal, the holder counts as killed. */
const LIFETIME = { update: 1_000, stale: 10_000 };
/** In seconds: within this time the lock of a killed process expires. */
const WAIT = 12;

export const lockPath = (file: string) => `${file}.import.lock`;

interface ImportLock extends AsyncDisposable {
  /** Aborted, with a CliFailure, once another process may hold the lock. */
  readonly lost: AbortSignal;
}

/**
 * Holds the file's lock until disposed, against processes in other containers and on other machines, too. The lock of a
 * killed process is taken over.
 * @param onWait - receives a message if there is a lock, whose holder may have been killed
 * @throws CliFailure if a live process holds it
 */
export async function lockImport(file: string, onWait: (message: string) => void): Promise<ImportLock> {
  const path = lockPath(file);
  const lost = new AbortController();
  const onCompromised = ({ message }: Error) => {
    const problem = `this import of ${file} has lost its lock ${path}: ${message}`;
    const advice = `Lines imported so far are kept. When no other process imports ${file}, run the same command again to resume`;
    lost.abort(new CliFailure(ExitCode.failed, `${problem}\n${advice}`));
  };
  const options = { ...LIFETIME, lockfilePath: path, realpath: false, onCompromised };
  const isHeld = await check(file, options);
  if (isHeld) onWait(`${path} is held; waiting up to ${WAIT} s, in case its process was killed…`);
  const retries = isHeld ? { retries: WAIT, factor: 1, minTimeout: 1_000 } : 0;
  const release = await lock(file, { ...options, retries }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ELOCKED') throw error;
    throw new CliFailure(
      ExitCode.failed,
      `another process is already importing ${file}: it keeps renewing ${path}`,
    );
  });
  return {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      if (!lost.signal.aborted) await release();
    },
  };
}
