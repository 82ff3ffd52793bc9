import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, describeFailure } from './child.ts';
import { StackError } from './errors.ts';

const POLL_MS = 100;
const PORT_IN_USE = /address already in use|EADDRINUSE|BindException|port is already|can't set .* port/i;
const PORT_TRIES = 5;

/** A port was taken by another program between choosing and using it. */
class PortInUseError extends StackError {}

/**
 * Waits until `probe` gives a value, asking again after each failure.
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
    // An answer counts only while our own child lives: else it came from a stranger who holds the port.
    if (child.exitReason === undefined && answer !== undefined) return answer.value;
    if (child.exitReason !== undefined || Date.now() > end) {
      const failure = describeFailure(name, child, limitMs);
      throw PORT_IN_USE.test(child.output()) ? new PortInUseError(failure) : new StackError(failure);
    }
    await sleep(POLL_MS);
  }
}

/** Runs `start` again, with other ports, as long as somebody else is quicker to take one. */
export async function retryOnPortConflict<T>(start: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(attempt);
    } catch (error) {
      if (!(error instanceof PortInUseError) || attempt === PORT_TRIES) throw error;
    }
  }
}
