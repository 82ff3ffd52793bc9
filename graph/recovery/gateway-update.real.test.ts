import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { PaymentUpdate } from '../../domain/ports.ts';
import { randomToken, runCypher, testHeader } from '../../test/test-graph.ts';
import { recordingGraph } from '../../test/recording-graph.ts';
import { claimedObligation } from '../../test/obligation-fixtures.ts';
import { addPaymentMethod, recordGatewayEvent } from '../index.ts';
import { adoptGatewayPayment, findKnownPayment, recordAttempt } from './index.ts';
import { recoveryCommands } from './recovery-fixtures.ts';

const { graph, policy } = await recoveryCommands();

/** An obligation whose second card was claimed. */
const attempted = (change: { gateway_payment_ref?: string } = {}) => claimedObligation(graph, policy, change);

const gatewayUpdate = (change: Partial<PaymentUpdate>): PaymentUpdate => ({
  about: 'payment',
  event_id: `evt_${randomUUID()}`,
  result: 'approved',
  codes: {},
  gateway_ref: `pi_${randomUUID()}`,
  ...change,
});

test("an update's payment id leads to the obligation and its attempts", async () => {
  const { payment_id, key, payment_method_id, customer_id } = await attempted();
  expect(await findKnownPayment(graph, gatewayUpdate({ payment_id }))).toEqual({
    payment_id,
    customer_id,
    state: 'open',
    gateway_customer_ref: `cus_${customer_id}`,
    attempts: [{ key, state: 'in_flight', payment_method_id, class: null }],
    received: false,
  });
});

test('without a payment id, the reference of the payment that was created, adopted or reported leads there', async () => {
  const gateway_ref = `pi_${randomUUID()}`;
  const { payment_id, key } = await attempted();
  const answer = { result: 'unknown', gateway_ref, reason: 'lost' } as const;
  await recordAttempt(graph, testHeader(), { payment_id, key, answer, policy, now: Date.now() });
  expect(await findKnownPayment(graph, gatewayUpdate({ gateway_ref }))).toMatchObject({
    payment_id,
    gateway_ref,
    attempts: [{ key, state: 'unknown' }],
  });

  const adopted = { ...(await attempted()), gateway_ref: `pi_${randomUUID()}` };
  await adoptGatewayPayment(graph, testHeader(), {
    payment_id: adopted.payment_id,
    gateway_ref: adopted.gateway_ref,
  });
  expect(await findKnownPayment(graph, gatewayUpdate({ gateway_ref: adopted.gateway_ref }))).toMatchObject({
    payment_id: adopted.payment_id,
  });

  const gateway_payment_ref = `pi_${randomUUID()}`;
  const reported = await attempted({ gateway_payment_ref });
  expect(await findKnownPayment(graph, gatewayUpdate({ gateway_ref: gateway_payment_ref }))).toMatchObject({
    payment_id: reported.payment_id,
  });
});

test('the payment id takes precedence over the reference', async () => {
  const one = await attempted();
  const other = { ...(await attempted()), gateway_ref: `pi_${randomUUID()}` };
  await adoptGatewayPayment(graph, testHeader(), {
    payment_id: other.payment_id,
    gateway_ref: other.gateway_ref,
  });
  const found = await findKnownPayment(
    graph,
    gatewayUpdate({ payment_id: one.payment_id, gateway_ref: other.gateway_ref }),
  );
  expect(found?.payment_id).toBe(one.payment_id);
});

test('a payment that belongs to no obligation is not found', async () => {
  expect(await findKnownPayment(graph, gatewayUpdate({}))).toBeUndefined();
  expect(await findKnownPayment(graph, gatewayUpdate({ payment_id: randomUUID() }))).toBeUndefined();
});

test('the method that an update names is found by its token', async () => {
  const { payment_id, customer_id } = await attempted();
  const token = randomToken();
  const method = { type: 'card' as const, token };
  const added = await addPaymentMethod(graph, testHeader(), { customer_id, method, added_by: 'customer' });
  expect(await findKnownPayment(graph, gatewayUpdate({ payment_id, token }))).toMatchObject({
    payment_method_id: added.payment_method_id,
  });
  expect(
    await findKnownPayment(graph, gatewayUpdate({ payment_id, token: randomToken() })),
  ).not.toHaveProperty('payment_method_id');
});

test('an event counts as received once it is recorded, also if recorded twice', async () => {
  const { payment_id } = await attempted();
  const update = gatewayUpdate({ payment_id });
  const header = testHeader();
  await recordGatewayEvent(graph, header, update.event_id);
  await recordGatewayEvent(graph, header, update.event_id);
  expect(await findKnownPayment(graph, update)).toMatchObject({ received: true });
  expect(await findKnownPayment(graph, gatewayUpdate({ payment_id }))).toMatchObject({ received: false });
});

test('finding the payment scans nothing', async () => {
  const { graph: recorded, statements } = recordingGraph(graph);
  await findKnownPayment(recorded, gatewayUpdate({ payment_id: randomUUID(), token: randomToken() }));
  const [[cypher, parameters] = ['', {}]] = [...statements];
  const { summary } = await runCypher(graph, `EXPLAIN ${cypher}`, parameters as Record<string, unknown>);
  const text = JSON.stringify(summary.plan);
  expect(text).toContain('NodeIndexSeek');
  expect(text).not.toContain('Scan');
});
