/** Stripe's webhooks, from the gateway simulator, through the running API, into a recovery's history. */

import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ChargeAnswer, ChargeOrder } from '../../../domain/ports.ts';
import { recoveryWorkflowId } from '../../../domain/workflow-contracts.ts';
import type { ChargeResult } from '../../../domain/recovery/messages.ts';
import { recordVerification } from '../../../graph/index.ts';
import { adoptGatewayPayment, closeRecovery } from '../../../graph/recovery/index.ts';
import { testHeader } from '../../../test/test-graph.ts';
import type { RigServer } from '../../../test/rig/server.ts';
import type { StripeFixture } from '../../../test/stripe-fixture.ts';
import {
  type Recovery,
  signature,
  startWebhooks,
  type WebhookFixture,
} from '../../../test/webhook-fixture.ts';

let webhooks: WebhookFixture;
let temporal: RigServer;
let stripe: StripeFixture;

beforeAll(async () => {
  webhooks = await startWebhooks();
  ({ temporal, stripe } = webhooks);
});
afterAll(() => webhooks.close());
beforeEach(() => {
  webhooks.outage.active = false;
});

/** A customer with one card that follows the script, and an obligation with one claimed attempt on it. */
const recovery = async (script: object[], options: { named?: boolean } = {}) =>
  webhooks.recovery(await webhooks.cardHolder(script), options);
const record = (claimed: Recovery, answer: ChargeAnswer) => webhooks.record(claimed, answer);
const post = (text: string, header?: string) => webhooks.post(text, header);
const delivered = (order: ChargeOrder, count = 1) =>
  webhooks.delivered([order.gateway_customer_ref, 'payment_intent.'], count);

/** Every `chargeResult` in the history of the payment's recovery. */
async function chargeResultsOf(payment_id: string): Promise<ChargeResult[]> {
  const signals = await signalsOf(payment_id);
  return signals.flatMap(([name, payload]) => (name === 'chargeResult' ? [payload as ChargeResult] : []));
}

/** Every signal in that history, with its payload. */
async function signalsOf(payment_id: string): Promise<[name: string, payload: unknown][]> {
  const handle = temporal.client.workflow.getHandle(recoveryWorkflowId(payment_id));
  const { events } = await handle.fetchHistory().catch(() => ({ events: [] }));
  const signals = (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) =>
    signal ? [signal] : [],
  );
  const { loadedDataConverter } = temporal.client.options;
  return Promise.all(
    signals.map(async ({ signalName, input }): Promise<[string, unknown]> => {
      const [payload] = await decodeArrayFromPayloads(loadedDataConverter, input?.payloads);
      return [signalName ?? '', payload];
    }),
  );
}

