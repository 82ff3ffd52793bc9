/** Changes made by the gateway on its own: from its simulator, through the running API and a worker, into the graph. */

import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createFollowActivities } from '../../../activities/follow-gateway.ts';
import type { SignalRecoveries } from '../../../activities/recovery.ts';
import { createRefundActivities } from '../../../activities/refunds.ts';
import { TaskQueue } from '../../../domain/workflow-contracts.ts';
import {
  addPaymentMethod,
  getPaymentMethod,
  getPaymentMethods,
  getTimeline,
  readWallet,
  recordVerification,
} from '../../../graph/index.ts';
import { claimAttempt, closeRecovery, getObligation } from '../../../graph/recovery/index.ts';
import { readPolicy } from '../../../platform/policy.ts';
import { workflowBundle } from '../../../temporal/bundle.ts';
import { createQueueWorker, runWorkers } from '../../../temporal/worker.ts';
import { randomToken, testHeader } from '../../../test/test-graph.ts';
import {
  type CardHolder,
  type Delivery,
  signature,
  startWebhooks,
  type WebhookFixture,
} from '../../../test/webhook-fixture.ts';
import type { FollowGatewayResult } from '../../../workflows/follow-gateway.ts';

const policy = readPolicy();
const NEXT_YEAR = new Date().getUTCFullYear() + 1;
let webhooks: WebhookFixture;
let workers: ReturnType<typeof runWorkers>;
/** The signals sent to open recoveries. */
const sentSignals: { paymentIds: readonly string[]; signal: string; payload: object }[] = [];
/** The worker fails once before it signals a recovery. */
let failNextSignal = false;

beforeAll(async () => {
  webhooks = await startWebhooks();
  const { graph, temporal, stripe, codecKeys } = webhooks;
  const signalRecoveries: SignalRecoveries = async (paymentIds, signal, payload) => {
    if (failNextSignal) {
      failNextSignal = false;
      throw new Error('killed');
    }
    sentSignals.push({ paymentIds, signal, payload });
  };
  const worker = await createQueueWorker({
    connection: temporal.connection,
    namespace: temporal.namespace,
    queue: TaskQueue.maintenance,
    activities: createFollowActivities({ graph, gateway: stripe.gateway, signalRecoveries, now: Date.now }),
    bundle: await workflowBundle(),
    codecKeys,
    debugMode: true,
  });
  workers = runWorkers([worker]);
});
afterAll(async () => {
  await workers.stop();
  await webhooks.close();
});
beforeEach(() => {
  webhooks.outage.active = false;
});

/** Changes an object at the gateway. */
const sim = (path: string, body: object) => webhooks.stripe.sim(path, 'PUT', body);

/** An external request with a key of the same account, as by another service or in the dashboard. */
async function externalRequest<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
  const headers = { authorization: 'Bearer sk_test_1' };
  const body = new URLSearchParams(parameters);
  const response = await fetch(`${webhooks.stripe.url}${path}`, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as T;
}

/** The gateway's webhook deliveries of a type about an object, once they have been responded to. */
async function deliveriesOf(type: string, id: string, count = 1): Promise<Delivery[]> {
  return webhooks.delivered([`"${type}"`, id], count);
}

/** Repeats a webhook delivery of the gateway. */
async function redeliver({ text }: Pick<Delivery, 'text'>): Promise<unknown> {
  return (await webhooks.post(text, signature(text))).json();
}

/** An event as the gateway would have sent it. */
function eventOf(type: string, object: object): Delivery {
  const id = `evt_${randomUUID()}`;
  const event = { id, object: 'event', type, request: null, data: { object } };
  return { text: JSON.stringify(event), status: 0, answer: undefined };
}

const outcomesOf = async (workflowId: string) => {
  const handle = webhooks.temporal.client.workflow.getHandle(workflowId);
  return ((await handle.result()) as FollowGatewayResult).outcomes;
};
const methodOutcomes = ({ payment_method_id }: CardHolder) =>
  outcomesOf(`gateway-method:${payment_method_id}`);
const mandateOutcomes = ({ payment_method_id }: CardHolder, mandate: string) =>
  outcomesOf(`gateway-mandate:${payment_method_id}:${mandate}`);
const visibleMethod = ({ customer_id, payment_method_id }: CardHolder) =>
  getPaymentMethod(webhooks.graph, { customer_id, payment_method_id });
