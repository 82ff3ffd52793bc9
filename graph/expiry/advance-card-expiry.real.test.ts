import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { GatewayPaymentMethod } from '../../domain/ports.ts';
import { readPolicy } from '../../platform/policy.ts';
import { type ExpiringCards, expiringCards, type Holder } from '../../test/expiring-card-fixtures.ts';
import { testGraph, testHeader } from '../../test/test-graph.ts';
import { failureOf } from '../../test/wallet-fixtures.ts';
import {
  readWallet,
  removePaymentMethod,
  setCustomerStatus,
  setDefaultPaymentMethod,
  setOffSessionConsent,
  updatePaymentMethod,
} from '../index.ts';
import { getAlternativePaymentMethods } from '../queries/alternative-payment-methods.ts';
import { openRecovery } from '../recovery/index.ts';
import { type CardStep, findCardNoticesDue, getCardNoticeContext, advanceCardExpiry } from './index.ts';

const policy = readPolicy();
const graph = await testGraph();
const { stages, frequentUseCount: frequent_use_count } = policy.expiry;

interface AdvanceOptions {
  daysLeft: number;
  card?: number;
  key?: string;
  found?: Partial<GatewayPaymentMethod>;
}

async function holderOf(cards = 1): Promise<{ expiring: ExpiringCards; holder: Holder }> {
  const expiring = await expiringCards(graph, policy);
  return { expiring, holder: await expiring.createHolder({ cards }) };
}

/** Advances a card, with `daysLeft` days until its last day. */
function advance(
  expiring: ExpiringCards,
  { customer_id, cards }: Holder,
  { daysLeft, card = 0, key = randomUUID(), found: newer }: AdvanceOptions,
): Promise<CardStep> {
  const { payment_method_id, token } = cards[card] ?? expect.fail('there is no such card');
  const found = { ...(expiring.gatewayMethods.get(token) as GatewayPaymentMethod), ...newer };
  return advanceCardExpiry(graph, testHeader({ caller: 'expiry', idempotencyKey: key }), {
    ...{ customer_id, payment_method_id, expires_on: expiring.lastDay, found },
    scan: { now: expiring.daysBefore(daysLeft), stages, frequent_use_count },
  });
}

async function eventsOf(customerId: string, ...types: string[]) {
  const rows = await graph.read<{ type: string; data: string }>(
    'MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.type IN $types RETURN e.type AS type, e.data AS data ORDER BY e.seq',
    { id: customerId, types },
  );
  return rows.map(({ type, data }) => ({ type, ...(JSON.parse(data) as object) }));
}
const noticesOf = (customerId: string) => eventsOf(customerId, 'ExpiryNoticeDue');
const methodOf = async ({ customer_id, cards }: Holder, card = 0) =>
  (await readWallet(graph, customer_id)).find(
    ({ payment_method_id }) => payment_method_id === cards[card]?.payment_method_id,
  );

test('of concurrent runs only one makes the notice due', async () => {
  const { expiring, holder } = await holderOf();
  const [{ payment_method_id } = expect.fail()] = holder.cards;
  const steps = await Promise.all(
    Array.from({ length: 8 }, () => advance(expiring, holder, { daysLeft: 45 })),
  );
  expect(steps.map(({ result }) => result).toSorted()).toEqual([...Array(7).fill('nothing'), 'notified']);
  const notification_id = `expiry:${payment_method_id}:${expiring.month}:card_expiring:notice_60`;
  expect(await noticesOf(holder.customer_id)).toEqual([
    {
      ...{ type: 'ExpiryNoticeDue', payment_method_id, expires_on: expiring.lastDay },
      ...{ stage: 'notice_60', notice: notification_id },
    },
  ]);
  expect(await findCardNoticesDue(graph, { after: notification_id.slice(0, -1), limit: 1 })).toEqual([
    { notification_id, payment_method_id, customer_id: holder.customer_id, template: 'card_expiring' },
  ]);
});

