import getPort, { portNumbers } from 'get-port';

const HIGHEST = 65_535;
/** How many ports after the preferred one are tried before any other. */
const RANGE = 200;

/**
 * A port of 127.0.0.1 that is free at present, and that this process has not chosen within the last 15 seconds. Another
 * program may take it first, so callers must be able to retry.
 *
 * @param preferred this one or the next free one after it; without it any free port
 */
export function freePort(preferred?: number): Promise<number> {
  const port = preferred && portNumbers(preferred, Math.min(preferred + RANGE, HIGHEST));
  return getPort({ host: '127.0.0.1', port });
}
