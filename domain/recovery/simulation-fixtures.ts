/**
 * Simulates a random world around one recovery: it responds to the recovery's steps at random, messages arrive in
 * between, runs are lost and taken over, and the time advances from one timer of the recovery to the next. In the end a
 * sweep sends the notices that the graph has as due.
 */

import { expect } from 'vitest';
import { CHARGE_ANSWERS, STATE_AFTER } from '../../test/scenarios/charge-answers.ts';
import type { ChargeAnswer } from '../ports.ts';
import { begin } from './begin.ts';
import { FAILURE_NOTICES } from './cascade.ts';
import type { Claim, ClaimedAttempt, ClosedObligation, RecordedAttempt, RecoverySnapshot } from './claims.ts';
import { decide } from './decide.ts';
import { describe } from './describe.ts';
import { evolve } from './evolve.ts';
import type { StoredClock } from './clock.ts';
import {
  type ChargeOutcome,
  type Ending,
  type Fact,
  type RecoveryState,
  type Step,
  unresolvedCharge,
} from './state.ts';
import type { AttemptStatus, ObligationState } from './status.ts';
import { DAY, HOUR, keyOf, label, MINUTE, NOW, snapshot } from './recovery-fixtures.ts';
import { DEFAULT_DRAW, type Scenario, type Draw, type Message } from './arbitrary-fixtures.ts';

/** More steps than this at the same time are a loop. */
const MAX_STEPS_AT_ONCE = 60;

const OUTCOMES = {
  ...CHARGE_ANSWERS,
  // Without a payment: a run that takes over looks up the reported one.
  declined: { result: 'declined', codes: {} },
  absent: { result: 'absent' },
} as const satisfies Record<string, ChargeOutcome>;

interface Charged {
  key: string;
  method: string;
  at: number;
  reason: string;
  /** Whether it reached the gateway. */
  sent: boolean;
}

/** The graph, the gateway and the clock around one recovery. */
class World {
  now = NOW;
  state: RecoveryState;
  readonly steps: string[] = [];
  /** The last step. */
  lastStep: Step['do'] = 'wait';
  readonly charges: Charged[] = [];
  readonly delivered: string[] = [];
  /** When each method first declined. */
  readonly declinedFirst = new Map<string, number>();
  #drawn = 0;
  #obligation: ObligationState = 'open';
  readonly #attempts = new Map<string, AttemptStatus>();
  #candidate = '';

  readonly #draws: readonly Draw[];
  /** The draw once the random ones are used up. */
  readonly #defaultDraw: Draw;
  readonly #opening: RecoverySnapshot;
  #review = '';
  #paused = false;
  /** Whether the obligation has its own payment: the reported one or a replacement. */
  #lookedUp = false;
  #notifiedAt: number | undefined;
  /** Second successes that are not refunded. */
  readonly refundsDue = new Set<string>();
  /** Whether the recovery received an external payment before it was paid itself. */
  #settled = false;
  /** Whether the gateway's payment is cancelled. */
  #cancelled = false;
  /** Why it was not cancelled. */
  #refusal: 'processing' | 'unknown' = 'unknown';
  /** How long charges were unresolved, with the clock stopped. */
  #unresolvedMs = 0;
  /** How long the clock was stopped over all runs. */
  #stoppedMs = 0;
  /** The clock as stored in the graph. */
  #clock: StoredClock;
  #takenOver = 0;
  /** The notices that the customer must get about the outcome and each refund. */
  readonly owedNotices = new Set<string>();
  /** Those that the graph has as due. */
  readonly #noticesDue = new Set<string>();

  constructor(opening: RecoverySnapshot, draws: readonly Draw[], status: Draw['status']) {
    this.#opening = opening;
    this.state = begin(opening);
    this.#clock = { closes_at: opening.closes_at };
    this.#draws = draws;
    this.#defaultDraw = { ...DEFAULT_DRAW, status };
  }

  get draw(): Draw {
    return this.#draws[this.#drawn++] ?? this.#defaultDraw;
  }

  fact(fact: Fact): void {
    this.steps.push(`${((this.now - NOW) / DAY).toFixed(3)} ${fact.fact}`);
    this.state = evolve(this.state, fact);
  }

  /** @returns the step if it is a wait or the end */
  step(): Step | undefined {
    const step = decide(this.state, this.now);
    this.lastStep = step.do;
    describe(this.state, this.now);
    this.steps.push(`${((this.now - NOW) / DAY).toFixed(3)} ${label(step)}`);
    const fact = this.#answer(step);
    if (!fact) return step;
    this.state = evolve(this.state, fact);
    return undefined;
  }

  /** Advances the time; `until` in epoch milliseconds. */
  advanceTo(until: number): void {
    expect(until).toBeGreaterThan(this.now);
    if (this.state.clock.stopped_at !== undefined) this.#stoppedMs += until - this.now;
    this.now = until;
  }