test('a card attached to another customer at the gateway is quarantined: not charged, notified or expired until it is the customer’s again', async () => {
  const { expiring, holder } = await holderOf(2);
  const { customer_id, cards } = holder;
  const [{ payment_method_id } = expect.fail(), { payment_method_id: failed } = expect.fail()] = cards;
  await setDefaultPaymentMethod(graph, testHeader(), { customer_id, payment_method_id, by: 'customer' });
  const alternatives = () =>
    getAlternativePaymentMethods(graph, {
      ...{ customer_id, failed_payment_method_id: failed, now: expiring.daysBefore(45) },
      policy: { ...policy, recovery: { ...policy.recovery, requireTrustedDevice: false } },
    });
  const consent = { off_session_consent: true, source: 'customer' };
  await setOffSessionConsent(graph, testHeader(), { customer_id, payment_method_id, ...consent });
  expect(await alternatives()).toEqual([payment_method_id]);
  const found = { gateway_customer_ref: 'cus_stranger', last_four: '9999' };
  for (const [daysLeft, result] of [
    [45, 'updated'],
    [20, 'nothing'],
    [-2, 'nothing'],
  ] as const) {
    const step = await advance(expiring, holder, { daysLeft, found });
    expect(step).toEqual({ result, concerns_recoveries: result === 'updated' });
  }
  expect(await methodOf(holder)).toMatchObject({
    ...{ status: 'active', removed_at: null, is_default: false, gateway_mismatch: 'other_owner' },
  });
  expect((await methodOf(holder))?.last_four).not.toBe('9999');
  expect(await noticesOf(customer_id)).toEqual([]);
  expect(await alternatives()).toEqual([]);
  await expect(
    setDefaultPaymentMethod(graph, testHeader(), { customer_id, payment_method_id, by: 'customer' }),
  ).rejects.toMatchObject({ type: 'illegal_transition' });
  expect(await advance(expiring, holder, { daysLeft: 45 })).not.toMatchObject({ result: 'failed' });
  expect(await methodOf(holder)).toMatchObject({ gateway_mismatch: null });
  expect(await alternatives()).toEqual([payment_method_id]);
});

test('a repeated run returns the first result', async () => {
  const { expiring, holder } = await holderOf();
  const first = await advance(expiring, holder, { daysLeft: 20, key: 'same' + expiring.lastDay });
  expect(first).toMatchObject({ result: 'notified', notice: { template: 'card_expiring' } });
  expect(await advance(expiring, holder, { daysLeft: 20, key: 'same' + expiring.lastDay })).toEqual(first);
  expect(await noticesOf(holder.customer_id)).toHaveLength(1);
});

test('a card passes its stages until it expires, and another card becomes the default', async () => {
  const { expiring, holder } = await holderOf(2);
  const results: string[] = [];
  // Repeated and late runs, and one whose clock is behind.
  for (const daysLeft of [61, 60, 59, 31, 30, 30, 45, 3, 0, 0])
    results.push((await advance(expiring, holder, { daysLeft })).result);
  const nothing = 'nothing';
  expect(results).toEqual([nothing, 'notified', nothing, nothing, 'notified', ...Array(5).fill(nothing)]);
  const after = await advance(expiring, holder, { daysLeft: -1 });
  expect(after).toMatchObject({
    ...{ result: 'expired', concerns_recoveries: true },
    notice: { template: 'card_expired' },
  });
  expect(after.notice?.notification_id).toMatch(/:card_expired:1$/);
  expect(await noticesOf(holder.customer_id)).toMatchObject([
    { stage: 'notice_60' },
    { stage: 'notice_30' },
    { stage: 'card_expired' },
  ]);
  expect(await methodOf(holder)).toMatchObject({ status: 'expired', is_default: false });
  expect(await methodOf(holder, 1)).toMatchObject({ status: 'active', is_default: true });
  expect(await eventsOf(holder.customer_id, 'PaymentMethodStatusChanged')).toMatchObject([
    { new_status: 'active' },
    { new_status: 'active' },
    { old_status: 'active', new_status: 'expired' },
  ]);
  expect(await advance(expiring, holder, { daysLeft: -2 })).toEqual({
    result: 'nothing',
    concerns_recoveries: false,
  });
});

test('a rarely used card that is not the default expires without a notice', async () => {
  const { expiring, holder } = await holderOf(2);
  expect(await advance(expiring, holder, { daysLeft: 20, card: 1 })).toMatchObject({ result: 'nothing' });
  expect(await advance(expiring, holder, { daysLeft: -1, card: 1 })).toEqual({
    result: 'expired',
    concerns_recoveries: true,
  });
  expect(await noticesOf(holder.customer_id)).toEqual([]);
  expect(await methodOf(holder, 1)).toMatchObject({ status: 'expired' });
});

test.each([20, -1])(
  'with %d days left newer details are recorded, and no notice is due',
  async (daysLeft) => {
    const { expiring, holder } = await holderOf();
    const expiry_year = Number(expiring.lastDay.slice(0, 4)) + 3;
    const step = await advance(expiring, holder, { daysLeft, found: { expiry_year, last_four: '1881' } });
    expect(step).toEqual({ result: 'updated', concerns_recoveries: false });
    expect(await methodOf(holder)).toMatchObject({
      status: 'active',
      is_default: true,
      last_four: '1881',
      expiry_year,
    });
    expect(await noticesOf(holder.customer_id)).toEqual([]);
  },
);

test.each([
  ['other card first', [1, 0], [0]],
  ['default first', [0, 1], [0]],
])(
  'of two cards that expire in the same month, only the default has a notice: %s',
  async (_, order, noticed) => {
    const { expiring, holder } = await holderOf(2);
    for (const card of order)
      expect(await advance(expiring, holder, { daysLeft: -1, card })).toMatchObject({ result: 'expired' });
    expect(await noticesOf(holder.customer_id)).toMatchObject(
      noticed.map((card) => ({
        payment_method_id: holder.cards[card]?.payment_method_id,
        stage: 'card_expired',
      })),
    );
  },
);

