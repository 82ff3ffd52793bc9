import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, describeFailure } from './child.ts';
import { StackError } from './errors.ts';

const POLL_MS = 100;
const PORT_IN_USE = /address already in use|EADDRINUSE|BindException|port is already|can't set .* port/i;
const PORT_TRIES = 5;

/** Another program took the port between choosing and using it. */
class PortInUseError extends StackError {}

/**
 * Polls `probe` until it returns a value instead of failing.
 *
 * @throws StackError with the end of the log if the child ends first or `limitMs` pass
 */
export async function waitUntilReady<T>(
  name: string,
  child: Child,
  limitMs: number,
  probe: () => Promise<T>,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const answer = await probe().then(
      (value) => ({ value }),
      () => undefined,
    );
    // A success counts only while the child is running: otherwise it is from another program on the port.
    if (child.exitReason === undefined && answer !== undefined) return answer.value;
    if (child.exitReason !== undefined || Date.now() > end) {
      const failure = describeFailure(name, child, limitMs);
      throw PORT_IN_USE.test(child.output()) ? new PortInUseError(failure) : new StackError(failure);
    }
    await sleep(POLL_MS);
  }
}

/** Runs `start` again with other ports if another program has taken one, at most `PORT_TRIES` times in all. */
export async function retryOnPortConflict<T>(start: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(attempt);
    } catch (error) {
      if (!(error instanceof PortInUseError) || attempt === PORT_TRIES) throw error;
    }
  }
}
