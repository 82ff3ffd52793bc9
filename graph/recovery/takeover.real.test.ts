/** What the graph stores of a recovery so that a run which takes over after a lost one does no harm. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { ChargeAnswer } from '../../domain/ports.ts';
import { recoveryNotificationId, settledPaymentKey } from '../../domain/workflow-contracts.ts';
import type { RecoverySnapshot } from '../../domain/recovery/claims.ts';
import { testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import { claimedObligation } from '../../test/obligation-fixtures.ts';
import {
  adoptGatewayPayment,
  findRefundsDue,
  finishNotice,
  flagForReview,
  getRecovery,
  NOTICES_CALLER,
  openRecovery,
  recordAttempt,
  recordRefund,
  resumeRecovery,
  setRecoveryPaused,
} from './index.ts';
import { recoveryCommands } from './recovery-fixtures.ts';

const approved: ChargeAnswer = { result: 'approved', charge_ref: 'ch_1' };
const unknown: ChargeAnswer = { result: 'unknown', reason: 'timeout' };
const declined: ChargeAnswer = { result: 'declined', codes: { decline_code: 'insufficient_funds' } };
const commands = await recoveryCommands();
const { graph, policy } = commands;

async function resumed(payment_id: string): Promise<RecoverySnapshot> {
  const opening = await resumeRecovery(graph, { payment_id, policy, now: Date.now() });
  if (!('recovery' in opening)) throw new Error(`not open: ${JSON.stringify(opening)}`);
  return opening.recovery;
}

async function isRefundDue(payment_id: string): Promise<boolean> {
  // The page that starts with it.
  const after = payment_id.slice(0, -1);
  const { payment_ids } = await findRefundsDue(graph, { after, limit: 100, now: Date.now() });
  return payment_ids.includes(payment_id);
}

const close = (payment_id: string, outcome: 'paid_elsewhere' | 'exhausted', payment_ref?: string) =>
  commands.close(payment_id, { outcome, rule: 'settled', ...(payment_ref && { payment_ref }) });

const eventTypes = async (customer_id: string) =>
  (await commands.log({ customer_id })).map(({ type }) => type);

test('a second success is due until it is refunded: the sweep finds it, and so does a run that takes over', async () => {
  const { payment_id, record, settle, key } = await claimedObligation(graph, policy);
  await record(approved);
  expect(await isRefundDue(payment_id)).toBe(false);
  const externalPaymentRef = `pi_${randomUUID()}`;
  await settle(Date.now() + 1_000, externalPaymentRef);
  const due = settledPaymentKey(externalPaymentRef);
  expect(await isRefundDue(payment_id)).toBe(true);
  expect(await resumed(payment_id)).toMatchObject({ state: 'recovered', refunds_due: [due] });

  await recordRefund(graph, testHeader(), {
    now: Date.now(),
    n: 1,
    payment_id,
    key,
    result: { refund_ref: 're_0' },
  });
  expect(await isRefundDue(payment_id)).toBe(true);
  await recordRefund(graph, testHeader(), {
    now: Date.now(),
    n: 1,
    payment_id,
    key: due,
    result: { refund_ref: 're_1' },
  });
  await recordRefund(graph, testHeader(), {
    now: Date.now(),
    n: 1,
    payment_id,
    key: due,
    result: { refund_ref: 're_1' },
  });
  expect(await isRefundDue(payment_id)).toBe(false);
  const { customer_id, ...snapshot } = await resumed(payment_id);
  expect(snapshot).not.toHaveProperty('refunds_due');
  expect((await eventTypes(customer_id)).filter((type) => type === 'RefundSent')).toHaveLength(1);
});

test('a refund that the policy leaves to operators is not made by a run that takes over either', async () => {
  const { payment_id, record, key } = await claimedObligation(graph, policy);
  await record(unknown);
  await close(payment_id, 'paid_elsewhere');
  const withoutRefunds = { ...policy, recovery: { ...policy.recovery, refundDuplicate: false } };
  const answer = { ...approved, gateway_ref: `pi_${payment_id}` };
  const at = { policy: withoutRefunds, now: Date.now() };
  const { recorded } = await recordAttempt(graph, testHeader(), { payment_id, key, answer, ...at });
  expect(recorded.overpaid).toBe(true);
  expect(await resumed(payment_id)).not.toHaveProperty('refunds_due');
  expect(await isRefundDue(payment_id)).toBe(false);
});

test('a settlement that named the payment of an unresolved charge is that charge: it recovers, and nothing is refunded', async () => {
  const { payment_id, customer_id, record } = await claimedObligation(graph, policy);
  await record(unknown);
  await close(payment_id, 'paid_elsewhere', `pi_${payment_id}`);
  const { recorded } = await record(approved);
  expect(recorded).toMatchObject({ overpaid: false, obligation_state: 'recovered' });
  expect(await getRecovery(graph, payment_id)).toMatchObject({ outcome: 'recovered', rule: 'approved' });
  expect(await eventTypes(customer_id)).not.toContain('RecoveryOverpaid');
});

test.each([
  ['another payment', `pi_${randomUUID()}`],
  ['no payment', undefined],
])('a settlement that named %s makes the unresolved charge the second success', async (_, ref) => {
  const { payment_id, record, key } = await claimedObligation(graph, policy);
  await record(unknown);
  await close(payment_id, 'paid_elsewhere', ref);
  expect((await record(approved)).recorded).toMatchObject({ overpaid: true });
  expect(await resumed(payment_id)).toMatchObject({ state: 'paid_elsewhere', refunds_due: [key] });
});

test('while a charge is unresolved, only an external payment closes the obligation', async () => {
  const { payment_id, record, key } = await claimedObligation(graph, policy);
  await record(unknown);
  expect(await close(payment_id, 'exhausted')).toMatchObject({
    result: 'unresolved',
    attempt: { key, state: 'unknown' },
  });
  expect(await getRecovery(graph, payment_id)).not.toHaveProperty('outcome');
  await record(declined);
  expect(await close(payment_id, 'exhausted')).toMatchObject({
    result: 'closed',
    obligation: { outcome: 'exhausted' },
  });
});

test('an unresolved charge goes to review also after an external payment, and the obligation stays closed', async () => {
  const { payment_id, customer_id, record } = await claimedObligation(graph, policy);
  await record(unknown);
  await close(payment_id, 'paid_elsewhere');
  await flagForReview(graph, testHeader(), { payment_id, rule: 'attempt_unknown' });
  expect(await getRecovery(graph, payment_id)).toMatchObject({ state: 'done', outcome: 'paid_elsewhere' });
  expect(await eventTypes(customer_id)).toContain('RecoveryNeedsReview');
});

test('an operator’s pause outlives the run, and ends with the recovery that it was meant for', async () => {
  const { payment_id, record } = await claimedObligation(graph, policy);
  await record(declined);
  const pause = (paused: boolean) => setRecoveryPaused(graph, testHeader(), { payment_id, paused });
  await pause(true);
  expect(await resumed(payment_id)).toMatchObject({ paused: true });
  expect(await getRecovery(graph, payment_id)).toMatchObject({ paused: true });
  await pause(false);
  expect(await resumed(payment_id)).not.toHaveProperty('paused');
  await pause(true);
  await close(payment_id, 'exhausted');
  expect(await getRecovery(graph, payment_id)).toMatchObject({ state: 'done', paused: false });
});

test('a run that takes over knows that the customer was notified of this failure', async () => {
  const owed = await claimedObligation(graph, policy);
  const { payment_id, customer_id, record } = owed;
  await record(declined);
  const { opened_at, ...before } = await resumed(payment_id);
  expect(before).not.toHaveProperty('notified_at');
  const template = 'all_declined';
  const notification_id = recoveryNotificationId(payment_id, opened_at, template);
  const notice = { notification_id, customer_id, payment_id, template, channel: 'email' };
  await finishNotice(graph, testHeader({ caller: NOTICES_CALLER }), notice);
  const { notified_at = 0 } = await resumed(payment_id);
  expect(Math.abs(Date.now() - notified_at)).toBeLessThan(60_000);
  // So does a run that starts with a further failure.
  const occurred_at = new Date(Date.now() + 1_000).toISOString();
  const again = await commands.open(failureOf(owed, { payment_id, occurred_at }));
  expect(again).toMatchObject({ result: 'noted', recovery: { notified_at } });
});

test('the payment that a report names is looked up until it is the obligation’s own, and never again', async () => {
  const gateway_payment_ref = `pi_${randomUUID()}`;
  const customer = await customerWithCards(graph, policy, { cards: 1 });
  const failure = failureOf(customer, { status: 'unknown', gateway_payment_ref });
  const { payment_id } = failure;
  const header = testHeader({ occurredAt: failure.occurred_at });
  await openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: true });
  const before = await resumed(payment_id);
  expect(before).toMatchObject({ gateway_payment_ref, failure: { status: 'unknown' } });
  expect(before).not.toHaveProperty('looked_up');
  await adoptGatewayPayment(graph, testHeader(), { payment_id, gateway_ref: gateway_payment_ref });
  const after = await resumed(payment_id);
  expect(after).toMatchObject({ looked_up: true });
  expect(after).not.toHaveProperty('gateway_payment_ref');
});
