/** The recipient and the content of notices, on a real graph and with the inbox's simulator. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type InboxSimulator, startInboxSimulator } from '../dev/simulators/inbox/server.ts';
import { DECLINE_TABLE } from '../domain/decline/table.ts';
import type { ChargeAnswer, PaymentNoticeTemplate } from '../domain/ports.ts';
import { attemptKey } from '../domain/workflow-contracts.ts';
import { applyFraudOutcome, getFraudCase, type Graph, setCustomerStatus } from '../graph/index.ts';
import {
  claimAttempt,
  closeRecovery,
  followRefunds,
  recordAttempt,
  recordRefund,
} from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { fraudReport } from '../test/fraud-fixtures.ts';
import {
  excludeFromVerification,
  verifyAndClose,
  openTestGraph,
  randomEmail,
  randomPhone,
  runCypher,
  testHeader,
} from '../test/test-graph.ts';
import {
  deliver,
  type Identifier,
  noticeEvents,
  notifierOf,
  customerWithObligation,
} from './notice-fixtures.ts';

const policy = readPolicy();
let graph: Graph;
let inbox: InboxSimulator;

beforeAll(async () => {
  graph = await openTestGraph();
  inbox = await startInboxSimulator();
});
afterAll(async () => {
  await inbox.close();
  await verifyAndClose(graph);
});

const webhook = () => notifierOf({ by: 'webhook', url: inbox.webhook });
const smtp = () => notifierOf({ by: 'smtp', url: `smtp://${inbox.smtp}` });

async function messagesFor(customerId: string) {
  const response = await fetch(`${inbox.url}/messages?customer_id=${customerId}`);
  return ((await response.json()) as { data: Record<string, never>[] }).data;
}

const mail = (is_verified?: boolean): Identifier => ({ type: 'email', value: randomEmail(), is_verified });
const phone = (is_verified?: boolean): Identifier => ({
  type: 'phone_number',
  value: randomPhone(),
  is_verified,
});
const stopForFraud = (payment_id: string) =>
  closeRecovery(graph, testHeader(), { payment_id, outcome: 'stopped', rule: 'fraud' });

test('a suspension is notified only to a verified address, and not after a reinstatement', async () => {
  const suspended = async (identifiers: Identifier[]) => {
    const { customer_id } = await customerWithObligation(graph, { identifiers });
    const report = fraudReport({ customer_id, outcome: 'confirmed_fraud' });
    await applyFraudOutcome(graph, testHeader(), report);
    const { case_id } = report;
    const notification_id = `fraud:${case_id}:account_suspended:1`;
    return {
      customer_id,
      notice: { notification_id, customer_id, case_id, template: 'account_suspended' } as const,
    };
  };
  const verified = mail(true);
  const known = await suspended([verified, mail()]);
  expect(await deliver(graph, known.notice, webhook())).toEqual({ result: 'delivered' });
  expect(await messagesFor(known.customer_id)).toMatchObject([
    {
      to: verified.value,
      template: 'account_suspended',
      subject: 'Your account is on hold',
      data: { link: expect.stringContaining(known.customer_id) },
    },
  ]);
  const { case_id } = known.notice;
  expect(await noticeEvents(graph, known.customer_id)).toMatchObject([
    { type: 'NoticeSent', case_id, payment_id: null },
  ]);
  expect(await getFraudCase(graph, case_id)).not.toHaveProperty('notice_due');

  const unverified = await suspended([mail()]);
  expect(await deliver(graph, unverified.notice, webhook())).toEqual({ result: 'undeliverable' });
  const back = await suspended([mail(true)]);
  const { customer_id } = back;
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'active', reason: 'test' });
  expect(await deliver(graph, back.notice, webhook())).toEqual({ result: 'undeliverable' });
  expect(await noticeEvents(graph, customer_id)).toMatchObject([
    { type: 'NoticeFailed', reason: 'the customer is no longer suspended' },
  ]);
  for (const one of [unverified, back]) expect(await messagesFor(one.customer_id)).toEqual([]);
});

describe('the recipient is', () => {
  const stolen = { decline_code: 'stolen_card' };
  const revoked = { decline_code: 'revocation_of_authorization' };
  test.each<[string, Identifier[], object, PaymentNoticeTemplate, number?]>([
    ['the newest verified e-mail address', [mail(true), mail(true), mail()], {}, 'reminder', 1],
    [
      'the newest unverified e-mail address, if none is verified',
      [mail(), mail(), phone(true)],
      {},
      'reminder',
      1,
    ],
    [
      'the newest verified phone number, if there is no e-mail address',
      [phone(true), phone()],
      {},
      'reminder',
      0,
    ],
    [
      'a verified e-mail address on suspicion of fraud',
      [mail(true), mail()],
      stolen,
      'payment_declined_update_card',
      0,
    ],
    ['no unverified e-mail address on suspicion of fraud', [mail()], stolen, 'payment_declined_update_card'],
    [
      'a verified phone number rather than an unverified e-mail address on suspicion of fraud',
      [mail(), phone(true)],
      stolen,
      'payment_declined_update_card',
      1,
    ],
    ['no unverified e-mail address after a withdrawal of consent', [mail()], revoked, 'payment_stopped'],
    ['absent, if the customer has no identifier', [], {}, 'reminder'],
  ])('%s', async (_, identifiers, failure, template, index) => {
    const { customer_id, payment_id, notice } = await customerWithObligation(graph, { identifiers, failure });
    if (failure === stolen) await stopForFraud(payment_id);
    const { result } = await deliver(graph, notice(template), webhook());
    const expected = index === undefined ? undefined : identifiers[index];
    expect(result).toBe(expected ? 'delivered' : 'undeliverable');
    const messages = await messagesFor(customer_id);
    expect(messages.map(({ to }) => to)).toEqual(expected ? [expected.value] : []);
    const events = await noticeEvents(graph, customer_id);
    expect(events).toMatchObject([
      expected
        ? { type: 'NoticeSent', channel: expected.type === 'email' ? 'email' : 'sms' }
        : { type: 'NoticeFailed', reason: 'no_recipient' },
    ]);
    for (const { value } of identifiers) expect(JSON.stringify(events)).not.toContain(value);
  });

  test('no unverified address of a suspended customer', async () => {
    const { customer_id, notice } = await customerWithObligation(graph, { identifiers: [mail()] });
    await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
    expect(await deliver(graph, notice('reminder'), webhook())).toEqual({
      result: 'undeliverable',
    });
    expect(await noticeEvents(graph, customer_id)).toMatchObject([
      { type: 'NoticeFailed', reason: 'no_recipient' },
    ]);
  });

  test('not a phone number if notices go by SMTP, and the event says why', async () => {
    const { customer_id, notice } = await customerWithObligation(graph, { identifiers: [phone(true)] });
    expect(await deliver(graph, notice('reminder'), smtp())).toEqual({ result: 'undeliverable' });
    expect(await noticeEvents(graph, customer_id)).toMatchObject([
      { type: 'NoticeFailed', channel: 'sms', reason: expect.stringContaining('cannot be sent by SMTP') },
    ]);
  });
});

describe('the content', () => {
  const data = async (customer_id: string) => (await messagesFor(customer_id)).at(-1)?.data as unknown;

  /** An obligation of a customer with three cards, the first of which failed, and functions to charge the others. */
  async function obligationWithCards() {
    const obligation = await customerWithObligation(graph, { cards: 3 });
    const { payment_id, methods } = obligation;
    excludeFromVerification(graph, obligation.customer_id);
    for (const [index, id] of methods.entries()) {
      const last_four = `000${index + 1}`;
      await runCypher(
        graph,
        'MATCH (p:PaymentMethod {id: $id}) SET p.brand = "visa", p.last_four = $last_four',
        {
          id,
          last_four,
        },
      );
    }
    const claim = async (payment_method_id: string) => {
      const key = attemptKey(payment_id, payment_method_id, 1);
      const attempt = { payment_id, payment_method_id, key, n: 1, policy, now: Date.now() };
      await claimAttempt(graph, testHeader(), attempt);
      return key;
    };
    const record = (key: string, answer: ChargeAnswer) =>
      recordAttempt(graph, testHeader(), { payment_id, key, answer, policy, now: Date.now() });
    return { ...obligation, methods: methods as [string, string, string], claim, record };
  }
  const approved: ChargeAnswer = { result: 'approved', gateway_ref: 'pi_1', charge_ref: 'ch_1' };

  test('of recovered names the failed card, the charged card and the new default', async () => {
    const { customer_id, methods, claim, record, notice } = await obligationWithCards();
    await record(await claim(methods[2]), approved);
    await deliver(graph, notice('recovered'), webhook());
    expect(await data(customer_id)).toEqual({
      amount: 4900,
      amount_text: '$49.00',
      currency: 'USD',
      payment_id: expect.any(String),
      failed_method: { brand: 'visa', last_four: '0001' },
      charged_method: { brand: 'visa', last_four: '0003' },
      new_default: { brand: 'visa', last_four: '0003' },
      link: `https://pay.example/customers/${customer_id}/wallet`,
    });
  });

  test('of recovered names no new default if the default was charged', async () => {
    const { customer_id, methods, claim, record, notice } = await obligationWithCards();
    const third = { customer_id, id: methods[2] };
    const wasDefault =
      'MATCH (:Customer {id: $customer_id})-[h:HAS_PAYMENT_METHOD]->(p) SET h.is_default = p.id = $id';
    await runCypher(graph, wasDefault, third);
    await runCypher(graph, 'MATCH (o:Obligation {payment_id: $id}) SET o.failed_was_default = false', {
      id: notice('recovered').payment_id,
    });
    await record(await claim(methods[2]), approved);
    await deliver(graph, notice('recovered'), webhook());
    expect(await data(customer_id)).toMatchObject({ charged_method: { last_four: '0003' } });
    expect(await data(customer_id)).not.toHaveProperty('new_default');
  });

  test('of refund_issued is about the attempt in its id, not about the charge that was kept', async () => {
    const { customer_id, payment_id, methods, claim, record, notice } = await obligationWithCards();
    const second = await claim(methods[1]);
    await record(second, { result: 'declined', codes: { decline_code: 'insufficient_funds' } });
    await record(await claim(methods[2]), approved);
    await record(second, { ...approved, charge_ref: 'ch_of_the_second' });
    const refund = { payment_id, key: second, now: Date.now(), n: 1, result: { refund_ref: 're_1' } };
    await recordRefund(graph, testHeader(), refund);
    await deliver(graph, notice('refund_issued', second), webhook());
    expect(await data(customer_id)).toMatchObject({ charged_method: { last_four: '0002' } });
    await deliver(graph, notice('recovered'), webhook());
    expect(await data(customer_id)).toMatchObject({ charged_method: { last_four: '0003' } });
  });

  test('refund_issued is not sent after the refund has failed, and is sent once a later refund succeeds', async () => {
    const { customer_id, payment_id, methods, claim, record, notice } = await obligationWithCards();
    const key = await claim(methods[1]);
    await record(key, { result: 'unknown', reason: 'timeout' });
    await closeRecovery(graph, testHeader(), { payment_id, outcome: 'paid_elsewhere', rule: 'settled' });
    await record(key, { ...approved, charge_ref: 'ch_too_many' });
    const refund = (n: number) =>
      recordRefund(graph, testHeader(), {
        ...{ payment_id, key, n, now: Date.now(), result: { refund_ref: `re_${payment_id}_${n}` } },
      });
    await refund(1);
    // The receiver was unavailable; meanwhile the gateway reports that the refund failed.
    const failed = { refund_ref: `re_${payment_id}_1`, attempt_key: key, state: 'failed' } as const;
    const refunds = [{ ...failed, amount: 4900, currency: 'USD' }];
    const gateway_ref = String(approved.gateway_ref);
    await followRefunds(graph, testHeader(), { payment_id, gateway_ref, refunds, now: Date.now() });
    expect(await deliver(graph, notice('refund_issued', key), webhook())).toEqual({
      result: 'undeliverable',
    });
    expect(await messagesFor(customer_id)).toEqual([]);
    await refund(2);
    expect(await deliver(graph, notice('refund_issued', key), webhook())).toEqual({ result: 'delivered' });
    expect(await messagesFor(customer_id)).toHaveLength(1);
  });

  test('has the end of the window while the payment can still be made', async () => {
    const { customer_id, payment_id, notice } = await customerWithObligation(graph);
    await deliver(graph, notice('no_alternative'), webhook());
    expect(await data(customer_id)).toHaveProperty('closes_at', expect.stringMatching(/T.*Z$/));
    await closeRecovery(graph, testHeader(), { payment_id, outcome: 'exhausted', rule: 'window_over' });
    await deliver(graph, notice('recovery_ended'), webhook());
    expect(await data(customer_id)).not.toHaveProperty('closes_at');
  });

  test('is in English for an unsupported locale, including amounts', async () => {
    const { customer_id, notice } = await customerWithObligation(graph, { locale: 'ar-EG' });
    await deliver(graph, notice('no_alternative'), webhook());
    expect((await messagesFor(customer_id))[0]).toMatchObject({
      locale: 'ar-EG',
      data: { amount_text: '$49.00' },
      html: expect.stringContaining('<html lang="en">'),
    });
  });

  const sensitiveCodes = [
    'stolen_card',
    'lost_card',
    'fraudulent',
    'insufficient_funds',
    'expired_card',
    'pickup_card',
  ];
  test.each(sensitiveCodes)('does not reveal %s in any part', async (decline_code) => {
    const { customer_id, payment_id, notice } = await customerWithObligation(graph, {
      failure: { decline_code, network_code: '43' },
    });
    if (decline_code === 'stolen_card') await stopForFraud(payment_id);
    await deliver(graph, notice('payment_declined_update_card'), webhook());
    const content = JSON.stringify(await messagesFor(customer_id)).toLowerCase();
    expect(content).toContain('payment_declined_update_card');
    const rows = [...DECLINE_TABLE.psp_codes, ...DECLINE_TABLE.network_codes];
    for (const { codes, meaning } of rows) {
      for (const word of [meaning, ...codes.filter((code) => code.length > 3)])
        expect(content).not.toContain(word);
    }
    expect(content).not.toMatch(/stolen|lost|fraud|suspicious|visa:|stripe:/);
  });
});
