/**
 * The circuit breaker around charges, one per process: while the gateway fails, a charge is not begun, so that an outage
 * leaves a few attempts unknown and not every one that is due (specification: workflows 2).
 */

import { BrokenCircuitError, CircuitState, circuitBreaker, handleWhenResult, type IBreaker } from 'cockatiel';
import type { BreakerState, ChargeAnswer } from '../../domain/ports.ts';

const WINDOW_MS = 60_000;
/** So many failures within the window open it, if they are also half of all charges. */
const FAILURES_TO_OPEN = 20;
const OPEN_FOR_MS = 30_000;

/** What a request came to, and whether the gateway itself failed at it. */
export interface SendResult {
  answer: ChargeAnswer;
  failed: boolean;
}

/**
 * @param onChange gets each new state. An open breaker stays open until the first charge after its time: that one
 *   alone is sent (`half_open`), and its result closes the breaker or opens it again
 * @returns runs a charge, or answers `not_sent` in its place
 */
export function createChargeBreaker(
  onChange: (state: BreakerState) => void,
): (send: () => Promise<SendResult>) => Promise<ChargeAnswer> {
  const policy = circuitBreaker(
    handleWhenResult((sent) => (sent as SendResult).failed),
    { breaker: new FailureRatioBreaker(), halfOpenAfter: OPEN_FOR_MS },
  );
  let openedAt = 0;
  policy.onBreak(() => {
    openedAt = Date.now();
    onChange('open');
  });
  policy.onHalfOpen(() => onChange('half_open'));
  policy.onReset(() => onChange('closed'));

  return async (send) => {
    // Cockatiel would let it wait for the charge that is on trial, and send it when its claim is nearly over.
    if (policy.state === CircuitState.HalfOpen) return notSentWhileOpen(OPEN_FOR_MS);
    try {
      return (await policy.execute(send)).answer;
    } catch (error) {
      if (error instanceof BrokenCircuitError) return notSentWhileOpen(openedAt + OPEN_FOR_MS - Date.now());
      throw error;
    }
  };
}

function notSentWhileOpen(retry_after_ms: number): ChargeAnswer {
  const reason = 'charging is paused: the payment gateway fails';
  return { result: 'not_sent', reason, retry_after_ms: Math.max(retry_after_ms, 0) };
}

/** Cockatiel's own `SamplingBreaker` knows a rate per second and more than a share, not a number and at least a share. */
class FailureRatioBreaker implements IBreaker {
  /** Cockatiel's way to keep a breaker elsewhere, which nothing here does. */
  state: unknown;
  /** The results of the window, the oldest first. */
  #results: { at: number; failed: boolean }[] = [];
  #failures = 0;

  success(state: CircuitState): void {
    if (state === CircuitState.HalfOpen) {
      this.#results = [];
      this.#failures = 0;
    } else this.#add(false);
  }

  failure(): boolean {
    this.#add(true);
    return this.#failures >= FAILURES_TO_OPEN && this.#failures * 2 >= this.#results.length;
  }

  #add(failed: boolean): void {
    const now = Date.now();
    this.#results.push({ at: now, failed });
    if (failed) this.#failures++;
    const first = this.#results.findIndex(({ at }) => at > now - WINDOW_MS);
    for (const old of this.#results.splice(0, first)) if (old.failed) this.#failures--;
  }
}