const walletMethod = async ({ customer_id, payment_method_id }: CardHolder) =>
  (await readWallet(webhooks.graph, customer_id)).find((one) => one.payment_method_id === payment_method_id);

/** The customer's events of these types, each with its type and actor. */
async function eventsOf(customer_id: string, ...types: string[]) {
  const rows = await webhooks.graph.read<{ type: string; actor: string; data: string }>(
    `MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.type IN $types
     RETURN e.type AS type, e.actor AS actor, e.data AS data ORDER BY e.seq`,
    { customer_id, types },
  );
  return rows.map(({ type, actor, data }) => ({ type, actor, ...JSON.parse(data) }));
}

const secondCard = (holder: CardHolder) => webhooks.secondCard(holder);

describe('a card that its bank has reissued', () => {
  test('is updated to its current state at the gateway, and open recoveries are signalled', async () => {
    const holder = await webhooks.cardHolder([], { last4: '1111', exp_month: 1, exp_year: NEXT_YEAR });
    const { payment_id } = await webhooks.recovery(holder);
    const card = { last4: '2222', exp_month: 6, exp_year: NEXT_YEAR + 3, fingerprint: `fp_${randomUUID()}` };
    await sim(`/payment_methods/${holder.token}`, { card });
    const [delivery] = await deliveriesOf('payment_method.automatically_updated', holder.token);
    expect(delivery).toMatchObject({ status: 200, answer: { result: 'accepted' } });
    expect(await methodOutcomes(holder)).toEqual(['updated']);

    expect(await visibleMethod(holder)).toMatchObject({
      status: 'active',
      last_four: '2222',
      expiry_month: 6,
      expiry_year: NEXT_YEAR + 3,
    });
    expect(await walletMethod(holder)).toMatchObject({ instrument_fingerprint: card.fingerprint });
    const { customer_id, payment_method_id } = holder;
    const event_id = JSON.parse(delivery?.text ?? '').id;
    expect((await eventsOf(customer_id, 'PaymentMethodUpdated')).at(-1)).toMatchObject({
      actor: 'gateway',
      payment_method_id,
      last_four: '2222',
    });
    const signals = sentSignals.filter(({ paymentIds }) => paymentIds.includes(payment_id));
    expect(signals).toEqual([
      {
        paymentIds: [payment_id],
        signal: 'paymentMethodUpdated',
        payload: { event_id, payment_method_id },
      },
    ]);
  });

  test('is active again if it had expired, and expires if its new date has passed', async () => {
    const holder = await webhooks.cardHolder([], { exp_month: 1, exp_year: 2020 });
    const other = await secondCard(holder);
    expect(await visibleMethod(holder)).toMatchObject({ status: 'expired', is_default: false });
    await sim(`/payment_methods/${holder.token}`, { card: { exp_year: NEXT_YEAR } });
    await deliveriesOf('payment_method.automatically_updated', holder.token);
    expect(await methodOutcomes(holder)).toEqual(['updated']);
    expect(await visibleMethod(holder)).toMatchObject({ status: 'active', expiry_year: NEXT_YEAR });

    await sim(`/payment_methods/${other.token}`, { card: { exp_month: 1, exp_year: 2021 } });
    await deliveriesOf('payment_method.automatically_updated', other.token);
    expect(await methodOutcomes(other)).toEqual(['updated']);
    expect(await visibleMethod(other)).toMatchObject({ status: 'expired', is_default: false });
    expect(await visibleMethod(holder)).toMatchObject({ is_default: true });
    const { payment_method_id } = other;
    expect((await eventsOf(holder.customer_id, 'PaymentMethodStatusChanged')).at(-1)).toMatchObject({
      payment_method_id,
      new_status: 'expired',
    });
  });

  test('is not charged again if nothing relevant has changed', async () => {
    const holder = await webhooks.cardHolder();
    const { payment_id } = await webhooks.recovery(holder);
    const before = await visibleMethod(holder);
    await externalRequest(`/v1/payment_methods/${holder.token}`, {
      'metadata[note]': 'spoke to the customer',
    });
    await deliveriesOf('payment_method.updated', holder.token);
    expect(await methodOutcomes(holder)).toEqual(['unchanged']);
    expect(await visibleMethod(holder)).toEqual(before);
    expect(sentSignals.filter(({ paymentIds }) => paymentIds.includes(payment_id))).toEqual([]);
  });
});

