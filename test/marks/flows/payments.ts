/** Failed payments, fraud, and messages of the gateway. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { Stripe } from 'stripe';
import type { Agents } from '../../../dev/demo/agents.ts';
import {
  type Customer,
  customerPath,
  LIMIT,
  newCustomer,
  now,
  OPS,
  type Stage,
  statusesOf,
} from './stage.ts';

const SYNAPSE = { role: 'synapse' };
const declines = (decline_code: string) => ({ then: { do: 'decline', decline_code } });

/** What names the payment, the reporter's words among it. */
export function failureOf({ marks }: Pick<Stage, 'marks'>, { id, methods }: Customer, changes: object = {}) {
  return {
    ...{ event_id: randomUUID(), payment_id: `marks-${randomUUID()}`, amount: 4900, currency: 'USD' },
    ...{ customer_id: id, payment_method_id: methods[0], kind: 'recurring', occurred_at: now() },
    ...{ decline_code: 'insufficient_funds' },
    reason: marks.draw('PaymentFailed.reason'),
    description: marks.draw('PaymentFailed.description'),
    ...changes,
  };
}

export async function messagesOf({ system }: Pick<Stage, 'system'>, customerId: string) {
  const response = await fetch(`${system.persona.addresses.inbox}/messages?customer_id=${customerId}`);
  return ((await response.json()) as { data: { notification_id: string; via: string }[] }).data;
}

async function untilNotified(stage: Stage, customerId: string): Promise<void> {
  await expect.poll(async () => (await messagesOf(stage, customerId)).length, LIMIT).toBeGreaterThan(0);
}

/** The last card declines, the one before it pays; the customer is notified. */
export async function recoverByCascade(stage: Stage, agents: Agents): Promise<void> {
  const { rest } = stage;
  const customer = await newCustomer(stage, [{}, {}, declines('do_not_honor')]);
  const failure = failureOf(stage, customer);
  const report = (body: object) => rest('POST', '/internal/v1/payment-failures', { as: SYNAPSE, body });
  expect((await report(failure)).status).toBe(202);
  await expect
    .poll(async () => (await agents.getRecovery(failure.payment_id))?.outcome, LIMIT)
    .toBe('recovered');
  await untilNotified(stage, customer.id);
  expect((await report({ ...failureOf(stage, customer), amount: 0, currency: 'money' })).status).toBe(422);
  const mismatch = failureOf(stage, customer, { payment_id: failure.payment_id, amount: 1 });
  await report(mismatch);
  await rest('GET', `${customerPath(customer.id)}/recoveries`, { as: { customer_id: customer.id } });
  await rest('GET', `${customerPath(customer.id)}/recoveries/${failure.payment_id}`, { as: OPS });
}

/** Reported over gRPC, with codes that no table knows; nothing is left to charge. @returns the payment */
export async function waitForCustomer(stage: Stage, agents: Agents): Promise<string> {
  const { marks, rpc } = stage;
  const customer = await newCustomer(stage, [{}, declines('insufficient_funds')]);
  const failure = failureOf(stage, customer, {
    reason: marks.draw('ReportPaymentFailureRequest.reason'),
    description: marks.draw('ReportPaymentFailureRequest.description'),
  });
  expect((await rpc('synapse', 'ReportPaymentFailure', failure)).code).toBe(0);
  await expect.poll(async () => (await agents.getRecovery(failure.payment_id))?.state, LIMIT).toBe('waiting');
  await untilNotified(stage, customer.id);
  return failure.payment_id;
}

/** A lost card, a fraudulent one, and one whose reason alone says why. */
export async function stopForHardDeclines(stage: Stage, agents: Agents): Promise<void> {
  const { marks, rest } = stage;
  const customer = await newCustomer(stage, [{}, {}]);
  const codes = [
    { decline_code: 'lost_card' },
    { decline_code: 'fraudulent' },
    { decline_code: undefined },
    // With spaces alone it would be read as a code.
    { decline_code: `@${marks.drawForeign('a code that is a text').slice(0, 39)}` },
  ];
  for (const code of codes) {
    const failure = failureOf(stage, customer, code);
    const { status } = await rest('POST', '/internal/v1/payment-failures', { as: SYNAPSE, body: failure });
    expect(status).toBe(202);
    await expect
      .poll(async () => (await agents.getRecovery(failure.payment_id))?.state, LIMIT)
      .toMatch(/done|needs_review|waiting/);
  }
}

