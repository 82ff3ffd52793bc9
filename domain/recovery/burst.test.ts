/** A burst of charges above the gateway's rate is spread out until all are processed. */

import { expect, test } from 'vitest';
import type { ChargeAnswer } from '../ports.ts';
import { attemptKey } from '../workflow-contracts.ts';
import { begin } from './begin.ts';
import { CLAIM_MS, CLAIM_RESERVE_MS } from './claims.ts';
import { decide } from './decide.ts';
import { evolve } from './evolve.ts';
import type { RecoveryState } from './state.ts';
import { NOW, snapshot } from './recovery-fixtures.ts';

const METHOD = 'a';
const APPROVED: ChargeAnswer = { result: 'approved', gateway_ref: 'pi_1' };
const TOO_LATE: ChargeAnswer = {
  result: 'not_sent',
  reason: 'no gateway worker processed the charge in time',
};

/** One recovery with one card: from claim to response, and from there to the next claim or the end. */
class Charge {
  #state: RecoveryState;
  voids = 0;

  constructor(index: number) {
    const failed = snapshot({
      payment_id: `invoice-${String(index).padStart(6, '0')}`,
      alternatives: [METHOD],
    });
    this.#state = begin(failed);
  }

  claim(at: number): void {
    const step = decide(this.#state, at);
    if (step.do !== 'claim') throw new Error(`expected a claim, got ${step.do}`);
    const { candidate, n } = step;
    const key = attemptKey(this.#state.obligation.payment_id, METHOD, n);
    const attempt = {
      ...{ key, n, payment_method_id: METHOD },
      ...{ claimed_at: at, claim_deadline: at + CLAIM_MS },
    };
    this.#state = evolve(this.#state, {
      fact: 'claim_answered',
      candidate,
      claim: { result: 'claimed', attempt },
      at,
    });
  }

  /** @returns when it claims again; `undefined`: it is paid */
  answered(answer: ChargeAnswer, at: number): number | undefined {
    const { charge } = this.#state;
    if (charge?.state !== 'claimed') throw new Error('nothing was claimed');
    const { key, n, payment_method_id, claimed_at } = charge;
    const paid = answer.result === 'approved';
    const attempt = {
      ...({ key, n, payment_method_id, state: paid ? 'approved' : 'void' } as const),
      started_at: new Date(claimed_at).toISOString(),
    };
    const recorded = { attempt, obligation_state: paid ? 'recovered' : 'open', overpaid: false } as const;
    this.#state = evolve(this.#state, { fact: 'charge_answered', answer });
    this.#state = evolve(this.#state, {
      fact: 'attempt_recorded',
      recorded: { ...recorded, notify_chimera: false },
      at,
    });
    if (paid) return undefined;
    this.voids++;
    const step = decide(this.#state, at);
    if (step.do !== 'wait' || step.until === undefined) throw new Error(`expected a wait, got ${step.do}`);
    return step.until;
  }
}

/**
 * All of them fail within a second. The gateway's queue processes `rate` per second in order, and drops entries that have
 * waited for longer than their claim allows.
 *
 * @returns the time until all were paid (seconds), and the number of unsuccessful claims of each
 */
function drain(count: number, rate: number): { seconds: number; voids: number[] } {
  const charges = Array.from({ length: count }, (_, index) => new Charge(index));
  const tick = 1000 / rate;
  /** By the tick of their next claim. */
  const due: Charge[][] = [charges];
  const queue: { charge: Charge; claimed_at: number }[] = [];
  let first = 0;
  let paid = 0;
  let turn = 0;
  for (; paid < count; turn++) {
    const now = NOW + turn * tick;
    for (const charge of due[turn] ?? []) {
      charge.claim(now);
      queue.push({ charge, claimed_at: now });
    }
    for (let head = queue[first]; head; head = queue[first]) {
      if (now - head.claimed_at <= CLAIM_MS - CLAIM_RESERVE_MS) break;
      first++;
      const again = head.charge.answered(TOO_LATE, now) ?? 0;
      (due[Math.ceil((again - NOW) / tick)] ??= []).push(head.charge);
    }
    const taken = queue[first];
    if (!taken) continue;
    first++;
    taken.charge.answered(APPROVED, now);
    paid++;
  }
  return { seconds: (turn * tick) / 1000, voids: charges.map(({ voids }) => voids) };
}

test.each([
  [300, 20, 0],
  [3_000, 20, 4],
  [3_000, 50, 2],
  [10_000, 50, 5],
])(
  '%i simultaneous charges at %i per second complete in at most twice the ideal time',
  (count, rate, most) => {
    const { seconds, voids } = drain(count, rate);
    expect(Math.max(...voids)).toBeLessThanOrEqual(most);
    expect(seconds).toBeLessThan(2 * (count / rate));
  },
);
