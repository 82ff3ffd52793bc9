import { PersonaError } from '../domain/errors.ts';

/**
 * Refuses a change of something that has changed since its caller looked at it.
 * @param what names it in the error: `address 0198…`
 * @param changedSeq the event that last changed it
 * @param expected the one that the caller saw; absent: whatever it is now
 * @throws PersonaError stale_version
 */
export function requireVersion(what: string, changedSeq: number, expected: number | undefined): void {
  if (expected === undefined || expected === changedSeq) return;
  throw new PersonaError(
    'stale_version',
    `${what} has changed: its version is ${changedSeq}, not ${expected}`,
  );
}