describe('an event about an attempt', () => {
  test('is signalled to its recovery, which is started if it does not run', async () => {
    const claimed = await recovery([]);
    const answer = await stripe.charge(claimed.order);
    const [delivery] = await delivered(claimed.order);
    expect(delivery).toMatchObject({ status: 200, answer: { result: 'accepted' } });
    expect(await chargeResultsOf(claimed.payment_id)).toEqual([
      {
        event_id: JSON.parse(delivery?.text ?? '').id,
        payment_id: claimed.payment_id,
        attempt_key: claimed.order.key,
        gateway_ref: 'gateway_ref' in answer ? answer.gateway_ref : undefined,
        occurred_at: expect.any(String),
        result: 'approved',
      },
    ]);
  });

  test('is signalled with every code, even before the charge’s response', async () => {
    const claimed = await recovery([
      {
        do: 'decline',
        decline_code: 'do_not_honor',
        network_decline_code: '05',
        webhook: 'before',
        delay_ms: 20,
      },
    ]);
    const answer = stripe.charge(claimed.order);
    await delivered(claimed.order);
    expect(await chargeResultsOf(claimed.payment_id)).toMatchObject([
      {
        attempt_key: claimed.order.key,
        result: 'declined',
        code: 'card_declined',
        decline_code: 'do_not_honor',
        network_code: '05',
        network: 'visa',
      },
    ]);
    await answer;
  });

  test('is signalled if the charge’s response is lost', async () => {
    const claimed = await recovery([{ do: 'drop_after_capture' }]);
    expect(await stripe.charge(claimed.order)).toMatchObject({ result: 'unknown' });
    await delivered(claimed.order);
    expect(await chargeResultsOf(claimed.payment_id)).toMatchObject([
      { result: 'approved', attempt_key: claimed.order.key },
    ]);
  });

  test('has one event id if delivered twice concurrently, and is known when repeated later', async () => {
    const claimed = await recovery([{ do: 'approve', webhook: 'twice' }]);
    await stripe.charge(claimed.order);
    const [delivery, duplicate] = await delivered(claimed.order, 2);
    expect(duplicate?.text).toBe(delivery?.text);
    const signals = await chargeResultsOf(claimed.payment_id);
    expect(new Set(signals.map(({ event_id }) => event_id)).size).toBe(1);

    const text = delivery?.text ?? '';
    const again = await post(text, signature(text));
    expect(await again.json()).toEqual({ result: 'known' });
    expect(await chargeResultsOf(claimed.payment_id)).toEqual(signals);
  });

  test('that occurs later without a request is matched by its method', async () => {
    const claimed = await recovery([{ do: 'processing', settle: { after_ms: 1000, outcome: 'succeeded' } }]);
    const pending = await stripe.charge(claimed.order);
    await delivered(claimed.order);
    await record(claimed, pending);
    await stripe.sim('/clock', 'POST', { advance_s: 1 });
    const [, settled] = await delivered(claimed.order, 2);
    expect(JSON.parse(settled?.text ?? '')).toMatchObject({ request: { idempotency_key: null } });
    expect(await chargeResultsOf(claimed.payment_id)).toMatchObject([
      { result: 'pending', attempt_key: claimed.order.key },
      { result: 'approved', attempt_key: claimed.order.key },
    ]);
  });

  test('of a payment that does not name the obligation is matched by its reference', async () => {
    webhooks.outage.active = true;
    const claimed = await recovery([], { named: false });
    const answer = await stripe.charge(claimed.order);
    const [lost] = await delivered(claimed.order);
    const gateway_ref = answer.result === 'approved' ? answer.gateway_ref : undefined;
    if (gateway_ref === undefined) throw new Error(JSON.stringify(answer));
    webhooks.outage.active = false;
    await adoptGatewayPayment(webhooks.graph, testHeader(), { payment_id: claimed.payment_id, gateway_ref });
    const text = lost?.text ?? '';
    expect(await (await post(text, signature(text))).json()).toEqual({ result: 'accepted' });
    expect(await chargeResultsOf(claimed.payment_id)).toMatchObject([
      { gateway_ref, attempt_key: claimed.order.key },
    ]);
  });
});

describe('a customer who authenticates', () => {
  /** A charge declined as AUTH; the customer completes the authentication, and the gateway sends this event. */
  async function authenticated(type: string, state: { closed?: true } = {}) {
    const claimed = await recovery([
      { do: 'decline', code: 'authentication_required', decline_code: 'authentication_required' },
    ]);
    const { payment_id } = claimed;
    webhooks.outage.active = true;
    await record(claimed, await stripe.charge(claimed.order));
    const [declined] = await delivered(claimed.order);
    webhooks.outage.active = false;
    await temporal.client.workflow.start('recoverPayment', {
      workflowId: recoveryWorkflowId(payment_id),
      taskQueue: 'not-polled',
      args: [{ payment_id }],
    });
    if (state.closed) {
      const end = { payment_id, outcome: 'cancelled', rule: 'test' } as const;
      await closeRecovery(webhooks.graph, testHeader(), end);
    }
    const event = { ...JSON.parse(declined?.text ?? ''), type, request: null, id: `evt_${randomUUID()}` };
    const text = JSON.stringify(event);
    const answer = await (await post(text, signature(text))).json();
    return { answer, signals: await signalsOf(payment_id), gateway_ref: event.data.object.id, id: event.id };
  }

  test.each(['payment_intent.processing', 'payment_intent.amount_capturable_updated'])(
    'is signalled to the recovery that waits for it: %s',
    async (type) => {
      const { answer, signals, gateway_ref, id: event_id } = await authenticated(type);
      expect(answer).toEqual({ result: 'accepted' });
      expect(signals).toEqual([['paymentAuthenticated', { event_id, gateway_ref }]]);
    },
  );

  test('and has paid is signalled as a successful charge, which may start a run', async () => {
    const { answer, signals } = await authenticated('payment_intent.succeeded');
    expect(answer).toEqual({ result: 'accepted' });
    expect(signals).toMatchObject([['chargeResult', { result: 'approved' }]]);
  });

  test('for a closed obligation is not signalled', async () => {
    const { answer, signals } = await authenticated('payment_intent.processing', { closed: true });
    expect(answer).toEqual({ result: 'known' });
    expect(signals).toEqual([]);
  });
});

