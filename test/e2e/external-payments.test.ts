/** Payments not made by Persona: through the original link, charged by another system, or wrongly referenced. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import neo4j, { type Driver } from 'neo4j-driver';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { fetchAs } from '../../platform/run-access.ts';
import { type Agents, connectAgents } from '../../dev/demo/agents.ts';
import { type StateInspector, openStateInspector } from '../../dev/demo/state-inspector.ts';
import { type PersonaSystem, startPersona } from '../../dev/persona.ts';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';
import { type Graph, openConfiguredGraph } from '../../graph/index.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { customerWithScriptedCards, failureOf, type TestCustomer } from '../faults/customer-fixtures.ts';
import type { CardPlan } from '../scenarios/wallet-plan.ts';

const LIMIT = { timeout: 60_000, interval: 50 };
const DECLINE = { do: 'decline', decline_code: 'insufficient_funds' } as const;
const policy = readPolicy();
let guard: Guard;
let persona: PersonaSystem;
let agents: Agents;
let inspector: StateInspector;
let graph: Graph;
let driver: Driver;

beforeAll(async () => {
  guard = startGuard();
  const folder = mkdtempSync(join(tmpdir(), 'persona-e2e-'));
  guard.removeAtEnd(folder);
  persona = await startPersona({ guard, log: () => {}, runFile: join(folder, 'run.json') });
  agents = await connectAgents(persona.addresses);
  inspector = openStateInspector(persona.addresses);
  graph = openConfiguredGraph(readGraphEnvironment(process.env));
  const { neo4j: uri, neo4j_username, neo4j_password } = persona.addresses;
  driver = neo4j.driver(uri, neo4j.auth.basic(neo4j_username, neo4j_password));
});
afterAll(async () => {
  await Promise.all([agents?.close(), inspector?.close(), graph?.close(), driver?.close()]);
  await guard.stop();
});
beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(persona.logTails())));

const createCustomer = (plans: CardPlan[]) => customerWithScriptedCards({ graph, policy, persona }, plans);

/** As another of the merchant's systems calls the gateway. */
async function postPaymentIntent(path: string, form: Record<string, string> = {}): Promise<{ id: string }> {
  const response = await fetch(`${persona.addresses.gateway}/v1/payment_intents${path}`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk_test_others' },
    body: new URLSearchParams(form),
  });
  expect(response.ok, await response.clone().text()).toBe(true);
  return (await response.json()) as { id: string };
}

/** Creates an external payment of the customer; paid immediately if `paid`. */
function createExternalPayment(
  customer: TestCustomer,
  { paid, payment_id, amount = 4900 }: { paid: boolean; payment_id?: string; amount?: number },
): Promise<{ id: string }> {
  return postPaymentIntent('', {
    amount: String(amount),
    currency: 'usd',
    customer: `cus_${customer.id}`,
    'payment_method_types[]': 'card',
    ...(payment_id && { 'metadata[payment_id]': payment_id }),
    ...(paid && { payment_method: customer.cards[0]?.token ?? '', off_session: 'true', confirm: 'true' }),
  });
}

const recovery = (paymentId: string) => agents.getRecovery(paymentId);
const templates = async ({ id }: TestCustomer) => (await inspector.inbox(id)).map(({ template }) => template);
const statuses = async (paymentId: string) =>
  (await inspector.ledger(paymentId)).map(({ payment_intent, status }) => [payment_intent, status]);

async function settle(body: object): Promise<void> {
  const { auth, http } = persona.addresses;
  const response = await fetchAs(auth, { role: 'synapse' }, `${http}/internal/v1/payment-settlements`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ event_id: randomUUID(), settled_at: new Date().toISOString(), ...body }),
  });
  expect(response.status, await response.text()).toBe(202);
}

test('a payment through the original link ends the recovery immediately, without a charge or reminder', async () => {
  const customer = await createCustomer([{}, { ineligibility: 'unconsented' }]);
  const { id } = await createExternalPayment(customer, { paid: false });
  const event = failureOf(customer, { gateway_payment_ref: id, decline_code: 'expired_card' });
  await agents.signalPaymentFailed(event);
  await expect.poll(async () => (await recovery(event.payment_id))?.waiting_for, LIMIT).toBe('method');
  await postPaymentIntent(`/${id}/confirm`, { payment_method: customer.cards[1]?.token ?? '' });
  await expect.poll(async () => (await recovery(event.payment_id))?.state, LIMIT).toBe('done');
  expect(await recovery(event.payment_id)).toMatchObject({
    outcome: 'paid_elsewhere',
    rule: 'gateway_payment_succeeded',
    attempts: [],
  });
  expect(await templates(customer)).not.toContain('reminder');
});

test('an external success for the obligation ends the cascade before the next card', async () => {
  const customer = await createCustomer([{}, {}]);
  // After a TECH decline nothing is charged for a minute.
  const event = failureOf(customer, { decline_code: 'processing_error' });
  await agents.signalPaymentFailed(event);
  await expect.poll(async () => (await recovery(event.payment_id))?.class, LIMIT).toBe('TECH');
  const { id } = await createExternalPayment(customer, { paid: true, payment_id: event.payment_id });
  await expect.poll(async () => (await recovery(event.payment_id))?.state, LIMIT).toBe('done');
  expect(await recovery(event.payment_id)).toMatchObject({
    outcome: 'paid_elsewhere',
    attempts: [],
  });
  expect(await statuses(event.payment_id)).toEqual([[id, 'succeeded']]);
});