test('a worker that fails between updating a card and signalling recoveries signals them on its next try', async () => {
  const holder = await webhooks.cardHolder();
  const { payment_id } = await webhooks.recovery(holder);
  failNextSignal = true;
  await sim(`/payment_methods/${holder.token}`, { card: { last4: '7777' } });
  await deliveriesOf('payment_method.automatically_updated', holder.token);
  expect(await methodOutcomes(holder)).toEqual(['updated']);
  expect(failNextSignal).toBe(false);
  expect(sentSignals.filter(({ paymentIds }) => paymentIds.includes(payment_id))).toHaveLength(1);
  const updates = await eventsOf(holder.customer_id, 'PaymentMethodUpdated');
  expect(updates.filter(({ last_four }) => last_four === '7777')).toHaveLength(1);
});

describe('events that are repeated, late or out of order', () => {
  test('a repeated event acts once, concurrently and later', async () => {
    webhooks.outage.active = true;
    const holder = await webhooks.cardHolder();
    await sim(`/payment_methods/${holder.token}`, { card: { last4: '3333' } });
    const [lost = { text: '' }] = await deliveriesOf('payment_method.automatically_updated', holder.token);
    webhooks.outage.active = false;
    const answers = await Promise.all([redeliver(lost), redeliver(lost), redeliver(lost)]);
    expect(answers).toContainEqual({ result: 'accepted' });
    await methodOutcomes(holder);
    expect(await redeliver(lost)).toEqual({ result: 'known' });
    const updates = await eventsOf(holder.customer_id, 'PaymentMethodUpdated');
    expect(updates.filter(({ last_four }) => last_four === '3333')).toHaveLength(1);
  });

  test('an older event after a newer one reverts nothing', async () => {
    webhooks.outage.active = true;
    const holder = await webhooks.cardHolder();
    await sim(`/payment_methods/${holder.token}`, { card: { exp_month: 2, last4: '1000' } });
    await sim(`/payment_methods/${holder.token}`, { card: { exp_month: 3, last4: '2000' } });
    const [older, newer] = await deliveriesOf('payment_method.automatically_updated', holder.token, 2);
    webhooks.outage.active = false;
    for (const lost of [newer, older])
      expect(await redeliver(lost as Delivery)).toEqual({ result: 'accepted' });
    await methodOutcomes(holder);
    expect(await visibleMethod(holder)).toMatchObject({ expiry_month: 3, last_four: '2000' });
    const months = (await eventsOf(holder.customer_id, 'PaymentMethodUpdated')).map(
      (one) => one.expiry_month,
    );
    expect(months).not.toContain(2);
  });

  test('while Temporal is unavailable they are refused and not recorded as received', async () => {
    webhooks.outage.active = true;
    const holder = await webhooks.cardHolder();
    await sim(`/payment_methods/${holder.token}`, { card: { last4: '4444' } });
    const [lost = { text: '' }] = await deliveriesOf('payment_method.automatically_updated', holder.token);
    webhooks.outage.active = false;
    const connection = Connection.lazy({ address: '127.0.0.1:1', connectTimeout: 500 });
    const { namespace } = webhooks.temporal;
    const appWithoutTemporal = webhooks.createAppFor(new Client({ connection, namespace }));
    const headers = { 'stripe-signature': signature(lost.text) };
    const init = { method: 'POST', body: lost.text, headers };
    expect((await appWithoutTemporal.request('/webhooks/stripe', init)).status).toBe(504);
    await connection.close();
    expect(await redeliver(lost)).toEqual({ result: 'accepted' });
    expect(await methodOutcomes(holder)).toEqual(['updated']);
  });
});

