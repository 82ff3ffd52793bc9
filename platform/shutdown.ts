import closeWithGrace from 'close-with-grace';
import type { Logger } from './logs.ts';

export interface Shutdown {
  /** Steps run in reverse order: what was started last stops first. */
  add(name: string, stop: () => Promise<void> | void): void;
  /** Runs the steps now, for a startup that failed half-way. */
  stopAll(): Promise<void>;
  /** Aborted when the process begins to stop. A startup in progress must end then: the process exits by itself. */
  readonly signal: AbortSignal;
}

/**
 * Stops the process gracefully on SIGINT, SIGTERM and uncaught errors. A step that fails is logged and does not prevent
 * the others from running.
 *
 * @param graceMs after which the process is terminated
 */
export function createShutdown(logger: Logger, graceMs: number): Shutdown {
  const steps: { name: string; stop: () => Promise<void> | void }[] = [];
  const stopping = new AbortController();
  const run = async () => {
    stopping.abort();
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      try {
        await step.stop();
        logger.debug({ step: step.name }, 'stopped');
      } catch (error) {
        logger.error({ err: error, step: step.name }, 'failed to stop');
      }
    }
  };
  closeWithGrace({ delay: graceMs, logger }, async ({ signal, err }) => {
    if (err) logger.fatal({ err }, 'uncaught error: stopping');
    else logger.info({ signal }, 'stopping');
    await run();
    logger.info('stopped');
  });
  return {
    add: (name, stop) => void steps.push({ name, stop }),
    stopAll: run,
    signal: stopping.signal,
  };
}