/** Reported by Synapse's own client, without the codec: with ids, codes and amounts alone. @returns the payment */
export async function signalFailure(stage: Stage, agents: Agents): Promise<string> {
  const customer = await newCustomer(stage, [{}, {}]);
  const { reason: _, description: __, ...failure } = failureOf(stage, customer);
  await agents.signalPaymentFailed(failure);
  await expect
    .poll(async () => (await agents.getRecovery(failure.payment_id))?.outcome, LIMIT)
    .toBe('recovered');
  const settled = { event_id: randomUUID(), payment_id: failure.payment_id, customer_id: customer.id };
  await stage.rpc('synapse', 'ReportPaymentSettled', { ...settled, settled_at: now() });
  return failure.payment_id;
}

/** A suspicion that is confirmed suspends the customer, who is notified and then reinstated. */
export async function suspendForFraud(stage: Stage, agents: Agents): Promise<void> {
  const { marks, rest, rpc } = stage;
  const customer = await newCustomer(stage, [{}]);
  const outcome = (changes: object) => ({
    ...{
      event_id: randomUUID(),
      case_id: `case-${customer.id}`,
      customer_id: customer.id,
      occurred_at: now(),
    },
    ...{ device_id: customer.device_id, payment_method_id: customer.methods[0] },
    ...changes,
  });
  const suspected = outcome({ outcome: 'suspected', reason: marks.draw('FraudOutcome.reason') });
  const path = '/internal/v1/fraud-outcomes';
  expect((await rest('POST', path, { as: { role: 'chimera' }, body: suspected })).status).toBe(202);
  const confirmed = outcome({
    ...{ outcome: 'confirmed_fraud', reason: marks.draw('ReportFraudOutcomeRequest.reason') },
  });
  expect((await rpc('chimera', 'ReportFraudOutcome', confirmed)).code).toBe(0);
  const profile = () => rest('GET', `${customerPath(customer.id)}/profile`, { as: OPS });
  await expect.poll(async () => (await profile()).json.status, LIMIT).toBe('suspended');
  await untilNotified(stage, customer.id);
  const as = { customer_id: customer.id };
  const identifiers = [{ type: 'email', value: marks.draw('ProfileChange.identifiers.value') }];
  const headers = { 'if-match': '*' };
  const refused = await rest('PUT', `${customerPath(customer.id)}/profile`, {
    as,
    headers,
    body: { identifiers },
  });
  expect(refused.status).toBe(403);
  const timeline = await rest('GET', `${customerPath(customer.id)}/timeline`, { as });
  expect(timeline.status).toBe(200);
  await agents.reinstate(suspected.case_id, 'the customer called');
  await expect.poll(async () => (await profile()).json.status, LIMIT).toBe('active');
}

/** Webhooks without, with a wrong, an old and a valid signature, the last one twice. */
export async function sendWebhooks(stage: Stage): Promise<void> {
  const { marks, rest, system } = stage;
  const customer = await newCustomer(stage, [{}]);
  const secret = system.persona.env.STRIPE_WEBHOOK_SECRET ?? '';
  const payload = JSON.stringify({
    ...{ id: `evt_${randomUUID()}`, object: 'event', created: Math.floor(Date.now() / 1000) },
    ...{ type: 'payment_method.updated', api_version: '2026-08-26.dahlia' },
    data: {
      object: {
        ...{
          id: marks.drawForeign('the id in a webhook').slice(0, 24),
          object: 'payment_method',
          customer: null,
        },
        billing_details: { email: marks.drawForeign('billing details in a webhook') },
      },
    },
  });
  const send = (body: string, signature?: string) =>
    rest('POST', '/webhooks/stripe', {
      body,
      ...(signature && { headers: { 'stripe-signature': signature } }),
    });
  const signed = (changes: object = {}) =>
    Stripe.webhooks.generateTestHeaderString({ payload, secret, ...changes });
  expect((await send(payload)).status).toBe(400);
  expect((await send(payload, signed({ secret: 'whsec_other' }))).status).toBe(400);
  expect((await send(payload, signed({ timestamp: 1_700_000_000 }))).status).toBe(400);
  const valid = signed();
  expect((await send(payload, valid)).status).toBe(200);
  expect((await send(payload, valid)).status).toBe(200);
  const broken = `{"id": "${marks.drawForeign('a broken webhook')}`;
  expect((await send(broken, signed({ payload: broken }))).status).not.toBe(200);
  expect(await statusesOf(stage, customer.id)).toEqual(['active']);
}