describe('the owner of a method', () => {
  test('an unknown method is ignored', async () => {
    const unknownOrder = await webhooks.stripe.createChargeOrder([]);
    await sim(`/payment_methods/${unknownOrder.token}`, { card: { last4: '9999' } });
    const [delivery] = await deliveriesOf('payment_method.automatically_updated', unknownOrder.token);
    expect(delivery).toMatchObject({ status: 200, answer: { result: 'ignored' } });
  });

  test('a method of another customer at the gateway is removed from the wallet, and its details are not stored', async () => {
    const holder = await webhooks.cardHolder([], { last4: '1111' });
    const other = await secondCard(holder);
    const customer = `cus_${randomUUID()}`;
    await sim(`/payment_methods/${holder.token}`, { customer, card: { last4: '9999', brand: 'jcb' } });
    await deliveriesOf('payment_method.automatically_updated', holder.token);
    expect(await methodOutcomes(holder)).toEqual(['removed']);
    const { customer_id } = holder;
    const wallet = await getPaymentMethods(webhooks.graph, { customer_id });
    expect(wallet).toMatchObject([{ payment_method_id: other.payment_method_id, is_default: true }]);
    expect(await walletMethod(holder)).toMatchObject({
      status: 'inactive',
      last_four: '1111',
      brand: 'visa',
      off_session_consent: false,
    });
    const timeline = JSON.stringify(await getTimeline(webhooks.graph, { customer_id, limit: 50 }));
    expect(timeline).not.toContain('9999');
  });

  test('a method unknown to the gateway is unchanged', async () => {
    const holder = await webhooks.cardHolder();
    const { customer_id, gateway_customer_ref } = holder;
    const token = randomToken();
    const method = { type: 'card' as const, token };
    const added = await addPaymentMethod(webhooks.graph, testHeader(), {
      ...{ customer_id, method, added_by: 'customer' },
    });
    const known = { ...method, gateway_customer_ref, last_four: '5555' };
    const { payment_method_id } = added;
    await recordVerification(webhooks.graph, testHeader(), {
      ...{ customer_id, payment_method_id, answer: { result: 'attached', method: known } },
    });
    const lost = { ...holder, payment_method_id, token };
    const before = await visibleMethod(lost);
    expect(before).toMatchObject({ status: 'active', last_four: '5555' });
    expect(await redeliver(eventOf('payment_method.detached', { id: token }))).toEqual({
      result: 'accepted',
    });
    expect(await methodOutcomes(lost)).toEqual(['unknown']);
    expect(await visibleMethod(lost)).toEqual(before);
  });
});

test('a method detached at the gateway is removed from the wallet, replaced as default and not charged', async () => {
  const holder = await webhooks.cardHolder();
  const other = await secondCard(holder);
  const { payment_id, order } = await webhooks.recovery(holder);
  await webhooks.record({ payment_id, payment_method_id: '', order }, { result: 'not_sent', reason: 'test' });
  const { customer_id, payment_method_id } = holder;
  expect(await visibleMethod(holder)).toMatchObject({ is_default: true });
  await webhooks.stripe.detach(holder.token);
  const [delivery] = await deliveriesOf('payment_method.detached', holder.token);
  expect(delivery).toMatchObject({ answer: { result: 'accepted' } });
  expect(await methodOutcomes(holder)).toEqual(['removed']);
  await expect(visibleMethod(holder)).rejects.toMatchObject({ type: 'payment_method_not_found' });
  expect(await visibleMethod(other)).toMatchObject({ is_default: true });
  const now = Date.now();
  const claim = { payment_id, payment_method_id, key: randomUUID(), n: 2, policy, now };
  expect(await claimAttempt(webhooks.graph, testHeader(), claim)).toMatchObject({ result: 'refused' });
  expect(await eventsOf(customer_id, 'PaymentMethodRemoved')).toMatchObject([
    { actor: 'gateway', payment_method_id, old_status: 'active' },
  ]);
  // A method that is no longer in a wallet is not followed.
  expect(await redeliver(eventOf('payment_method.updated', { id: holder.token }))).toEqual({
    result: 'known',
  });
});