test('newer details of a customer with open obligations are left to a separate workflow', async () => {
  const { expiring, holder } = await holderOf();
  const { customer_id, cards } = holder;
  const failure = failureOf({ customer_id, methods: cards.map((card) => card.payment_method_id) });
  const header = testHeader({ occurredAt: failure.occurred_at });
  await openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: false });
  const before = await methodOf(holder);
  const found = { expiry_year: Number(expiring.lastDay.slice(0, 4)) + 3 };
  const step = { result: 'updated', concerns_recoveries: false, is_to_be_followed: true };
  expect(await advance(expiring, holder, { daysLeft: 20, found })).toEqual(step);
  expect(await advance(expiring, holder, { daysLeft: -1, found })).toEqual(step);
  expect(await methodOf(holder)).toEqual(before);
  expect(await advance(expiring, holder, { daysLeft: 20 })).toMatchObject({ result: 'notified' });
});

test('newer details that do not change the expiry are recorded, and the notice is still due', async () => {
  const { expiring, holder } = await holderOf();
  expect(await advance(expiring, holder, { daysLeft: 20, found: { funding: 'debit' } })).toMatchObject({
    result: 'notified',
  });
  expect(await methodOf(holder)).toMatchObject({ funding: 'debit' });
});

test('a card that was detached at the gateway is removed from the wallet', async () => {
  const { expiring, holder } = await holderOf();
  const detached = { gateway_customer_ref: undefined };
  expect(await advance(expiring, holder, { daysLeft: 20, found: detached })).toMatchObject({
    result: 'updated',
  });
  expect(await methodOf(holder)).toMatchObject({ status: 'inactive', removed_at: expect.any(String) });
  expect(await noticesOf(holder.customer_id)).toEqual([]);
});

test('a card that was removed, renewed or expired during the run does not change', async () => {
  const { expiring, holder } = await holderOf(3);
  const { customer_id, cards } = holder;
  const [removed, renewed] = cards.map(({ payment_method_id }) => ({ customer_id, payment_method_id }));
  const by = 'customer' as const;
  await setDefaultPaymentMethod(graph, testHeader(), { ...holderCard(holder, 2), by });
  await removePaymentMethod(graph, testHeader(), { ...(removed ?? expect.fail()), by });
  const details = { expiry_month: 1, expiry_year: Number(expiring.lastDay.slice(0, 4)) + 5 };
  await updatePaymentMethod(graph, testHeader(), { ...(renewed ?? expect.fail()), details, by });
  expect(await advance(expiring, holder, { daysLeft: 20, card: 0 })).toMatchObject({ result: 'nothing' });
  expect(await advance(expiring, holder, { daysLeft: 20, card: 1 })).toMatchObject({ result: 'nothing' });
  await advance(expiring, holder, { daysLeft: -1, card: 2 });
  expect(await advance(expiring, holder, { daysLeft: 20, card: 2 })).toMatchObject({ result: 'nothing' });
  expect(await noticesOf(customer_id)).toMatchObject([{ stage: 'card_expired' }]);
});

test('a suspended customer gets no notice; once active again, the next run makes one due', async () => {
  const { expiring, holder } = await holderOf();
  const { customer_id } = holder;
  const status = (status: 'suspended' | 'active') =>
    setCustomerStatus(graph, testHeader(), { customer_id, status, reason: 'test' });
  await status('suspended');
  expect(await advance(expiring, holder, { daysLeft: 20 })).toMatchObject({ result: 'nothing' });
  await status('active');
  const { notice } = await advance(expiring, holder, { daysLeft: 19 });
  expect(notice).toBeDefined();
  const due = { ...holderCard(holder, 0), notification_id: notice?.notification_id ?? '' };
  expect(await getCardNoticeContext(graph, due)).toMatchObject({ expires: expiring.month });
  await status('suspended');
  expect(await getCardNoticeContext(graph, due)).toBeUndefined();
  expect(await advance(expiring, holder, { daysLeft: -1 })).toEqual({
    result: 'expired',
    concerns_recoveries: true,
  });
});

test('the notice of a later stage replaces one that was not sent', async () => {
  const { expiring, holder } = await holderOf();
  const first = (await advance(expiring, holder, { daysLeft: 60 })).notice?.notification_id ?? '';
  const second = (await advance(expiring, holder, { daysLeft: 10 })).notice?.notification_id ?? '';
  expect(
    await getCardNoticeContext(graph, { ...holderCard(holder, 0), notification_id: first }),
  ).toBeUndefined();
  expect(await getCardNoticeContext(graph, { ...holderCard(holder, 0), notification_id: second })).toEqual({
    payment_method: { brand: 'visa', last_four: '4242' },
    expires: expiring.month,
  });
});

function holderCard({ customer_id, cards }: Holder, card: number) {
  return { customer_id, payment_method_id: cards[card]?.payment_method_id ?? '' };
}
