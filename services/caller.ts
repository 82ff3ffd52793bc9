/** The caller of a service and its deadline, passed to every service alongside its input. */

import { PersonaError } from '../domain/errors.ts';

/**
 * The scope of ids that events and transactions have of their own: an agent may repeat over REST with a token what it
 * sent over gRPC with its certificate.
 */
export const BUSINESS_EVENTS = 'service';

export interface Caller {
  /** Whose idempotency keys these are: `agent:{role}`, `service:{name}`, or `customer:{customer_id}`. */
  readonly caller: string;
  /** Who acts, as recorded in the event log. */
  readonly actor: string;
  /** Whether an onboarding by this caller may set `ltv` and `segment`. */
  readonly maySetLtvAndSegment: boolean;
  readonly correlationId: string;
  readonly idempotencyKey?: string;
  /** Epoch milliseconds until which the caller waits. */
  readonly deadline: number;
  /** Aborted when the caller disconnects. */
  readonly signal: AbortSignal;
}

/**
 * The result of `work`, if it is available before the caller's deadline. `work` itself is not aborted.
 * @throws PersonaError deadline_exceeded
 */
export async function beforeDeadline<T>(
  caller: Pick<Caller, 'deadline' | 'signal'>,
  work: Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const expired = new Promise<never>((_, reject) => {
    const fail = (message: string) => reject(new PersonaError('deadline_exceeded', message));
    onAbort = () => fail('the caller disconnected');
    caller.signal.addEventListener('abort', onAbort, { once: true });
    timer = setTimeout(() => fail('no response before the deadline'), remaining(caller));
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
export function remaining(caller: Pick<Caller, 'deadline'>): number {
  return Math.max(0, caller.deadline - Date.now());
}
