/** Takes one line for the person who waits. */
export type Log = (line: string) => void;

const TICK_MS = 15_000;

/** Whole seconds since `started` (epoch milliseconds), as text. */
export const elapsedSince = (started: number) => `${((Date.now() - started) / 1000).toFixed(1)} s`;

/**
 * Does something that takes long, saying what it is, that it still runs, and how long it took.
 *
 * @param what in words that also read well before 'done in …'
 */
export async function withProgress<T>(log: Log, what: string, work: () => Promise<T>): Promise<T> {
  const started = Date.now();
  log(`${what}…`);
  const tick = setInterval(() => log(`${what}: still at it after ${elapsedSince(started)}`), TICK_MS);
  try {
    const result = await work();
    log(`${what}: done in ${elapsedSince(started)}`);
    return result;
  } finally {
    clearInterval(tick);
  }
}