describe('a mandate', () => {
  /** A card with a mandate, and another card. */
  async function mandated(type = 'multi_use') {
    const holder = await webhooks.cardHolder();
    const other = await secondCard(holder);
    const mandate = `mandate_${randomUUID()}`;
    await sim(`/mandates/${mandate}`, { payment_method: holder.token, type });
    return { holder, other, mandate };
  }

  test('that has ended withdraws the consent to charge its method, and no other', async () => {
    const { holder, other, mandate } = await mandated();
    await sim(`/mandates/${mandate}`, { status: 'inactive' });
    const [delivery] = await deliveriesOf('mandate.updated', mandate);
    expect(delivery).toMatchObject({ answer: { result: 'accepted' } });
    expect(await mandateOutcomes(holder, mandate)).toEqual(['consent_withdrawn']);
    expect(await visibleMethod(holder)).toMatchObject({ off_session_consent: false, status: 'active' });
    expect(await visibleMethod(other)).toMatchObject({ off_session_consent: true });
    expect(await eventsOf(holder.customer_id, 'ConsentChanged')).toMatchObject([
      { actor: 'gateway', off_session_consent: false, consent_source: 'network_revocation' },
    ]);

    // Only the customer can give consent again.
    await sim(`/mandates/${mandate}`, { status: 'active' });
    await deliveriesOf('mandate.updated', mandate, 2);
    expect(await mandateOutcomes(holder, mandate)).toEqual(['unchanged']);
    expect(await visibleMethod(holder)).toMatchObject({ off_session_consent: false });
  });

  test('that was for a single payment withdraws no consent when it is spent', async () => {
    const { holder, mandate } = await mandated('single_use');
    await sim(`/mandates/${mandate}`, { status: 'inactive' });
    await deliveriesOf('mandate.updated', mandate);
    expect(await mandateOutcomes(holder, mandate)).toEqual(['unchanged']);
    expect(await visibleMethod(holder)).toMatchObject({ off_session_consent: true });
  });

  test('applies by its current state, and only to its own method', async () => {
    const { holder, other, mandate } = await mandated();
    const ended = { id: mandate, status: 'inactive', type: 'multi_use' };
    await redeliver(eventOf('mandate.updated', { ...ended, payment_method: holder.token }));
    expect(await mandateOutcomes(holder, mandate)).toEqual(['unchanged']);

    await sim(`/mandates/${mandate}`, { status: 'inactive' });
    await deliveriesOf('mandate.updated', mandate);
    await redeliver(eventOf('mandate.updated', { ...ended, payment_method: other.token }));
    expect(await mandateOutcomes(other, mandate)).toEqual(['unknown']);
    expect(await visibleMethod(other)).toMatchObject({ off_session_consent: true });
  });
});

