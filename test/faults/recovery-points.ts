/** The points at which a crash leaves a recovery half done, each with the means to stop one there. */

import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import type { AttemptState } from '../../domain/recovery/status.ts';
import type { CardPlan } from '../scenarios/wallet-plan.ts';
import { customerWithScriptedCards, failureOf, type TestCustomer } from './customer-fixtures.ts';
import { waitForHold, releaseHold } from './gateway-holds.ts';
import { COMMIT, type Stop, type StopCondition } from './proxy.ts';
import type { FaultSystem } from './system.ts';

/** For a busy machine on which servers were just killed; normally it takes a second or two. */
const LIMIT_MS = 300_000;

export interface RecoveryPoint {
  at: string;
  /** What exists there: the attempt's state in the graph, and the number of successful charges and of notices sent. */
  found: { attempt?: AttemptState; charged?: 1; notified?: 1 };
  /** What the gateway does with the charge. */
  script?: NonNullable<CardPlan['script']>;
  /** Stops it at a request to Neo4j. */
  neo4jStop?: (payment: string) => StopCondition;
  /** Stops the worker's next request to Temporal about it, once the gateway's response is sent. */
  holdWorkerResponse?: true;
}

export const BEFORE_CLAIM: RecoveryPoint = {
  at: 'before the claim',
  found: {},
  neo4jStop: (payment) => ({ requests: [['ChargeClaimed', payment]], hold: 'request' }),
};
export const CLAIMED: RecoveryPoint = {
  at: 'after the claim, its response lost',
  found: { attempt: 'in_flight' },
  neo4jStop: (payment) => ({ requests: [['ChargeClaimed', payment], [COMMIT]], hold: 'answer' }),
};
export const BEFORE_CHARGE: RecoveryPoint = {
  at: 'between claim and charge',
  found: { attempt: 'in_flight' },
  neo4jStop: (payment) => ({
    requests: [['MATCH (a:ChargeAttempt {key: $p.key})', `recovery:${payment}:`]],
    hold: 'request',
  }),
};
export const BEFORE_CAPTURE: RecoveryPoint = {
  at: 'before the capture',
  found: { attempt: 'in_flight' },
  script: [{ do: 'hold_before_capture' }],
};
export const CAPTURED: RecoveryPoint = {
  at: 'after the capture, before the response',
  found: { attempt: 'in_flight', charged: 1 },
  script: [{ do: 'hold_after_capture' }],
};
/** A worker has one connection to Temporal: its other recoveries must be stopped before. */
export const ANSWERED: RecoveryPoint = {
  at: 'after the response, before it reaches Temporal',
  found: { attempt: 'in_flight', charged: 1 },
  script: [{ do: 'hold_after_capture' }],
  holdWorkerResponse: true,
};
export const BEFORE_RECORD: RecoveryPoint = {
  at: 'before the outcome is recorded',
  found: { attempt: 'in_flight', charged: 1 },
  neo4jStop: (payment) => ({ requests: [['RecoveryClosed', payment]], hold: 'request' }),
};
export const RECORDED: RecoveryPoint = {
  at: 'after the outcome is recorded, the response lost',
  found: { attempt: 'approved', charged: 1 },
  neo4jStop: (payment) => ({ requests: [['RecoveryClosed', payment], [COMMIT]], hold: 'answer' }),
};
export const BEFORE_NOTICE: RecoveryPoint = {
  at: 'between record and notice',
  found: { attempt: 'approved', charged: 1 },
  neo4jStop: (payment) => ({ requests: [[`notice:recovery:${payment}`]], hold: 'request' }),
};
export const NOTICED: RecoveryPoint = {
  at: 'after the notice was delivered, before that is recorded',
  found: { attempt: 'approved', charged: 1, notified: 1 },
  neo4jStop: (payment) => ({ requests: [['NoticeSent', payment]], hold: 'request' }),
};

/** A recovery that is stopped. */
export interface StoppedRecovery {
  at: string;
  customer: TestCustomer;
  payment: string;
  release(): Promise<void>;
}

/** Starts a recovery for each point and waits until all are stopped there; those that block the worker come last. */
export async function stopRecoveriesAt(
  system: FaultSystem,
  points: readonly RecoveryPoint[],
): Promise<StoppedRecovery[]> {
  const holdingWorker = points.filter(({ holdWorkerResponse }) => holdWorkerResponse);
  const remaining = points.filter(({ holdWorkerResponse }) => !holdWorkerResponse);
  const stopped = await Promise.all(remaining.map((point) => stopRecoveryAt(system, point)));
  return [...stopped, ...(await Promise.all(holdingWorker.map((point) => stopRecoveryAt(system, point))))];
}

async function stopRecoveryAt(system: FaultSystem, point: RecoveryPoint): Promise<StoppedRecovery> {
  const stopped = await startAndStop(system, point);
  // Otherwise a stop at another point would let every later check pass. Polled, because a request whose answer is held
  // may still be in progress.
  await expect
    .poll(() => stateOf(system, stopped), { message: point.at })
    .toEqual({ charged: 0, notified: 0, ...point.found });
  return stopped;
}

async function stateOf({ graph, inspector }: FaultSystem, { payment, customer }: StoppedRecovery) {
  const [attempts, ledger, inbox] = await Promise.all([
    graph.read<{ attempt: AttemptState }>(OWN_ATTEMPTS, { payment }),
    inspector.ledger(payment),
    inspector.inbox(customer.id),
  ]);
  return { ...attempts[0], charged: ledger.length, notified: inbox.length };
}

const OWN_ATTEMPTS = `
  MATCH (a:ChargeAttempt {payment_id: $payment}) WHERE a.source = 'recovery'
  RETURN a.state AS attempt`;

async function startAndStop(
  system: FaultSystem,
  { at, script = [], neo4jStop, holdWorkerResponse }: RecoveryPoint,
): Promise<StoppedRecovery> {
  // The last card is charged.
  const customer = await customerWithScriptedCards(system, [{}, {}, { script }]);
  const failure = failureOf(customer);
  const payment = failure.payment_id;
  // A command that takes too long within the workflow task is repeated by an activity, which is to be stopped, too.
  const stop = neo4jStop && system.neo4j.proxy.stopAt({ ...neo4jStop(payment), alsoBlock: payment });
  await system.agents.signalPaymentFailed(failure);
  if (stop) {
    await waitUntilReached(stop, at);
    return { at, customer, payment, release: async () => stop.release() };
  }
  const hold = await waitForHold(system, customer.cards.at(-1)?.token ?? '');
  if (!holdWorkerResponse) return { at, customer, payment, release: () => releaseHold(system, hold) };
  const workerStop = system.temporal.proxy.stopAt({ requests: [[`recovery:${payment}`]], hold: 'request' });
  await releaseHold(system, hold);
  await waitUntilReached(workerStop, at);
  return { at, customer, payment, release: async () => workerStop.release() };
}

/** @throws Error if the point is not reached in time */
export async function waitUntilReached(stop: Stop, what: string): Promise<void> {
  const timeout = setTimeout(LIMIT_MS, 'late', { ref: false });
  if ((await Promise.race([stop.reached, timeout])) === 'late')
    throw new Error(`the point was not reached in time: ${what}`);
}
