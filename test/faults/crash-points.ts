/**
 * Points at which a crash leaves work half done, with real processes and `kill -9`: a recovery is stopped at an exact
 * request, and a process is killed there and restarted. The tests check what is externally visible: the graph, the
 * gateway's ledger, the inbox.
 *
 * Some effects of a kill are cleaned up only when a charge has timed out, a minute later: so the first tests only kill,
 * and one test per crash then checks its results.
 */

import { expect, test } from 'vitest';
import { fetchAs } from '../../platform/run-access.ts';
import { recoveryWorkflowId } from '../../domain/workflow-contracts.ts';
import { customerWithScriptedCards, failureOf } from './customer-fixtures.ts';
import {
  ANSWERED,
  BEFORE_CAPTURE,
  BEFORE_CHARGE,
  BEFORE_CLAIM,
  BEFORE_NOTICE,
  BEFORE_RECORD,
  CAPTURED,
  CLAIMED,
  NOTICED,
  type RecoveryPoint,
  RECORDED,
  waitUntilReached,
  type StoppedRecovery,
  stopRecoveriesAt,
} from './recovery-points.ts';
import type { FaultSystem } from './system.ts';

const LIMIT = { timeout: 300_000, interval: 200 };
const AT_THE_GATEWAY = [BEFORE_CAPTURE, CAPTURED];

/** Where recoveries are stopped when a process is killed; ANSWERED, if included, is last. */
type CrashPoints = Record<Exclude<Crash, 'api'>, RecoveryPoint[]>;

type Crash = (typeof CRASHES)[number]['name'];

const CRASHES = [
  { name: 'terminated', crash: 'a manual termination' },
  { name: 'dataLost', crash: "a loss of Temporal's data" },
  { name: 'worker', crash: 'a kill of the worker' },
  { name: 'gateway', crash: 'a kill of the gateway' },
  { name: 'api', crash: 'a kill of the API' },
  { name: 'temporal', crash: 'a kill of Temporal' },
  { name: 'neo4j', crash: 'a kill of Neo4j' },
] as const;

/** Every crash at every point. */
export const EVERY_POINT: CrashPoints = {
  terminated: [CLAIMED, BEFORE_CHARGE, ...AT_THE_GATEWAY],
  // What only Temporal knew is lost with it: from the claim on, the graph knows the recovery.
  // Once the outcome is recorded the notice is due, whether or not its run has started to deliver it.
  dataLost: [CLAIMED, BEFORE_CHARGE, ...AT_THE_GATEWAY, BEFORE_RECORD, RECORDED, BEFORE_NOTICE],
  worker: [
    ...[BEFORE_CLAIM, CLAIMED, BEFORE_CHARGE, ...AT_THE_GATEWAY],
    ...[BEFORE_RECORD, RECORDED, BEFORE_NOTICE, NOTICED, ANSWERED],
  ],
  gateway: [BEFORE_CHARGE, ...AT_THE_GATEWAY],
  temporal: [BEFORE_CLAIM, BEFORE_CHARGE, ...AT_THE_GATEWAY, BEFORE_RECORD, BEFORE_NOTICE, ANSWERED],
  neo4j: [
    ...[BEFORE_CLAIM, CLAIMED, BEFORE_CHARGE, ...AT_THE_GATEWAY],
    ...[BEFORE_RECORD, RECORDED, BEFORE_NOTICE, NOTICED],
  ],
};

/** Every crash, at points that each leave a different step half done: claim, charge, record and notice. */
export const FEW_POINTS: CrashPoints = {
  terminated: [CLAIMED, BEFORE_CAPTURE],
  dataLost: [CLAIMED, CAPTURED, RECORDED],
  worker: [CLAIMED, BEFORE_CHARGE, CAPTURED, RECORDED, NOTICED, ANSWERED],
  gateway: [BEFORE_CHARGE, ...AT_THE_GATEWAY],
  temporal: [BEFORE_CHARGE, CAPTURED, BEFORE_RECORD, ANSWERED],
  neo4j: [BEFORE_CLAIM, CLAIMED, CAPTURED, RECORDED, BEFORE_NOTICE],
};

const API_STOPS = [
  { at: 'before it queried the graph', server: 'neo4j', hold: 'request' },
  { at: 'after it signalled', server: 'temporal', hold: 'answer' },
] as const;