describe('an event that the graph already reflects starts nothing', () => {
  test('an approval, and an earlier event that arrives after it', async () => {
    webhooks.outage.active = true;
    const claimed = await recovery([{ do: 'processing', settle: { after_ms: 1000, outcome: 'succeeded' } }]);
    const answer = await stripe.charge(claimed.order);
    await stripe.sim('/clock', 'POST', { advance_s: 1 });
    const lost = await delivered(claimed.order, 2);
    if (answer.result !== 'pending') throw new Error(JSON.stringify(answer));
    webhooks.outage.active = false;
    await record(claimed, { ...answer, result: 'approved' });
    for (const { text } of lost.toReversed()) {
      expect(await (await post(text, signature(text))).json()).toEqual({ result: 'known' });
    }
    expect(await chargeResultsOf(claimed.payment_id)).toEqual([]);
  });

  test('an event that arrives just before the charge’s own response is recorded', async () => {
    webhooks.outage.active = true;
    const claimed = await recovery([]);
    const answer = await stripe.charge(claimed.order);
    const [early] = await delivered(claimed.order);
    webhooks.outage.active = false;
    const text = early?.text ?? '';
    const [response] = await Promise.all([post(text, signature(text)), record(claimed, answer)]);
    expect(await response.json()).toEqual({ result: 'known' });
    expect(await chargeResultsOf(claimed.payment_id)).toEqual([]);
  });

  test('a decline, but not an approval after it', async () => {
    webhooks.outage.active = true;
    const claimed = await recovery([{ do: 'decline' }, { do: 'approve' }]);
    const declined = await stripe.charge(claimed.order);
    if (declined.result !== 'declined' || declined.gateway_ref === undefined) throw new Error('not declined');
    await stripe.charge({
      ...claimed.order,
      gateway_ref: declined.gateway_ref,
      key: `${claimed.order.key}?`,
    });
    const lost = await delivered(claimed.order, 2);
    webhooks.outage.active = false;
    await record(claimed, declined);
    const answers = [];
    for (const { text } of lost) answers.push(await (await post(text, signature(text))).json());
    expect(answers).toEqual([{ result: 'known' }, { result: 'accepted' }]);
    expect(await chargeResultsOf(claimed.payment_id)).toMatchObject([{ result: 'approved' }]);
  });

  test('the cancellation of a closed obligation’s payment, but not of an open one’s', async () => {
    for (const [closed, result] of [
      [true, 'known'],
      [false, 'accepted'],
    ] as const) {
      webhooks.outage.active = true;
      const claimed = await recovery([{ do: 'decline' }]);
      const declined = await stripe.charge(claimed.order);
      if (declined.result !== 'declined' || declined.gateway_ref === undefined)
        throw new Error('not declined');
      await record(claimed, declined);
      await stripe.gateway.cancelPayment(declined.gateway_ref);
      const [, cancelled] = await delivered(claimed.order, 2);
      if (closed) {
        const { payment_id } = claimed;
        await closeRecovery(webhooks.graph, testHeader(), {
          payment_id,
          outcome: 'exhausted',
          rule: 'window_over',
        });
      }
      webhooks.outage.active = false;
      const text = cancelled?.text ?? '';
      expect(await (await post(text, signature(text))).json()).toEqual({ result });
    }
  });

  test('but not the success of another payment with the same payment id', async () => {
    const claimed = await recovery([]);
    webhooks.outage.active = true;
    const answer = await stripe.charge(claimed.order);
    await record(claimed, answer);
    webhooks.outage.active = false;
    await stripe.charge({ ...claimed.order, key: randomUUID() });
    const [, other] = await delivered(claimed.order, 2);
    expect(other).toMatchObject({ answer: { result: 'accepted' } });
    expect(await chargeResultsOf(claimed.payment_id)).toHaveLength(1);
  });
});

