import type { Logger } from './logs.ts';

const PAUSE_MS = 1_000;
const LOG_EVERY_MS = 10_000;

/**
 * Waits for a server that a process needs, so that the order in which they start does not matter: repeats `attempt`
 * until it succeeds, and logs what it waits for.
 *
 * @param attempt reaches the server and prepares it; it may run several times
 * @param options.name of the server, for the log
 * @param options.isAway whether an error says that the server is not reachable now; any other ends the wait
 * @param options.signal ends the wait
 * @throws what `attempt` threw, or the signal's reason
 */
export async function untilReachable<T>(
  attempt: () => Promise<T>,
  options: { name: string; isAway: (error: unknown) => boolean; logger: Logger; signal: AbortSignal },
): Promise<T> {
  const { name, isAway, logger, signal } = options;
  let loggedAt = -Infinity;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!isAway(error)) throw error;
      if (Date.now() - loggedAt >= LOG_EVERY_MS) {
        loggedAt = Date.now();
        logger.warn({ waiting_for: name, reason: reasonOf(error) }, `waiting for ${name}`);
      }
    }
    await pause(signal);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, PAUSE_MS);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