test('an external success after the end is a second success, and is refunded', async () => {
  const customer = await createCustomer([{}, {}]);
  const event = failureOf(customer);
  await agents.signalPaymentFailed(event);
  await expect.poll(async () => (await recovery(event.payment_id))?.outcome, LIMIT).toBe('recovered');
  const { id } = await createExternalPayment(customer, { paid: true, payment_id: event.payment_id });
  await expect
    .poll(async () => new Map((await statuses(event.payment_id)) as [string, string][]).get(id), LIMIT)
    .toBe('refunded');
  expect((await statuses(event.payment_id)).map(([, status]) => status).sort()).toEqual([
    'refunded',
    'succeeded',
  ]);
  await expect.poll(() => templates(customer), LIMIT).toEqual(['recovered', 'refund_issued']);
});

test.each<[string, (customer: TestCustomer) => Promise<string>]>([
  [
    'another customer’s payment',
    async () => (await createExternalPayment(await createCustomer([{}]), { paid: true })).id,
  ],
  [
    'last month’s payment',
    async (customer) =>
      (await createExternalPayment(customer, { paid: true, payment_id: `pay-${randomUUID()}` })).id,
  ],
  [
    'a payment of a different amount',
    async (customer) => (await createExternalPayment(customer, { paid: true, amount: 100 })).id,
  ],
  [
    'a payment that has not succeeded',
    async (customer) => (await createExternalPayment(customer, { paid: false })).id,
  ],
])(
  'a settlement that names %s refunds nothing, and sends an open recovery to review',
  async (_, createPayment) => {
    const customer = await createCustomer([{}, {}, { ineligibility: 'inactive' }]);
    const [paid, open] = [failureOf(customer), failureOf(customer, { decline_code: 'invalid_account' })];
    const mismatchedRef = await createPayment(customer);
    await agents.signalPaymentFailed(paid);
    await expect.poll(async () => (await recovery(paid.payment_id))?.outcome, LIMIT).toBe('recovered');
    await agents.signalPaymentFailed(open);
    await expect.poll(async () => (await recovery(open.payment_id))?.waiting_for, LIMIT).toBe('method');
    for (const { payment_id, customer_id } of [paid, open])
      await settle({ payment_id, customer_id, gateway_payment_ref: mismatchedRef });
    await expect.poll(async () => (await recovery(open.payment_id))?.state, LIMIT).toBe('needs_review');
    expect(await recovery(open.payment_id)).toMatchObject({
      rule: 'settlement_mismatch',
      waiting_for: 'review',
    });
    // Once this settlement is processed, the one before it is as well.
    await settle({ payment_id: open.payment_id, customer_id: customer.id });
    await expect.poll(async () => (await recovery(open.payment_id))?.outcome, LIMIT).toBe('paid_elsewhere');
    expect((await statuses(paid.payment_id)).map(([, status]) => status)).toEqual(['succeeded']);
    expect(await recovery(paid.payment_id)).toMatchObject({ outcome: 'recovered' });
  },
);

/** Terminates the run, as if Temporal's data had been restored, too. */
async function terminate(paymentId: string): Promise<void> {
  const connection = await Connection.connect({ address: persona.addresses.temporal });
  const client = new Client({ connection, namespace: persona.addresses.temporal_namespace });
  const run = client.workflow.getHandle(`recovery:${paymentId}`);
  // It may have ended meanwhile.
  await run.terminate().catch((error: unknown) => {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  });
  await connection.close();
}

async function advanceClock(advance_s: number): Promise<void> {
  const body = JSON.stringify({ advance_s });
  const response = await fetch(`${persona.addresses.gateway}/_sim/clock`, { method: 'POST', body });
  expect(response.ok).toBe(true);
}

/** Leaves the graph as if restored from a backup taken before the payment failed. */
async function deleteFromGraph(paymentId: string): Promise<void> {
  await driver.executeQuery(
    `CALL () { MATCH (o:Obligation {payment_id: $id}) DETACH DELETE o }
     CALL () { MATCH (a:ChargeAttempt {payment_id: $id}) DETACH DELETE a }
     CALL () { MATCH (r:CommandReceipt) WHERE r.key CONTAINS $id DETACH DELETE r }`,
    { id: paymentId },
  );
}

test.each<[string, CardPlan['script'], object, string[]]>([
  ['was charged', [], { outcome: 'recovered', attempts: [{ state: 'approved' }] }, ['succeeded']],
  [
    'was declined',
    [DECLINE],
    { outcome: 'recovered', attempts: [{ state: 'approved' }] },
    ['failed', 'succeeded'],
  ],
])(
  'a payment that a restored graph lacks, and that %s, is not created again',
  async (_, script, found, ledger) => {
    const customer = await createCustomer([{}, { script }]);
    const event = failureOf(customer);
    await agents.signalPaymentFailed(event);
    await expect.poll(async () => (await recovery(event.payment_id))?.attempts.length, LIMIT).toBe(1);
    await expect.poll(async () => (await recovery(event.payment_id))?.state, LIMIT).toMatch(/done|waiting/);
    await terminate(event.payment_id);
    await deleteFromGraph(event.payment_id);
    // Expires the idempotency key of the lost attempt, which the new one uses again.
    await advanceClock(25 * 3_600);
    const again = { ...event, event_id: randomUUID() };
    await agents.signalPaymentFailed(again);
    await expect.poll(async () => (await recovery(event.payment_id))?.state, LIMIT).toBe('done');
    expect(await recovery(event.payment_id)).toMatchObject(found);
    const rows = await inspector.ledger(event.payment_id);
    expect(rows.map(({ status }) => status)).toEqual(ledger);
    expect(new Set(rows.map(({ payment_intent }) => payment_intent)).size).toBe(1);
  },
);