test('an event of the obligation’s own payment is matched even after its customer’s reference has changed', async () => {
  const claimed = await recovery([{ do: 'decline' }]);
  await record(claimed, await stripe.charge(claimed.order));
  const [delivery] = await delivered(claimed.order);
  const { customer_id, gateway_customer_ref: instead_of } = claimed.order;
  await recordVerification(webhooks.graph, testHeader(), {
    ...{ customer_id, payment_method_id: claimed.payment_method_id, instead_of },
    gateway_customer_ref: `cus_${randomUUID()}`,
    answer: { result: 'refused', reason: 'declined', codes: {} },
  });
  const event = { ...JSON.parse(delivery?.text ?? ''), type: 'payment_intent.succeeded', request: null };
  const text = JSON.stringify({ ...event, id: `evt_${randomUUID()}` });
  expect(await (await post(text, signature(text))).json()).toEqual({ result: 'accepted' });
  expect(await chargeResultsOf(claimed.payment_id)).toContainEqual(
    expect.objectContaining({ result: 'approved' }),
  );
});

describe('events that are not related to Persona', () => {
  test('payments without an obligation or of another customer, and other event types, are ignored', async () => {
    const unknownOrder = await stripe.createChargeOrder([]);
    await stripe.charge(unknownOrder);
    expect(await delivered(unknownOrder)).toMatchObject([{ status: 200, answer: { result: 'ignored' } }]);

    const claimed = await recovery([]);
    const otherCustomerOrder = { ...(await stripe.createChargeOrder([])), payment_id: claimed.payment_id };
    await stripe.charge(otherCustomerOrder);
    expect(await delivered(otherCustomerOrder)).toMatchObject([
      { status: 200, answer: { result: 'ignored' } },
    ]);
    expect(await chargeResultsOf(claimed.payment_id)).toEqual([]);

    const attached = webhooks.deliveries.find(({ text }) => text.includes('payment_method.attached'));
    expect(attached).toMatchObject({ status: 200, answer: { result: 'ignored' } });
  });
});

describe('a webhook without a valid signature', () => {
  test('is refused, and no recovery is signalled', async () => {
    webhooks.outage.active = true;
    const claimed = await recovery([]);
    await stripe.charge(claimed.order);
    const [{ text } = { text: '' }] = await delivered(claimed.order);
    webhooks.outage.active = false;
    const forged = text.replace('"succeeded"', '"processing"');
    for (const response of [
      await post(text),
      await post(text, signature(text, 0, 'whsec_other')),
      await post(forged, signature(text)),
      await post(text, signature(text, 301)),
    ]) {
      expect(response.status).toBe(400);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({ type: 'urn:persona:error:signature_refused' });
    }
    expect(await chargeResultsOf(claimed.payment_id)).toEqual([]);
    expect((await post(text, signature(text))).status).toBe(200);
    expect(await chargeResultsOf(claimed.payment_id)).toHaveLength(1);
  });
});

test('while Temporal is unavailable an event is refused and not recorded as received, so that it is redelivered', async () => {
  webhooks.outage.active = true;
  const claimed = await recovery([]);
  await stripe.charge(claimed.order);
  const [{ text } = { text: '' }] = await delivered(claimed.order);
  webhooks.outage.active = false;
  const connection = Connection.lazy({ address: '127.0.0.1:1', connectTimeout: 500 });
  const appWithoutTemporal = webhooks.createAppFor(new Client({ connection, namespace: temporal.namespace }));
  const response = await appWithoutTemporal.request('/webhooks/stripe', {
    method: 'POST',
    body: text,
    headers: { 'stripe-signature': signature(text) },
  });
  expect(response.status).toBe(504);
  expect(await response.json()).toMatchObject({ type: 'urn:persona:error:deadline_exceeded' });
  expect(await (await post(text, signature(text))).json()).toEqual({ result: 'accepted' });
  expect(await chargeResultsOf(claimed.payment_id)).toHaveLength(1);
  await connection.close();
});
