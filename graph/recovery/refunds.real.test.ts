import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GatewayRefund, RefundUpdate } from '../../domain/ports.ts';
import { settledPaymentKey } from '../../domain/workflow-contracts.ts';
import { readPolicy } from '../../platform/policy.ts';
import { verifyAndClose, openTestGraph, retryWhileBusy, testHeader } from '../../test/test-graph.ts';
import { claimedObligation } from '../../test/obligation-fixtures.ts';
import type { Graph } from '../index.ts';
import { findKnownRefund, followRefunds, getObligation, recordRefund } from './index.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => verifyAndClose(graph));

/** An obligation paid by Persona's charge and then by an external payment, which is due to be refunded. */
async function paidTwice() {
  const { payment_id, record, settle } = await claimedObligation(graph, policy);
  const own = { gateway_ref: `pi_${randomUUID()}`, charge_ref: `ch_${randomUUID()}` };
  await record({ result: 'approved', ...own });
  const externalPaymentRef = `pi_${randomUUID()}`;
  await settle(Date.now() + 1_000, externalPaymentRef);
  const { customer_id } = await getObligation(graph, payment_id);
  return { payment_id, customer_id, own, externalPaymentRef, due: settledPaymentKey(externalPaymentRef) };
}

const refund = (change: Partial<GatewayRefund> = {}): GatewayRefund => ({
  refund_ref: `re_${randomUUID()}`,
  amount: 100,
  currency: 'USD',
  state: 'refunded',
  ...change,
});
const follow = (payment_id: string, gateway_ref: string, ...refunds: GatewayRefund[]) =>
  followRefunds(graph, testHeader(), { now: Date.now(), payment_id, gateway_ref, refunds });

async function refundEvents(customer_id: string) {
  const rows = await graph.read<{ type: string; data: string }>(
    `MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.type STARTS WITH 'Refund'
     RETURN e.type AS type, e.data AS data ORDER BY e.seq`,
    { customer_id },
  );
  return rows.map(({ type, data }) => ({ type, ...JSON.parse(data) }));
}

test('a refund is found by the obligation’s payment, an attempt’s charge, or the key of Persona’s own refund', async () => {
  const { payment_id, customer_id, own, externalPaymentRef, due } = await paidTwice();
  const find = (change: Partial<RefundUpdate>) =>
    findKnownRefund(graph, {
      ...{ about: 'refund', event_id: randomUUID(), gateway_ref: `pi_${randomUUID()}` },
      ...change,
    });
  const ours = { payment_id, customer_id, received: false };
  expect(await find({ gateway_ref: own.gateway_ref })).toEqual(ours);
  expect(await find({ payment_id, charge_ref: own.charge_ref })).toEqual(ours);
  expect(await find({ payment_id, gateway_ref: externalPaymentRef, attempt_key: due })).toEqual(ours);
  expect(await find({ payment_id })).toBeUndefined();
  expect(await find({ payment_id, charge_ref: `ch_${randomUUID()}` })).toBeUndefined();
  expect(await find({ payment_id, attempt_key: due })).toBeUndefined();
});

test('Persona’s refund of an external payment may fail later', async () => {
  const { payment_id, customer_id, externalPaymentRef, due } = await paidTwice();
  const own = refund({ attempt_key: due });
  const { refund_ref } = own;
  const sent = { payment_id, key: due, n: 1, result: { refund_ref }, now: Date.now() };
  expect(await recordRefund(graph, testHeader(), sent)).toMatchObject({ refunded: true });
  expect(await follow(payment_id, externalPaymentRef, own)).toEqual({ by_others: 0, failed: 0 });
  const failed: GatewayRefund = { ...own, state: 'failed', reason: 'lost_or_stolen_card' };
  expect(await follow(payment_id, externalPaymentRef, failed)).toEqual({ by_others: 0, failed: 1 });
  expect(await follow(payment_id, externalPaymentRef, failed)).toEqual({ by_others: 0, failed: 0 });
  expect(await refundEvents(customer_id)).toMatchObject([
    { type: 'RefundSent', key: due, refund_ref },
    { type: 'RefundFailed', key: due, refund_ref, reason: 'lost_or_stolen_card' },
  ]);
});

test('while Persona owes a refund, an operator’s failed refund does not settle it', async () => {
  const { payment_id, customer_id, externalPaymentRef, due } = await paidTwice();
  const byHand = refund({ state: 'failed' });
  expect(await follow(payment_id, externalPaymentRef, byHand)).toEqual({ by_others: 0, failed: 0 });
  expect(await getObligation(graph, payment_id)).toMatchObject({ refunds_due: [due] });
  expect(await refundEvents(customer_id)).toEqual([]);
});

test('a refund that failed immediately is not recorded again when the gateway reports it', async () => {
  const { payment_id, customer_id, externalPaymentRef, due } = await paidTwice();
  const own = refund({ attempt_key: due, state: 'failed' });
  const { refund_ref } = own;
  const failure = { refused: 'the bank is closed', refund_ref };
  const refused = { payment_id, key: due, n: 1, result: failure, now: Date.now() };
  expect(await recordRefund(graph, testHeader(), refused)).toMatchObject({ refunded: false });
  expect(await follow(payment_id, externalPaymentRef, own)).toEqual({ by_others: 0, failed: 0 });
  expect(await refundEvents(customer_id)).toMatchObject([{ type: 'RefundFailed', refund_ref }]);
});

test('twenty concurrent readings record each refund once', async () => {
  const { payment_id, customer_id, own } = await paidTwice();
  const [one, other] = [refund(), refund({ state: 'failed' })];
  const { gateway_ref } = own;
  const read = () => retryWhileBusy(() => follow(payment_id, gateway_ref, one, other));
  await Promise.all(Array.from({ length: 20 }, read));
  expect(await refundEvents(customer_id)).toMatchObject([
    { type: 'RefundSent', refund_ref: one.refund_ref, by_others: { amount: 100, currency: 'USD' } },
    { type: 'RefundFailed', refund_ref: other.refund_ref },
  ]);
});
