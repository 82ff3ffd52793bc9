/** The points at which a crash leaves a recovery half done, each with what makes one stand still there. */

import { setTimeout } from 'node:timers/promises';
import { type CardPlan, customerWithCards, failureOf, type TestCustomer } from './customers.ts';
import { holdOn, releaseHold } from './gateway.ts';
import { COMMIT, type Stop, type StopAt } from './proxy.ts';
import type { FaultSystem } from './system.ts';

/** Of a busy machine, on which servers were killed a moment ago; what is waited for is there in a second or two. */
const LIMIT_MS = 300_000;

export interface Point {
  at: string;
  /** What the gateway does with the charge. */
  script?: NonNullable<CardPlan['script']>;
  /** Stops it at a request to Neo4j. */
  graph?: (payment: string) => StopAt;
  /** Stops the worker's next word to Temporal about it, when the gateway's answer is on its way. */
  silence?: true;
}

export const BEFORE_CLAIM: Point = {
  at: 'before the claim',
  graph: (payment) => ({ requests: [['ChargeClaimed', payment]], hold: 'request' }),
};
export const CLAIMED: Point = {
  at: 'after the claim, its answer lost',
  graph: (payment) => ({ requests: [['ChargeClaimed', payment], [COMMIT]], hold: 'answer' }),
};
export const BEFORE_CHARGE: Point = {
  at: 'between claim and charge',
  graph: (payment) => ({
    requests: [['MATCH (a:ChargeAttempt {key: $p.key})', `recovery:${payment}:`]],
    hold: 'request',
  }),
};
export const BEFORE_CAPTURE: Point = { at: 'before the capture', script: [{ do: 'hold_before_capture' }] };
export const CAPTURED: Point = {
  at: 'after the capture, before the response',
  script: [{ do: 'hold_after_capture' }],
};
/** A worker has one connection to Temporal: whatever else of it is to stand still must do so before. */
export const ANSWERED: Point = {
  at: 'after the response, before Temporal hears of it',
  script: [{ do: 'hold_after_capture' }],
  silence: true,
};
export const BEFORE_RECORD: Point = {
  at: 'before the outcome is recorded',
  graph: (payment) => ({ requests: [['RecoveryClosed', payment]], hold: 'request' }),
};
export const RECORDED: Point = {
  at: 'after the outcome is recorded, the answer lost',
  graph: (payment) => ({ requests: [['RecoveryClosed', payment], [COMMIT]], hold: 'answer' }),
};
export const BEFORE_NOTICE: Point = {
  at: 'between record and notice',
  graph: (payment) => ({ requests: [[`notice:recovery:${payment}`]], hold: 'request' }),
};
export const NOTICED: Point = {
  at: 'after the notice was handed over, before that is written down',
  graph: (payment) => ({ requests: [['NoticeSent', payment]], hold: 'request' }),
};

/** A recovery that stands still. */
export interface Standing {
  at: string;
  customer: TestCustomer;
  payment: string;
  release(): Promise<void>;
}

/** Begins a recovery for each point, and waits until all of them stand there; last of all those that silence the worker. */
export async function standAt(system: FaultSystem, points: readonly Point[]): Promise<Standing[]> {
  const silent = points.filter(({ silence }) => silence);
  const others = points.filter(({ silence }) => !silence);
  const standing = await Promise.all(others.map((point) => stand(system, point)));
  return [...standing, ...(await Promise.all(silent.map((point) => stand(system, point))))];
}

async function stand(system: FaultSystem, { at, script = [], graph, silence }: Point): Promise<Standing> {
  // The last one is charged.
  const customer = await customerWithCards(system, [{}, {}, { script }]);
  const failure = failureOf(customer);
  const payment = failure.payment_id;
  // What takes too long within a workflow's task is begun once more by an activity: that stands still, too.
  const stop = graph && system.neo4j.proxy.stopAt({ ...graph(payment), also: payment });
  await system.agents.signalPaymentFailed(failure);
  if (stop) {
    await reached(stop, at);
    return { at, customer, payment, release: async () => stop.release() };
  }
  const hold = await holdOn(system, customer.cards.at(-1)?.token ?? '');
  if (!silence) return { at, customer, payment, release: () => releaseHold(system, hold) };
  const word = system.temporal.proxy.stopAt({ requests: [[`recovery:${payment}`]], hold: 'request' });
  await releaseHold(system, hold);
  await reached(word, at);
  return { at, customer, payment, release: async () => word.release() };
}

/** @throws Error when nobody comes there */
export async function reached(stop: Stop, what: string): Promise<void> {
  const late = setTimeout(LIMIT_MS, 'late', { ref: false });
  if ((await Promise.race([stop.reached, late])) === 'late') throw new Error(`nobody came to stand ${what}`);
}