/** Defines the tests. @param getSystem the system, once it is running */
export function testCrashPoints(getSystem: () => FaultSystem, points: CrashPoints): void {
  /** The recoveries that were stopped during each crash. */
  const crashed: Partial<Record<Crash, Pick<StoppedRecovery, 'at' | 'customer' | 'payment'>[]>> = {};

  test("runs are terminated manually, then Temporal's data is lost, and the sweep restarts every recovery", async () => {
    const system = getSystem();
    const terminated = await stopRecoveriesAt(system, points.terminated);
    const stoppedBeforeLoss = await stopRecoveriesAt(system, points.dataLost);
    for (const { payment } of terminated)
      await system.client.workflow.getHandle(recoveryWorkflowId(payment)).terminate('manually');
    await releaseAll(terminated);
    await system.temporal.replace();
    await releaseAll(stoppedBeforeLoss);
    // As an operator does after losing Temporal's data: a starting worker restores the schedule.
    await system.program('worker').kill();
    await system.program('worker').restart();
    await system.sweep();
    Object.assign(crashed, { terminated, dataLost: stoppedBeforeLoss });
  });

  test('the worker is killed at each of its points', async () => {
    const system = getSystem();
    const stopped = await stopRecoveriesAt(system, points.worker);
    await system.program('worker').kill();
    await releaseAll(stopped);
    await system.program('worker').restart();
    crashed.worker = stopped;
  });

  test('the gateway is killed at each of its points', async () => {
    const system = getSystem();
    const stopped = await stopRecoveriesAt(system, points.gateway);
    await system.program('gateway').kill();
    await releaseAll(stopped);
    await system.program('gateway').restart();
    crashed.gateway = stopped;
  });

  test('the API is killed before and after a failure that it received reaches Temporal', async () => {
    const system = getSystem();
    const stopped: NonNullable<(typeof crashed)['api']> = [];
    for (const { at, server, hold } of API_STOPS) {
      const customer = await customerWithScriptedCards(system, [{}, {}]);
      const failure = failureOf(customer);
      const payment = failure.payment_id;
      const stop = system[server].proxy.stopAt({ requests: [[payment]], hold });
      const unanswered = expect(report(system, failure)).rejects.toThrow();
      await waitUntilReached(stop, at);
      await system.program('api').kill();
      await unanswered;
      await system.program('api').restart();
      expect((await report(system, failure)).status).toBe(202);
      stopped.push({ at, customer, payment });
    }
    crashed.api = stopped;
  });

  test('Temporal is killed at each of its points', async () => {
    const system = getSystem();
    const stopped = await stopRecoveriesAt(system, points.temporal);
    await system.temporal.kill();
    await releaseAll(stopped);
    await system.temporal.restart();
    crashed.temporal = stopped;
  });

  test('Neo4j is killed at each of its points', async () => {
    const system = getSystem();
    const stopped = await stopRecoveriesAt(system, points.neo4j);
    await system.neo4j.kill();
    await releaseAll(stopped);
    await system.neo4j.restart();
    crashed.neo4j = stopped;
  });

  test.each(CRASHES)(
    'after $crash each payment is recovered once, and its customer is notified',
    async ({ name }) => {
      const recoveries = crashed[name] ?? [];
      expect(recoveries.map(({ at }) => at).sort()).toEqual(expectedPoints(points, name));
      for (const recovery of recoveries) await expectRecoveredOnce(getSystem(), recovery, name);
    },
  );

  test('after all crashes no customer was notified twice', async () => {
    for (const { at, customer } of Object.values(crashed).flat()) {
      const inbox = await getSystem().inspector.inbox(customer.id);
      // A webhook receiver recognises a repeat by the notification's id.
      expect(new Set(inbox.map((one) => one.notification_id)).size, at).toBe(1);
    }
  });
}

function expectedPoints(points: CrashPoints, crash: Crash): string[] {
  const stops = crash === 'api' ? API_STOPS : points[crash];
  return stops.map(({ at }) => at).sort();
}

async function expectRecoveredOnce(
  system: FaultSystem,
  { at, customer, payment }: Pick<StoppedRecovery, 'at' | 'customer' | 'payment'>,
  crash: Crash,
): Promise<void> {
  const { inspector } = system;
  await expect.poll(() => inspector.obligation(payment), { ...LIMIT, message: at }).toBe('recovered');
  const charges = (await inspector.ledger(payment)).filter(({ status }) => status !== 'failed');
  expect(charges, at).toMatchObject([
    { payment_method: customer.cards.at(-1)?.token, status: 'succeeded', amount: 4900, currency: 'usd' },
  ]);
  const notices = async () => {
    // For a minute the sweep leaves an ended recovery to its own run, which is lost: a later sweep finds it.
    if (crash === 'dataLost') await system.sweep();
    return (await inspector.inbox(customer.id)).map(({ template }) => template);
  };
  await expect.poll(notices, { ...LIMIT, interval: 1_000, message: at }).toContain('recovered');
  expect(await system.agents.getRecovery(payment), at).toMatchObject({ outcome: 'recovered' });
}

async function releaseAll(stopped: readonly StoppedRecovery[]): Promise<void> {
  for (const one of stopped) await one.release();
}

const report = ({ persona: { addresses } }: FaultSystem, failure: object) =>
  fetchAs(addresses.auth, { role: 'synapse' }, `${addresses.http}/internal/v1/payment-failures`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(failure),
  });
