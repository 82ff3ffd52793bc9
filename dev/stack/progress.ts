/** Prints one line of progress. */
export type Log = (line: string) => void;

const TICK_MS = 15_000;

/** Seconds since `started` (epoch milliseconds) with one decimal, as text. */
export const elapsedSince = (started: number) => `${((Date.now() - started) / 1000).toFixed(1)} s`;

/**
 * Runs long work, and logs its start, that it is still running, and its duration.
 *
 * @param what a description that also reads well before ': done in …'
 */
export async function withProgress<T>(log: Log, what: string, work: () => Promise<T>): Promise<T> {
  const started = Date.now();
  log(`${what}…`);
  const tick = setInterval(() => log(`${what}: still running after ${elapsedSince(started)}`), TICK_MS);
  try {
    const result = await work();
    log(`${what}: done in ${elapsedSince(started)}`);
    return result;
  } finally {
    clearInterval(tick);
  }
}
