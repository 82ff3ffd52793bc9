import { PersonaError } from '../domain/errors.ts';

/**
 * Refuses a change if its target has changed since the caller read it.
 * @param what the target's name in the error: `address 0198…`
 * @param changedSeq the event that last changed it
 * @param expected the version that the caller read; absent: any
 * @throws PersonaError stale_version
 */
export function requireVersion(what: string, changedSeq: number, expected: number | undefined): void {
  if (expected === undefined || expected === changedSeq) return;
  throw new PersonaError(
    'stale_version',
    `${what} has changed: its version is ${changedSeq}, not ${expected}`,
  );
}
