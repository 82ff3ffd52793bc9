/**
 * Points at which a crash leaves something half done, with real processes and `kill -9`: a recovery is stopped at an exact
 * request, something is killed there and started again. What is looked at is what a user sees: the graph, the gateway's
 * ledger, the inbox.
 *
 * Some of what a kill leaves is cleared up only when a charge's time is over, a minute later: so each test kills and
 * leaves it at that, and the last one looks at how everything ended.
 */

import { expect, test } from 'vitest';
import { recoveryWorkflowId } from '../../domain/processes.ts';
import { customerWithCards, failureOf } from './customers.ts';
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
  type Point,
  RECORDED,
  reached,
  type Standing,
  standAt,
} from './points.ts';
import type { FaultSystem } from './system.ts';

const LIMIT = { timeout: 300_000, interval: 200 };
const AT_THE_GATEWAY = [BEFORE_CAPTURE, CAPTURED];

/** Where recoveries stand when something is killed; ANSWERED, where it is among them, comes last. */
interface CrashPoints {
  terminated: Point[];
  dataLost: Point[];
  worker: Point[];
  gateway: Point[];
  temporal: Point[];
  neo4j: Point[];
}

/** All that there are. */
export const EVERY_POINT: CrashPoints = {
  terminated: [CLAIMED, BEFORE_CHARGE, ...AT_THE_GATEWAY],
  // What only Temporal had heard of is lost with it: from the claim on the graph knows.
  // Of what is recorded the notice is due, whether or not its run has begun to hand it over.
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

/** Every crash, each where it leaves something else half done: claim, charge, record and notice. */
export const FEW_POINTS: CrashPoints = {
  terminated: [CLAIMED, BEFORE_CAPTURE],
  dataLost: [CLAIMED, CAPTURED, RECORDED],
  worker: [CLAIMED, BEFORE_CHARGE, CAPTURED, RECORDED, NOTICED, ANSWERED],
  gateway: [BEFORE_CHARGE, ...AT_THE_GATEWAY],
  temporal: [BEFORE_CHARGE, CAPTURED, BEFORE_RECORD, ANSWERED],
  neo4j: [BEFORE_CLAIM, CLAIMED, CAPTURED, RECORDED, BEFORE_NOTICE],
};

/** Defines the tests. @param running the system, once it runs */
export function testCrashPoints(running: () => FaultSystem, points: CrashPoints): void {
  /** Every recovery that a crash met, by the crash and the point. */
  const met = new Map<string, Pick<Standing, 'customer' | 'payment'>>();

  function remember(crash: string, standing: readonly Standing[]): void {
    for (const one of standing) met.set(`${crash}, ${one.at}`, one);
  }

  test("runs are terminated by hand, then Temporal's data is lost, and the sweep takes everything up", async () => {
    const system = running();
    const terminated = await standAt(system, points.terminated);
    const lost = await standAt(system, points.dataLost);
    for (const { payment } of terminated)
      await system.client.workflow.getHandle(recoveryWorkflowId(payment)).terminate('by hand');
    await releaseAll(terminated);
    await system.temporal.replace();
    await releaseAll(lost);
    // As whoever has lost Temporal's data does: a worker that starts puts the schedule back into place.
    await system.program('worker').kill();
    await system.program('worker').restart();
    await system.sweep();
    remember('terminated by hand', terminated);
    remember("Temporal's data lost", lost);
  });

  test('the worker is killed', async () => {
    const system = running();
    const standing = await standAt(system, points.worker);
    await system.program('worker').kill();
    await releaseAll(standing);
    await system.program('worker').restart();
    remember('the worker killed', standing);
  });

  test('the gateway is killed', async () => {
    const system = running();
    const standing = await standAt(system, points.gateway);
    await system.program('gateway').kill();
    await releaseAll(standing);
    await system.program('gateway').restart();
    remember('the gateway killed', standing);
  });

  test('the API is killed before and after a failure that it was told of reaches Temporal', async () => {
    const system = running();
    const stops = [
      { at: 'before it asked the graph', proxy: system.neo4j.proxy, hold: 'request' },
      { at: 'after it signalled', proxy: system.temporal.proxy, hold: 'answer' },
    ] as const;
    for (const { at, proxy, hold } of stops) {
      const customer = await customerWithCards(system, [{}, {}]);
      const failure = failureOf(customer);
      const payment = failure.payment_id;
      const stop = proxy.stopAt({ requests: [[payment]], hold });
      const unanswered = expect(report(system, failure)).rejects.toThrow();
      await reached(stop, at);
      await system.program('api').kill();
      await unanswered;
      await system.program('api').restart();
      expect((await report(system, failure)).status).toBe(202);
      met.set(`the API killed, ${at}`, { customer, payment });
    }
  });

  test('Temporal is killed', async () => {
    const system = running();
    const standing = await standAt(system, points.temporal);
    await system.temporal.kill();
    await releaseAll(standing);
    await system.temporal.restart();
    remember('Temporal killed', standing);
  });

  test('Neo4j is killed', async () => {
    const system = running();
    const standing = await standAt(system, points.neo4j);
    await system.neo4j.kill();
    await releaseAll(standing);
    await system.neo4j.restart();
    remember('Neo4j killed', standing);
  });

  test('whatever was killed at whatever point, each payment is recovered once, and its customer told once', async () => {
    const system = running();
    expect(met.size).toBe(Object.values(points).flat().length + 2);
    for (const [when, { customer, payment }] of met) {
      await expect
        .poll(() => system.evidence.obligation(payment), { ...LIMIT, message: when })
        .toBe('recovered');
      const money = (await system.evidence.ledger(payment)).filter(({ status }) => status !== 'failed');
      expect(money, when).toMatchObject([
        { payment_method: customer.cards.at(-1)?.token, status: 'succeeded', amount: 4900, currency: 'usd' },
      ]);
      const notices = async () => {
        // For a minute what has ended is left to its own run, which is lost: a later sweep than the first finds it.
        if (when.startsWith("Temporal's data lost")) await system.sweep();
        return (await system.evidence.inbox(customer.id)).map(({ template }) => template);
      };
      await expect.poll(notices, { ...LIMIT, interval: 1_000, message: when }).toContain('recovered');
      expect(await system.agents.getRecovery(payment), when).toMatchObject({ outcome: 'recovered' });
    }
    for (const [when, { customer }] of met) {
      const inbox = await system.evidence.inbox(customer.id);
      // Whoever takes them by webhook knows a repeat by the notification's id.
      expect(new Set(inbox.map((one) => one.notification_id)).size, when).toBe(1);
    }
  });
}

async function releaseAll(standing: readonly Standing[]): Promise<void> {
  for (const one of standing) await one.release();
}

const report = (system: FaultSystem, failure: object) =>
  fetch(`${system.persona.addresses.http}/internal/v1/payment-failures`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(failure),
  });
