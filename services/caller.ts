/** Who asks, and how long they wait: what every service is told beside its input. */

import { PersonaError } from '../domain/errors.ts';

export interface Caller {
  /** Whose idempotency keys these are: `service`, or `customer:{customer_id}`. */
  readonly caller: string;
  /** Who acts, as the event log keeps it. */
  readonly actor: string;
  readonly correlationId: string;
  readonly idempotencyKey?: string;
  /** Epoch milliseconds; nobody waits for the answer any longer. */
  readonly deadline: number;
  /** Aborted when the caller went away. */
  readonly signal: AbortSignal;
}

/**
 * The answer of `work`, if it comes before the caller's deadline; `work` itself goes on behind it.
 * @throws PersonaError deadline_exceeded
 */
export async function beforeDeadline<T>(caller: Caller, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const expired = new Promise<never>((_, reject) => {
    const fail = (message: string) => reject(new PersonaError('deadline_exceeded', message));
    onAbort = () => fail('the caller went away');
    caller.signal.addEventListener('abort', onAbort, { once: true });
    timer = setTimeout(() => fail('the answer did not come in time'), remaining(caller));
    if (caller.signal.aborted) onAbort();
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
    if (onAbort) caller.signal.removeEventListener('abort', onAbort);
  }
}

/** Milliseconds until the deadline, at least 0. */
export function remaining(caller: Caller): number {
  return Math.max(0, caller.deadline - Date.now());
}