  /** Sends the due notices. */
  sweep(): void {
    this.delivered.push(...this.#noticesDue);
    this.#noticesDue.clear();
  }

  #answer(step: Step): Fact | undefined {
    const at = this.now;
    switch (step.do) {
      case 'look_up': {
        const payment = this.draw.look_up;
        this.#lookedUp ||= payment === 'adopted' || payment === 'succeeded';
        return { fact: 'looked_up', payment, at };
      }
      case 'claim':
        this.#candidate = step.candidate.reason;
        return { fact: 'claim_answered', candidate: step.candidate, claim: this.#claim(step), at };
      case 'charge':
        return { fact: 'charge_answered', answer: this.#charge(step.claim) };
      case 'record':
        return { fact: 'attempt_recorded', recorded: this.#record(step.key, step.answer), at };
      case 'resolve_charge':
        return { fact: 'charge_resolved', key: step.key, found: this.#find(step), at };
      case 'refresh': {
        const { fresh, status } = this.draw;
        const methods = fresh.map((payment_method_id) => ({ payment_method_id, changed_at: NOW + HOUR }));
        return { fact: 'refreshed', found: { customer_status: status, methods, ...this.#closed() }, at };
      }
      case 'refund':
        this.refundsDue.delete(step.key);
        this.#owe(`refund_issued:${step.key}`);
        this.#noticesDue.add(`refund_issued:${step.key}`);
        return { fact: 'refunded', key: step.key, notify: true };
      case 'report_fraud':
        return { fact: 'fraud_reported' };
      case 'flag_for_review':
        if (this.#obligation === 'open') this.#obligation = 'needs_review';
        this.#review = step.rule;
        return { fact: 'flagged_for_review', at };
      case 'close': {
        const [unresolvedAttempt] = this.unresolved();
        if (unresolvedAttempt && step.ending.outcome !== 'paid_elsewhere' && !isClosed(this.#obligation))
          return { fact: 'closing_unresolved', attempt: unresolvedAttempt, at };
        if (step.ending.rule === 'window_over') {
          // Each lost run costs at most two hours.
          const stopped = Math.max(this.#stoppedMs, this.#unresolvedMs) - this.#takenOver * 2 * HOUR;
          expect(at, 'given up too early').toBeGreaterThanOrEqual(this.#opening.closes_at + stopped);
        }
        const paymentOpen = step.keep_payment || !this.#cancels();
        if (paymentOpen && !step.keep_payment && step.ending.outcome !== 'paid_elsewhere')
          return { fact: 'not_cancelled', payment: this.#refusal, ending: step.ending, at };
        if (!isClosed(this.#obligation)) {
          this.#obligation = step.ending.outcome;
          this.#owe(...noticesOf(step.ending, this.state.suspended_until !== undefined));
          if (step.notice) this.#noticesDue.add(`${step.notice}:1`);
        }
        const obligation = { ...this.#closedAs(), rule: step.ending.rule };
        return { fact: 'closed', obligation, payment_open: paymentOpen };
      }
      case 'store_clock':
        this.#clock = step.clock;
        return { fact: 'clock_stored', clock: step.clock };
      case 'cancel_payment':
        return this.#cancels()
          ? { fact: 'payment_cancelled' }
          : { fact: 'not_cancelled', payment: this.#refusal, at };
      case 'notify':
        this.delivered.push(`${step.notice.template}:${step.notice.stage}`);
        this.#noticesDue.delete(`${step.notice.template}:${step.notice.stage}`);
        if (FAILURE_NOTICES.includes(step.notice.template)) this.#notifiedAt ??= at;
        return { fact: 'notified', notice: step.notice, at };
      case 'wait':
      case 'finish':
        return undefined;
    }
  }

  /** Whether the gateway cancels the payment or already has. */
  #cancels(): boolean {
    const { cancel } = this.draw;
    if (cancel === 'cancelled') this.#cancelled = true;
    else this.#refusal = cancel;
    return this.#cancelled;
  }

  #claim({ candidate, n }: Extract<Step, { do: 'claim' }>): Claim {
    const { payment_method_id } = candidate;
    expect(this.unresolved(), 'claimed with an unresolved charge').toEqual([]);
    if (isClosed(this.#obligation)) return { result: 'already_paid', obligation: this.#closedAs() };
    if (this.#obligation === 'needs_review') return { result: 'refused', rule: 'under_review' };
    const since = this.now;
    const what = this.draw.claim;
    switch (what) {
      case 'refused':
        return { result: 'refused', rule: 'method_inactive' };
      case 'ceiling':
        return { result: 'refused', rule: 'ceiling:visa', until: this.now + 2 * DAY };
      case 'customer_suspended':
        return { result: 'refused', rule: 'customer_suspended' };
      case 'customer':
      case 'instrument':
        return { result: 'blocked', by: 'invoice-2', since, what };
      case 'claimed': {
        const key = keyOf(payment_method_id, n);
        expect(this.#attempts.has(key), `${key} is claimed twice`).toBe(false);
        const started_at = new Date(this.now).toISOString();
        this.#attempts.set(key, { n, payment_method_id, key, state: 'in_flight', started_at });
        const claim_deadline = this.now + MINUTE;
        return {
          result: 'claimed',
          attempt: { key, payment_method_id, n, claimed_at: this.now, claim_deadline },
        };
      }
    }
  }

  #charge({ key, payment_method_id: method }: ClaimedAttempt): ChargeAnswer {
    this.#expectChargeAllowed('charged');
    const answer = OUTCOMES[this.draw.charge];
    this.#lookedUp ||= 'gateway_ref' in answer;
    this.charges.push({
      key,
      method,
      at: this.now,
      reason: this.#candidate,
      sent: answer.result !== 'not_sent',
    });
    return answer;
  }

  /**
   * A charge that was never sent is absent at the gateway, and an absent one was never sent. A lost request is sent again
   * if that is allowed.
   */
  #find({ key, only_read }: Extract<Step, { do: 'resolve_charge' }>): ChargeOutcome {
    const charge = this.charges.find((one) => one.key === key);
    if (!charge && this.#attempts.get(key)?.state === 'void') return OUTCOMES.not_sent;
    const found = OUTCOMES[this.draw.found];
    // No charge succeeds on a cancelled payment, and a succeeded payment could not have been cancelled.
    if (found.result === 'approved' && this.#cancelled) return OUTCOMES.declined;
    if (found.result === 'absent' && !only_read && this.#obligation === 'open' && this.#isUnresolved(key)) {
      this.#expectChargeAllowed('sent again');
      const again = OUTCOMES[this.draw.charge];
      if (charge && again.result === 'not_sent') charge.sent = false;
      return again;
    }
    if (charge && found.result === 'not_sent') charge.sent = false;
    return found;
  }

  #expectChargeAllowed(how: string): void {
    expect(isClosed(this.#obligation), `${how} after the end`).toBe(false);
    expect(this.state.phase.name, `${how} although it is ending`).toBe('open');
    expect(this.state.suspended_until, `${how} although suspended`).toBeUndefined();
    expect(this.state.paused, `${how} although paused`).toBe(false);
  }

  #record(key: string, answer: ChargeAnswer): RecordedAttempt {
    const before = this.#attempts.get(key);
    if (!before) throw new Error(`${key} was never claimed`);
    const resolved_at = new Date(this.now).toISOString();
    const state = STATE_AFTER[answer.result];
    const declined = state === 'declined' ? { class: this.draw.class, rule: 'rule' } : {};
    const attempt: AttemptStatus = { ...before, state, resolved_at, ...declined };
    this.#attempts.set(key, attempt);
    const took = this.now - Date.parse(before.started_at);
    if (state !== 'unknown' && state !== 'pending' && took > MINUTE) this.#unresolvedMs += took;
    const method = attempt.payment_method_id;
    if (state === 'declined' && !this.declinedFirst.has(method)) this.declinedFirst.set(method, this.now);
    const overpaid =
      state === 'approved' && (this.#obligation === 'recovered' || this.#obligation === 'paid_elsewhere');
    if (overpaid) this.refundsDue.add(key);
    if (state === 'approved' && before.state !== 'approved') {
      expect(this.#settled && !overpaid, 'a second success is taken for the only one').toBe(false);
    }
    if (state === 'approved' && !overpaid && before.state !== 'approved') {
      this.#obligation = 'recovered';
      this.#owe('recovered:1');
      this.#noticesDue.add('recovered:1');
    }
    if ((state === 'declined' || state === 'void') && this.#obligation === 'needs_review')
      this.#obligation = 'open';
    return {
      attempt,
      obligation_state: this.#obligation,
      overpaid,
      notify_chimera: attempt.class === 'FRAUD',
    };
  }

  #owe(...notices: string[]): void {
    for (const notice of notices) this.owedNotices.add(notice);
  }

  #isUnresolved(key: string): boolean {
    return this.unresolved().some((attempt) => attempt.key === key);
  }

  unresolved(): AttemptStatus[] {
    return [...this.#attempts.values()].filter(({ state }) =>
      ['in_flight', 'unknown', 'pending'].includes(state),
    );
  }

  #closed(): { closed?: ClosedObligation } {
    return isClosed(this.#obligation) ? { closed: this.#closedAs() } : {};
  }

  #closedAs(): ClosedObligation {
    const { payment_id, customer_id } = this.state.obligation;
    const outcome = this.#obligation as ClosedObligation['outcome'];
    return { payment_id, customer_id, outcome, rule: 'closed', attempts: [...this.#attempts.values()] };
  }

  receive({ what, method, payment }: Message): void {
    const at = this.now;
    switch (what) {
      case 'method_added':
        return this.fact({ fact: what, payment_method_id: method });
      case 'settled':
        this.#settled ||= this.state.phase.name !== 'closed';
        return this.fact({ fact: what });
      case 'charge_reported':
        return this.fact({ fact: what, at });
      case 'authenticated':
        return this.fact({ fact: what, payment, gateway_ref: 'pi_1', at });
      case 'retry_now':
        if (this.state.phase.name !== 'open' || unresolvedCharge(this.state)) return;
        if (this.#obligation === 'needs_review') this.#obligation = 'open';
        return this.fact({ fact: what, alternatives: ['a', 'b'], at });
      case 'suspended':
      case 'active':
      case 'erased':
        return this.fact({ fact: 'customer_status', status: what, at });
      case 'resolved': {
        const key = unresolvedCharge(this.state)?.key;
        if (key)
          this.fact({ fact: 'resolved_by_operator', key, result: method === 'a' ? 'approved' : 'declined' });
        return;
      }
      case 'paused':
      case 'resumed':
        this.#paused = what === 'paused';
        return this.fact({ fact: what });
      case 'taken_over':
        return this.takeOver();
      case 'settlement_in_review':
        if (this.#obligation === 'open') this.#obligation = 'needs_review';
        return this.fact({ fact: what, rule: 'payment_came_back', at });
      default:
        return this.fact({ fact: what });
    }
  }

  /** The run is lost with its state, and another one starts from the graph's. */
  takeOver(): void {
    this.steps.push(`${((this.now - NOW) / DAY).toFixed(3)} taken over`);
    // Received messages that are not stored yet are lost with it.
    this.#settled &&= this.#obligation === 'paid_elsewhere';
    this.#takenOver++;
    const { closes_at, stopped_at } = this.#clock;
    const { failure, gateway_payment_ref: named, ...opening } = this.#opening;
    this.state = begin({
      ...opening,
      // If the reported payment was not adopted, it is read again.
      ...(named === undefined ? {} : this.#lookedUp ? { looked_up: true } : { gateway_payment_ref: named }),
      failure: { ...failure, notify_chimera: false },
      state: this.#obligation,
      rule: this.#obligation === 'needs_review' ? this.#review : failure.rule,
      attempts: [...this.#attempts.values()],
      read_at: this.now,
      closes_at,
      ...(stopped_at === undefined ? {} : { clock_stopped_at: stopped_at }),
      paused: this.#paused,
      refunds_due: [...this.refundsDue],
      ...(this.#notifiedAt === undefined ? {} : { notified_at: this.#notifiedAt }),
    });
  }
}

function noticesOf({ outcome, rule }: Ending, suspended: boolean): string[] {
  if (outcome === 'exhausted') return suspended ? [] : ['recovery_ended:1'];
  if (outcome !== 'stopped') return [];
  return [rule === 'fraud' ? 'payment_declined_update_card:1' : 'payment_stopped:1'];
}

function isClosed(state: ObligationState): boolean {
  return state !== 'open' && state !== 'needs_review';
}

/** Runs a recovery until it ends, or until only an operator or a message could continue it. */
export function runScenario({ failure, alternatives, named, status, draws, messages, lost_after }: Scenario) {
  const ref = named ? { gateway_payment_ref: 'pi_9' } : {};
  const world = new World(snapshot({ alternatives, ...ref }, failure), draws, status);
  const inbox = messages.toSorted((one, other) => one.after - other.after);
  let stepsAtOnce = 0;
  let turn = 0;
  let last: Step | undefined;
  try {
    while (turn < 6_000) {
      // A charge's result is recorded before further messages are received.
      while (!world.state.charge?.answer && inbox[0] && inbox[0].after <= turn) world.receive(inbox.shift()!);
      turn++;
      last = world.step();
      if (world.lastStep === lost_after) world.takeOver();
      expect(++stepsAtOnce, 'steps at the same time').toBeLessThan(MAX_STEPS_AT_ONCE);
      if (last?.do === 'finish') break;
      if (last?.do !== 'wait') continue;
      // A pending message may wake it.
      if (inbox.length > 0) {
        if (last.until === undefined) continue;
      } else if (last.until === undefined) break;
      world.advanceTo(last.until);
      stepsAtOnce = 0;
    }
    expect(turn, 'turns').toBeLessThan(6_000);
  } catch (error) {
    throw new Error(`${String(error)}\nlast steps:\n${world.steps.slice(-40).join('\n')}`);
  }
  world.sweep();
  return { world, last };
}
