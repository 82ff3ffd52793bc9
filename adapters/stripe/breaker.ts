/**
 * The circuit breaker around charges, one per process: while the gateway fails, no charge is sent, so that an outage
 * leaves a few attempts unknown instead of every one that is due (docs/reference/workflows.md, 'The cascade').
 */

import { BrokenCircuitError, CircuitState, circuitBreaker, handleWhenResult, type IBreaker } from 'cockatiel';
import type { BreakerState, ChargeAnswer } from '../../domain/ports.ts';

const WINDOW_MS = 60_000;
/** Failures within the window that open the breaker, provided they are at least half of its charges. */
const FAILURES_TO_OPEN = 20;
const OPEN_FOR_MS = 30_000;

/** The result of a request, and whether the gateway itself failed. */
export interface SendResult {
  answer: ChargeAnswer;
  failed: boolean;
}

/**
 * @param onChange receives each new state. An open breaker stays open until the first charge after its time: only that
 *   one is sent (`half_open`), and its result closes the breaker or opens it again
 * @returns runs a charge, or returns `not_sent` instead
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
    // Cockatiel would queue it behind the trial charge and send it when its claim has nearly expired.
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
  const reason = 'charging is paused: the payment gateway is failing';
  return { result: 'not_sent', reason, retry_after_ms: Math.max(retry_after_ms, 0) };
}

/** Cockatiel's `SamplingBreaker` takes a rate per second and a ratio to exceed, not a count and a minimum ratio. */
class FailureRatioBreaker implements IBreaker {
  /** Required by Cockatiel to persist a breaker; unused here. */
  state: unknown;
  /** The results within the window, oldest first. */
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
