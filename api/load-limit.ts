/**
 * Limits the requests in progress in this process, over REST and gRPC together: it refuses some before it becomes slow
 * for all of them. A share per caller keeps one of them from taking every place.
 */

import { PersonaError } from '../domain/errors.ts';
import type { CountedCaller } from './counted-caller.ts';

const MAX_IN_PROGRESS = 1_000;
/**
 * Requests in progress of one customer, of one service, of webhooks from one address, whose signature is not checked
 * yet, and of all callers without authentication together.
 */
const SHARES = { customer: 20, service: 500, webhook: 250, unauthenticated: 250 } as const;
/** The event loop takes longer than this for a turn: every request waits for as long, several times. */
const MAX_EVENT_LOOP_DELAY_MS = 250;
/** With fewer, the delay has another cause, which refusing requests would not remove. */
const MIN_IN_PROGRESS_TO_SHED = 100;
const RETRY_AFTER_MS = 1_000;

export type LoadRefusal = 'process_full' | 'caller_share' | 'event_loop';

interface LoadObserver {
  inProgress(requests: number): void;
  refused(reason: LoadRefusal): void;
}

/** The share that a caller belongs to. */
function shareOf({ kind, name }: CountedCaller): { key: string; limit: number } {
  if (kind !== 'unauthenticated') return { key: `${kind}:${name}`, limit: SHARES[kind] };
  return { key: 'unauthenticated', limit: SHARES.unauthenticated };
}

/**
 * @param eventLoopDelayMs the current delay
 * @returns begins a request: the error that refuses it, or a function to be called once when it ends
 */
export function createLoadLimit(
  eventLoopDelayMs: () => number,
  observer: LoadObserver,
): (caller: CountedCaller) => PersonaError | (() => void) {
  /** Requests in progress, by share: no entry without one. */
  const byShare = new Map<string, number>();
  let inProgress = 0;

  function refusalOf(ofCaller: number, limit: number): LoadRefusal | undefined {
    if (inProgress >= MAX_IN_PROGRESS) return 'process_full';
    if (ofCaller >= limit) return 'caller_share';
    const isSlow = inProgress >= MIN_IN_PROGRESS_TO_SHED && eventLoopDelayMs() > MAX_EVENT_LOOP_DELAY_MS;
    return isSlow ? 'event_loop' : undefined;
  }

  return (caller) => {
    const { key, limit } = shareOf(caller);
    const ofCaller = byShare.get(key) ?? 0;
    const reason = refusalOf(ofCaller, limit);
    if (reason !== undefined) {
      observer.refused(reason);
      return new PersonaError(
        'overloaded',
        reason === 'caller_share'
          ? `${limit} requests of this caller are in progress; retry later`
          : 'This process has too many requests in progress; retry later',
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
    byShare.set(key, ofCaller + 1);
    inProgress += 1;
    observer.inProgress(inProgress);
    return () => {
      const left = (byShare.get(key) ?? 1) - 1;
      if (left === 0) byShare.delete(key);
      else byShare.set(key, left);
      inProgress -= 1;
      observer.inProgress(inProgress);
    };
  };
}
