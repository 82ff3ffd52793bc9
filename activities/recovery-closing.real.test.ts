/** What the gateway says of the obligation's own payment when it is closed, and events whose ids come back. */

import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GatewayPayment, PaymentGateway } from '../domain/ports.ts';
import type { Graph } from '../graph/index.ts';
import { getObligation } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { closeVerified, openTestGraph } from '../test/graph.ts';
import { claimedObligation } from '../test/obligations.ts';
import { customerWithCards, failureOf } from '../test/wallets.ts';
import { createRecoveryActivities } from './recovery.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => closeVerified(graph));

function activities(gateway: Partial<PaymentGateway>) {
  return createRecoveryActivities({
    graph,
    gateway: gateway as PaymentGateway,
    policy,
    tellRecoveries: async () => {},
    now: Date.now,
  });
}

test.each([
  ['that names no payment speaks of the own one', undefined, { result: 'already_succeeded' }, 'open'],
  [
    'that names another one was a second payment',
    'pi_2',
    { result: 'closed', paid_too: true },
    'paid_elsewhere',
  ],
])('the own payment had succeeded: a settlement %s', async (_, payment_ref, answer, state) => {
  const { payment_id, record } = await claimedObligation(graph, policy);
  await record({ result: 'declined', codes: { decline_code: 'authentication_required' } });
  const { closeRecovery } = activities({ cancelPayment: async () => 'already_succeeded' });
  const ending = {
    outcome: 'paid_elsewhere',
    rule: 'settled',
    ...(payment_ref ? { payment_ref } : {}),
  } as const;
  const closing = { payment_id, ending, keep_payment: false };
  expect(await new MockActivityEnvironment().run(closeRecovery, closing)).toMatchObject(answer);
  expect(await getObligation(graph, payment_id)).toMatchObject({ state });
});

test('a settlement by the own payment closes it, and nothing was paid twice', async () => {
  const { payment_id, record } = await claimedObligation(graph, policy);
  await record({ result: 'declined', codes: { decline_code: 'authentication_required' } });
  const { closeRecovery } = activities({ cancelPayment: async () => 'already_succeeded' });
  const ending = { outcome: 'paid_elsewhere', rule: 'settled', payment_ref: `pi_${payment_id}` } as const;
  const closing = { payment_id, ending, keep_payment: false };
  const closed = await new MockActivityEnvironment().run(closeRecovery, closing);
  expect(closed).toMatchObject({ result: 'closed' });
  expect(closed).not.toHaveProperty('paid_too');
});

test.each([
  ['has succeeded, too', 'succeeded', { result: 'unchanged', second: expect.any(String) }],
  ['was named by mistake', 'cancelled', { result: 'closed', obligation: { outcome: 'paid_elsewhere' } }],
] as const)('of two settlements by two payments the first %s', async (_, state, answer) => {
  const { payment_id, customer_id, record } = await claimedObligation(graph, policy);
  await record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  const [first, second] = [`pi_${randomUUID()}`, `pi_${randomUUID()}`];
  const states = new Map<string, string>([
    [first, state],
    [second, 'succeeded'],
  ]);
  const { closeRecovery, openSettled } = activities({
    cancelPayment: async () => 'cancelled',
    readPayment: async (ref) => ({ state: states.get(ref) }) as GatewayPayment,
  });
  const run = new MockActivityEnvironment();
  const ending = { outcome: 'paid_elsewhere', rule: 'settled', payment_ref: first } as const;
  await run.run(closeRecovery, { payment_id, ending, keep_payment: false });
  const settled_at = new Date().toISOString();
  const settlement = {
    event_id: randomUUID(),
    payment_id,
    customer_id,
    settled_at,
    gateway_payment_ref: second,
  };
  expect(await run.run(openSettled, { settlement })).toMatchObject(answer);
});

test('an event id that comes back with another body is refused, and does not stop the run', async () => {
  const wallet = await customerWithCards(graph, policy, { cards: 2 });
  const first = failureOf(wallet);
  const { openRecovery } = activities({});
  const run = new MockActivityEnvironment();
  const heard = (failure: typeof first) => run.run(openRecovery, { failure, claim_first: false });
  expect(await heard(first)).toMatchObject({ result: 'opened' });
  const occurred_at = new Date(Date.now() + 1_000).toISOString();
  const again = { ...first, event_id: randomUUID(), occurred_at };
  expect(await heard(again)).toMatchObject({ result: 'noted' });
  expect(await heard(again)).toMatchObject({ result: 'noted' });
  expect(await heard({ ...again, decline_code: 'stolen_card' })).toMatchObject({
    result: 'refused',
    type: 'idempotency_key_reused',
  });
});
