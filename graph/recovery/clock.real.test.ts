/** The state of a recovery's clock is known to a run that takes over, and to queries. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../../test/test-graph.ts';
import { claimedObligation } from '../../test/obligation-fixtures.ts';
import { failureOf } from '../../test/wallet-fixtures.ts';
import { verifyCustomer } from '../replay/verify.ts';
import type { Graph } from '../index.ts';
import {
  closeRecovery,
  getObligation,
  getRecovery,
  storeClock,
  openRecovery,
  resumeRecovery,
} from './index.ts';

const DAY = 86_400_000;
const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => verifyAndClose(graph));

const iso = (at: number) => new Date(at).toISOString();

async function resumed(payment_id: string) {
  const opening = await resumeRecovery(graph, { payment_id, policy, now: Date.now() });
  if (!('recovery' in opening)) throw new Error(`not open: ${JSON.stringify(opening)}`);
  return opening.recovery;
}

test('a window whose clock was stopped ends later, and a run that takes over knows since when it is stopped', async () => {
  const { payment_id, customer_id } = await claimedObligation(graph, policy);
  const { closes_at } = await resumed(payment_id);
  const store = (clock: { closes_at: string; stopped_at?: string }) =>
    storeClock(graph, testHeader(), { payment_id, ...clock });
  const stopped_at = iso(closes_at - 7 * DAY);
  await store({ closes_at: iso(closes_at), stopped_at });
  expect(await resumed(payment_id)).toMatchObject({ closes_at, clock_stopped_at: closes_at - 7 * DAY });
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);

  await store({ closes_at: iso(closes_at + DAY), stopped_at });
  expect(await resumed(payment_id)).toMatchObject({
    closes_at: closes_at + DAY,
    clock_stopped_at: closes_at - 7 * DAY,
  });
  await store({ closes_at: iso(closes_at + 3 * DAY) });
  const { clock_stopped_at, ...found } = await resumed(payment_id);
  expect([found.closes_at, clock_stopped_at]).toEqual([closes_at + 3 * DAY, undefined]);
  expect(await getRecovery(graph, payment_id)).toMatchObject({ closes_at: iso(closes_at + 3 * DAY) });
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);
});

test('an unchanged clock or a closed obligation writes nothing; a reopened obligation has a new window', async () => {
  const { payment_id, customer_id, record } = await claimedObligation(graph, policy);
  await record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  const { closes_at } = await resumed(payment_id);
  const stopped_at = iso(closes_at - DAY);
  const seq = async () => (await getObligation(graph, payment_id)).changed_seq;
  const store = () => storeClock(graph, testHeader(), { payment_id, closes_at: iso(closes_at), stopped_at });
  await store();
  const before = await seq();
  await store();
  expect(await seq()).toBe(before);
  await closeRecovery(graph, testHeader(), { payment_id, outcome: 'exhausted', rule: 'test' });
  const closed = await seq();
  await storeClock(graph, testHeader(), { payment_id, closes_at: iso(closes_at + DAY) });
  expect(await seq()).toBe(closed);

  const { failed_payment_method_id = '' } = await getObligation(graph, payment_id);
  const occurred_at = iso(Date.now() + 1_000);
  const failure = failureOf(
    { customer_id, methods: [failed_payment_method_id] },
    { payment_id, occurred_at },
  );
  const now = Date.now() + 2_000;
  await openRecovery(graph, testHeader({ occurredAt: occurred_at }), {
    ...{ failure, policy, now },
    claim_first: false,
  });
  const reopened = await resumed(payment_id);
  expect(reopened).toMatchObject({ state: 'open', closes_at: now + policy.recovery.window });
  expect(reopened).not.toHaveProperty('clock_stopped_at');
});
