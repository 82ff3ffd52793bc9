/** Decides whether a request is processed now: the process has started, the caller's rate window, then the load. */

import { PersonaError } from '../domain/errors.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { CountedCaller } from './counted-caller.ts';
import { createLoadLimit } from './load-limit.ts';
import { createRateWindows, type RateCount, type RateLimits } from './rate-windows.ts';

export interface Admitted {
  /** The caller's window; absent without a limit. */
  readonly rate?: RateCount;
  /** Why the request must not be processed. */
  readonly refusal?: PersonaError;
  /** To be called when the request ends. Further calls do nothing. */
  release(): void;
}

/** One per process, shared by REST and gRPC. Health, readiness, metrics and documentation are not subject to it. */
export interface Admission {
  (caller: CountedCaller): Admitted;
  /**
   * Takes a place among those of unknown callers while a token is verified, which costs more than a refusal.
   * @returns to be called once when it is verified
   * @throws PersonaError overloaded
   */
  beginVerification(): () => void;
}

/** Whose token is being verified is not known: all of them share one limit. */
const VERIFYING: CountedCaller = { kind: 'unauthenticated', name: 'verification' };

interface AdmissionOptions {
  rateLimits: RateLimits;
  /** False while the process waits for what it needs, and until the graph has admitted it. */
  isStarted: () => boolean;
  eventLoopDelayMs: () => number;
}

const STARTING_RETRY_MS = 1_000;
const nothingToRelease = (): void => {};

export function createAdmission(
  { requestsRefused, requestsInProgress }: Metrics,
  { rateLimits, isStarted, eventLoopDelayMs }: AdmissionOptions,
): Admission {
  const countRequest = createRateWindows(rateLimits);
  const beginRequest = createLoadLimit(eventLoopDelayMs, {
    inProgress: (requests) => requestsInProgress.set(requests),
    refused: (reason) => requestsRefused.inc({ reason }),
  });
  function admit(caller: CountedCaller): Admitted {
    if (!isStarted()) {
      requestsRefused.inc({ reason: 'starting' });
      const refusal = new PersonaError('graph_unavailable', 'This process is starting; retry later', {
        retryAfterMs: STARTING_RETRY_MS,
      });
      return { refusal, release: nothingToRelease };
    }
    const rate = countRequest(caller);
    if (rate?.isOver) {
      requestsRefused.inc({ reason: 'rate_limit' });
      return { rate, refusal: rateLimited(rate), release: nothingToRelease };
    }
    const begun = beginRequest(caller);
    if (begun instanceof PersonaError) return { rate, refusal: begun, release: nothingToRelease };
    let isReleased = false;
    return {
      rate,
      release() {
        if (isReleased) return;
        isReleased = true;
        begun();
      },
    };
  }
  function beginVerification(): () => void {
    const begun = beginRequest(VERIFYING);
    if (begun instanceof PersonaError) throw begun;
    return begun;
  }
  return Object.assign(admit, { beginVerification });
}

function rateLimited({ limit, resetMs }: RateCount): PersonaError {
  const seconds = Math.ceil(resetMs / 1_000);
  return new PersonaError('rate_limited', `More than ${limit} requests per minute; retry in ${seconds} s`, {
    retryAfterMs: resetMs,
  });
}
