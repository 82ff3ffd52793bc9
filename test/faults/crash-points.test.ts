/**
 * Every point at which a crash leaves something half done, with real processes and `kill -9`. A recovery is stopped at
 * an exact request, its process is killed there and started again; nothing but what a user sees is looked at.
 *
 * Some of what a kill leaves is cleared up only when a charge's time is over, 45 s and more: so each test kills and
 * goes on, and the last ones look at how everything ended.
 */

import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';
import { verifyAll } from '../../graph/replay/verify.ts';
import { customerWithScripts, failureOf, type Script } from './customers.ts';
import { holdOn, releaseHold } from './gateway.ts';
import { COMMIT, type Stop, type StopAt } from './proxy.ts';
import { type FaultSystem, startFaultSystem } from './system.ts';

const LIMIT = { timeout: 100_000, interval: 200 };
let guard: Guard;
let system: FaultSystem;
const begun = new Map<string, Begun>();

interface Begun {
  customer: string;
  payment: string;
  /** Token of the card that must be charged. */
  token: string;
}

/** Where a recovery stands when its process is killed. */
interface Point {
  at: string;
  /** What the gateway does with the charge. */
  script?: Script;
  /** Stops it at a request to Neo4j. */
  graph?: (payment: string) => StopAt;
  /** Stops the worker's next word about it to Temporal, once the gateway's answer is on its way. */
  temporal?: true;
}

const GRAPH_POINTS: Point[] = [
  {
    at: 'before the claim',
    graph: (payment) => ({ requests: [['ChargeClaimed', payment]], hold: 'request' }),
  },
  {
    at: 'after the claim, its answer lost',
    graph: (payment) => ({ requests: [['ChargeClaimed', payment], [COMMIT]], hold: 'answer' }),
  },
  {
    at: 'between claim and charge',
    graph: (payment) => ({
      requests: [['MATCH (a:ChargeAttempt {key: $key})', `recovery:${payment}:`]],
      hold: 'request',
    }),
  },
  {
    at: 'before the outcome is recorded',
    graph: (payment) => ({ requests: [['RecoveryClosed', payment]], hold: 'request' }),
  },
  {
    at: 'after the outcome is recorded, the answer lost',
    graph: (payment) => ({ requests: [['RecoveryClosed', payment], [COMMIT]], hold: 'answer' }),
  },
  {
    at: 'between record and notice',
    graph: (payment) => ({ requests: [[`notice:recovery:${payment}`]], hold: 'request' }),
  },
  {
    at: 'after the notice was handed over, before that is written down',
    graph: (payment) => ({ requests: [['NoticeSent', payment]], hold: 'request' }),
  },
];
const GATEWAY_POINTS: Point[] = [
  { at: 'before the capture', script: [{ do: 'hold_before_capture' }] },
  { at: 'after the capture, before the response', script: [{ do: 'hold_after_capture' }] },
];
const TEMPORAL_POINT: Point = {
  at: 'after the response, before Temporal hears of it',
  script: [{ do: 'hold_after_capture' }],
  temporal: true,
};

beforeAll(async () => {
  guard = startGuard();
  system = await startFaultSystem({ guard, log: () => {} });
});
afterAll(async () => {
  await system?.close();
  await guard.stop();
});
beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(system.persona.logTails())));

/** Begins a recovery and waits until it stands at the point. @returns what lets it go on */
async function standAt(kill: string, point: Point): Promise<{ release: () => Promise<void> }> {
  const customer = await customerWithScripts(system, [[], [], point.script ?? []]);
  const failure = failureOf(customer);
  const payment = failure.payment_id;
  const token = customer.cards.at(-1)?.token ?? '';
  begun.set(`${kill}: ${point.at}`, { customer: customer.id, payment, token });
  const stop = point.graph && system.neo4j.proxy.stopAt(point.graph(payment));
  await system.agents.signalPaymentFailed(failure);
  if (stop) {
    await reached(stop, point.at);
    return { release: async () => stop.release() };
  }
  const hold = await holdOn(system, token);
  if (!point.temporal) return { release: () => releaseHold(system, hold) };
  const silence = system.temporal.proxy.stopAt({ requests: [[`recovery:${payment}`]], hold: 'request' });
  await releaseHold(system, hold);
  await reached(silence, point.at);
  return { release: async () => silence.release() };
}

function reached(stop: Stop, what: string): Promise<void> {
  const late = setTimeout(20_000, undefined, { ref: false }).then(() => {
    throw new Error(`no recovery came to stand ${what}`);
  });
  return Promise.race([stop.reached, late]);
}

const standAtAll = async (kill: string, points: Point[]) =>
  Promise.all(points.map((point) => standAt(kill, point)));

test('the worker is killed at every point', async () => {
  const standing = await standAtAll('worker', [...GRAPH_POINTS, ...GATEWAY_POINTS]);
  // Everything that this worker says to Temporal goes over one connection: so it is the last one to be stopped.
  standing.push(await standAt('worker', TEMPORAL_POINT));
  await system.program('worker').kill();
  for (const { release } of standing) await release();
  await system.program('worker').restart();
});

const NAMES = ['worker'].flatMap((kill) =>
  [...GRAPH_POINTS, ...GATEWAY_POINTS, TEMPORAL_POINT].map(({ at }) => `${kill}: ${at}`),
);

test.each(NAMES)('%s, and the payment is recovered once', async (name) => {
  const { customer, payment, token } = begun.get(name) as Begun;
  await expect.poll(async () => system.evidence.obligation(payment), LIMIT).toBe('recovered');
  expect((await system.evidence.ledger(payment)).filter(({ status }) => status !== 'failed')).toMatchObject([
    { payment_method: token, status: 'succeeded', amount: 4900, currency: 'usd' },
  ]);
  const notices = async () => (await system.evidence.inbox(customer)).map(({ template }) => template);
  await expect.poll(notices, LIMIT).toContain('recovered');
  const inbox = await system.evidence.inbox(customer);
  expect(new Set(inbox.map(({ notification_id }) => notification_id)).size).toBe(1);
  expect(await system.agents.getRecovery(payment)).toMatchObject({ state: 'done', outcome: 'recovered' });
});

test('the graph is what its log says', async () => {
  const differences: unknown[] = [];
  await verifyAll(system.graph, { onDifference: (difference) => differences.push(difference) });
  expect(differences).toEqual([]);
});
