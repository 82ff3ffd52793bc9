/** The points at which a crash leaves a recovery half done, each with what makes one stand still there. */

import { setTimeout } from 'node:timers/promises';
import {
  type CardPlan,
  customerWithScriptedCards,
  failureReportOf,
  type TestCustomer,
} from './customer-fixtures.ts';
import { waitForHold, releaseHold } from './gateway-holds.ts';
import { COMMIT, type Stop, type StopCondition } from './proxy.ts';
import type { FaultSystem } from './system.ts';

/** Of a busy machine, on which servers were killed a moment ago; what is waited for is there in a second or two. */
const LIMIT_MS = 300_000;

export interface RecoveryPoint {
  at: string;
  /** What the gateway does with the charge. */
  script?: NonNullable<CardPlan['script']>;
  /** Stops it at a request to Neo4j. */
  neo4jStop?: (payment: string) => StopCondition;
  /** Stops the worker's next word to Temporal about it, when the gateway's answer is on its way. */
  holdWorkerResponse?: true;
}

export const BEFORE_CLAIM: RecoveryPoint = {
  at: 'before the claim',
  neo4jStop: (payment) => ({ requests: [['ChargeClaimed', payment]], hold: 'request' }),
};
export const CLAIMED: RecoveryPoint = {
  at: 'after the claim, its answer lost',
  neo4jStop: (payment) => ({ requests: [['ChargeClaimed', payment], [COMMIT]], hold: 'answer' }),
};
export const BEFORE_CHARGE: RecoveryPoint = {
  at: 'between claim and charge',
  neo4jStop: (payment) => ({
    requests: [['MATCH (a:ChargeAttempt {key: $p.key})', `recovery:${payment}:`]],
    hold: 'request',
  }),
};
export const BEFORE_CAPTURE: RecoveryPoint = {
  at: 'before the capture',
  script: [{ do: 'hold_before_capture' }],
};
export const CAPTURED: RecoveryPoint = {
  at: 'after the capture, before the response',
  script: [{ do: 'hold_after_capture' }],
};
/** A worker has one connection to Temporal: whatever else of it is to stand still must do so before. */
export const ANSWERED: RecoveryPoint = {
  at: 'after the response, before Temporal hears of it',
  script: [{ do: 'hold_after_capture' }],
  holdWorkerResponse: true,
};
export const BEFORE_RECORD: RecoveryPoint = {
  at: 'before the outcome is recorded',
  neo4jStop: (payment) => ({ requests: [['RecoveryClosed', payment]], hold: 'request' }),
};
export const RECORDED: RecoveryPoint = {
  at: 'after the outcome is recorded, the answer lost',
  neo4jStop: (payment) => ({ requests: [['RecoveryClosed', payment], [COMMIT]], hold: 'answer' }),
};
export const BEFORE_NOTICE: RecoveryPoint = {
  at: 'between record and notice',
  neo4jStop: (payment) => ({ requests: [[`notice:recovery:${payment}`]], hold: 'request' }),
};
export const NOTICED: RecoveryPoint = {
  at: 'after the notice was handed over, before that is written down',
  neo4jStop: (payment) => ({ requests: [['NoticeSent', payment]], hold: 'request' }),
};

/** A recovery that stands still. */
export interface StoppedRecovery {
  at: string;
  customer: TestCustomer;
  payment: string;
  release(): Promise<void>;
}

/** Begins a recovery for each point, and waits until all of them stand there; last of all those that silence the worker. */
export async function stopRecoveriesAt(
  system: FaultSystem,
  points: readonly RecoveryPoint[],
): Promise<StoppedRecovery[]> {
  const holdingWorker = points.filter(({ holdWorkerResponse }) => holdWorkerResponse);
  const remaining = points.filter(({ holdWorkerResponse }) => !holdWorkerResponse);
  const stopped = await Promise.all(remaining.map((point) => stopRecoveryAt(system, point)));
  return [...stopped, ...(await Promise.all(holdingWorker.map((point) => stopRecoveryAt(system, point))))];
}

async function stopRecoveryAt(
  system: FaultSystem,
  { at, script = [], neo4jStop, holdWorkerResponse }: RecoveryPoint,
): Promise<StoppedRecovery> {
  // The last one is charged.
  const customer = await customerWithScriptedCards(system, [{}, {}, { script }]);
  const failure = failureReportOf(customer);
  const payment = failure.payment_id;
  // What takes too long within a workflow's task is begun once more by an activity: that stands still, too.
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

/** @throws Error when nobody comes there */
export async function waitUntilReached(stop: Stop, what: string): Promise<void> {
  const timeout = setTimeout(LIMIT_MS, 'late', { ref: false });
  if ((await Promise.race([stop.reached, timeout])) === 'late')
    throw new Error(`nobody came to stand ${what}`);
}