describe('refunds', () => {
  /** A payment charged by Persona; `paid` twice: it had already been paid externally, so ours is a second success. */
  async function chargePayment(paid: 'once' | 'twice') {
    const holder = await webhooks.cardHolder();
    const claimed = await webhooks.recovery(holder);
    const { payment_id, order } = claimed;
    const answer = await webhooks.stripe.charge(order);
    if (answer.result !== 'approved' || !answer.charge_ref) throw new Error(JSON.stringify(answer));
    if (paid === 'twice') {
      await webhooks.record(claimed, { result: 'unknown', reason: 'test' });
      const closing = { payment_id, outcome: 'paid_elsewhere', rule: 'settled' } as const;
      await closeRecovery(webhooks.graph, testHeader(), closing);
    }
    await webhooks.record(claimed, answer);
    const { customer_id } = holder;
    const { charge_ref } = answer;
    const { key } = order;
    return {
      ...{ customer_id, payment_id, charge_ref, key },
      outcomes: () => outcomesOf(`gateway-refunds:${payment_id}`),
      refunds: () => eventsOf(customer_id, 'RefundSent', 'RefundFailed'),
      /** Refunds it as the recovery does. */
      sendRefund: () =>
        new MockActivityEnvironment().run(refundActivities().refundCharge, { payment_id, key }),
    };
  }

  function refundActivities() {
    const { graph, stripe } = webhooks;
    return createRefundActivities({ graph, gateway: stripe.gateway, now: Date.now });
  }

  const fail = (refund: string) =>
    webhooks.stripe.sim(`/refunds/${refund}/fail`, 'POST', { reason: 'expired_or_canceled_card' });

  test('made externally are recorded, each once, with their amount', async () => {
    const { customer_id, payment_id, charge_ref, key, outcomes, refunds } = await chargePayment('once');
    const part = await externalRequest<{ id: string }>('/v1/refunds', { charge: charge_ref, amount: '250' });
    const [delivery = { text: '' }] = await deliveriesOf('charge.refunded', charge_ref);
    expect(delivery).toMatchObject({ answer: { result: 'accepted' } });
    expect(await outcomes()).toEqual(['refund_recorded']);
    const first = { type: 'RefundSent', actor: 'gateway', payment_id, key, refund_ref: part.id };
    expect(await refunds()).toMatchObject([{ ...first, by_others: { amount: 250, currency: 'USD' } }]);
    expect(await redeliver(delivery)).toEqual({ result: 'known' });

    const rest = await externalRequest<{ id: string }>('/v1/refunds', { charge: charge_ref });
    // The second delivery repeats the first.
    await deliveriesOf('charge.refunded', charge_ref, 3);
    expect(await outcomes()).toEqual(['refund_recorded']);
    expect(await refunds()).toMatchObject([first, { refund_ref: rest.id, by_others: { amount: 1000 } }]);
    expect(await getTimeline(webhooks.graph, { customer_id, limit: 2 })).toMatchObject([
      { text: `$10.00 of the payment ${payment_id} was refunded.` },
      { text: `$2.50 of the payment ${payment_id} was refunded.` },
    ]);
  });

  test('of an external charge are ignored regardless of its metadata', async () => {
    const { payment_id, refunds } = await chargePayment('once');
    const unknownOrder = { ...(await webhooks.stripe.createChargeOrder([])), payment_id };
    const answer = await webhooks.stripe.charge(unknownOrder);
    const charge = answer.result === 'approved' ? (answer.charge_ref ?? '') : '';
    await externalRequest('/v1/refunds', { charge });
    expect(await deliveriesOf('charge.refunded', charge)).toMatchObject([{ answer: { result: 'ignored' } }]);
    expect(await refunds()).toEqual([]);
  });

  test('of our own are recorded once, also if the event arrives before that', async () => {
    const { payment_id, charge_ref, key, outcomes, refunds, sendRefund } = await chargePayment('twice');
    await webhooks.stripe.gateway.refundCharge({
      ...{ charge_ref, payment_id, key: `refund:${key}`, attempt_key: key },
    });
    const [delivery] = await deliveriesOf('charge.refunded', charge_ref);
    expect(delivery).toMatchObject({ answer: { result: 'accepted' } });
    expect(await outcomes()).toEqual(['unchanged']);
    expect(await refunds()).toEqual([]);
    expect(await sendRefund()).toMatchObject({ refunded: true });
    await redeliver(eventOf('charge.refunded', JSON.parse(delivery?.text ?? '').data.object));
    expect(await outcomes()).toEqual(['unchanged']);
    expect(await refunds()).toMatchObject([{ type: 'RefundSent', key, by_others: null }]);
  });

  test('that fail later are recorded as failed once, regardless of the number and order of events', async () => {
    const { payment_id, charge_ref, key, outcomes, refunds, sendRefund } = await chargePayment('twice');
    await sendRefund();
    const [refunded] = await deliveriesOf('charge.refunded', charge_ref);
    await outcomes();
    const [{ refund_ref }] = (await refunds()) as [{ refund_ref: string }];
    await fail(refund_ref);
    for (const type of ['refund.updated', 'refund.failed']) {
      expect(await deliveriesOf(type, refund_ref)).toMatchObject([{ answer: { result: 'accepted' } }]);
    }
    await redeliver(eventOf('refund.failed', { id: refund_ref, payment_intent: null }));
    await redeliver(eventOf('charge.refunded', JSON.parse(refunded?.text ?? '').data.object));
    await outcomes();
    const reason = `refund ${refund_ref} failed: expired_or_canceled_card`;
    expect(await refunds()).toMatchObject([
      { type: 'RefundSent', key, refund_ref },
      { type: 'RefundFailed', actor: 'gateway', payment_id, key, refund_ref, reason },
    ]);
  });

  test('that fail before they are recorded are never recorded as sent', async () => {
    const { payment_id, charge_ref, key, outcomes, refunds, sendRefund } = await chargePayment('twice');
    const answer = await webhooks.stripe.gateway.refundCharge({
      ...{ charge_ref, payment_id, key: `refund:${key}`, attempt_key: key },
    });
    const refund_ref = 'refund_ref' in answer ? (answer.refund_ref ?? '') : '';
    await deliveriesOf('charge.refunded', charge_ref);
    await outcomes();
    await fail(refund_ref);
    await deliveriesOf('refund.failed', refund_ref);
    await outcomes();
    expect(await getObligation(webhooks.graph, payment_id)).toMatchObject({ refunds_due: [key] });
    expect(await sendRefund()).toMatchObject({ refunded: false });
    expect(await refunds()).toMatchObject([{ type: 'RefundFailed', key, refund_ref }]);
  });

  test('made externally that fail are recorded as failed as well', async () => {
    const { charge_ref, key, outcomes, refunds } = await chargePayment('once');
    const { id: refund_ref } = await externalRequest<{ id: string }>('/v1/refunds', { charge: charge_ref });
    await deliveriesOf('charge.refunded', charge_ref);
    await outcomes();
    await fail(refund_ref);
    await deliveriesOf('refund.failed', refund_ref);
    await deliveriesOf('refund.updated', refund_ref);
    await outcomes();
    expect(await refunds()).toMatchObject([
      { type: 'RefundSent', key, refund_ref },
      { type: 'RefundFailed', key, refund_ref },
    ]);
  });
});
