import { Stripe } from 'stripe';
import { expect, test } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import { createStripeEvents } from './events.ts';

const SECRET = 'whsec_of_this_endpoint';
const events = createStripeEvents(SECRET);

const intent = {
  id: 'pi_1',
  object: 'payment_intent',
  customer: 'cus_1',
  metadata: { payment_id: 'inv-1', customer_id: 'c' },
  payment_method: 'pm_1',
  last_payment_error: null,
};
const event = (change: object = {}, of: object = {}) => ({
  id: 'evt_1',
  object: 'event',
  type: 'payment_intent.succeeded',
  request: { id: 'req_1', idempotency_key: 'recovery:inv-1:m:1' },
  data: { object: { ...intent, ...of } },
  ...change,
});

/** Signed as Stripe signs, `age` seconds ago. */
function signed(body: object | string, secret = SECRET, age = 0) {
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  const timestamp = Math.floor(Date.now() / 1000) - age;
  const header = Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
  return { payload, header };
}

const read = ({ payload, header }: { payload: string; header?: string }) =>
  events.read(Buffer.from(payload), header);

function refusal(of: { payload: string; header?: string }): PersonaError {
  try {
    read(of);
  } catch (error) {
    if (error instanceof PersonaError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

test('a signed event is read as an update of its payment', () => {
  expect(read(signed(event()))).toEqual({
    about: 'payment',
    event_id: 'evt_1',
    result: 'approved',
    codes: {},
    gateway_ref: 'pi_1',
    gateway_customer_ref: 'cus_1',
    payment_id: 'inv-1',
    request_key: 'recovery:inv-1:m:1',
    token: 'pm_1',
  });
});

test('absent fields are omitted', () => {
  const bare = event({ request: null }, { customer: null, metadata: {}, payment_method: null });
  expect(read(signed(bare))).toEqual({
    about: 'payment',
    event_id: 'evt_1',
    result: 'approved',
    codes: {},
    gateway_ref: 'pi_1',
  });
});

test('a decline carries its codes, and the method that the payment no longer names', () => {
  const last_payment_error = {
    code: 'card_declined',
    decline_code: 'do_not_honor',
    advice_code: 'try_again_later',
    network_decline_code: '05',
    payment_method: { id: 'pm_2', type: 'card', card: { brand: 'mastercard' } },
  };
  const failed = event(
    { type: 'payment_intent.payment_failed' },
    { last_payment_error, payment_method: null },
  );
  expect(read(signed(failed))).toMatchObject({
    result: 'declined',
    token: 'pm_2',
    codes: {
      code: 'card_declined',
      decline_code: 'do_not_honor',
      advice_code: 'try_again_later',
      network_code: '05',
      network: 'mastercard',
    },
  });
});

test.each([
  ['payment_intent.processing', 'pending'],
  ['payment_intent.canceled', 'cancelled'],
  ['payment_intent.requires_action', 'declined'],
])('%s is %s', (type, result) => {
  expect(read(signed(event({ type })))).toMatchObject({ result });
});

/** Reads an event about another object. */
const of = (type: string, object: object) => read(signed({ ...event({ type }), data: { object } }));

test.each(['payment_method.updated', 'payment_method.automatically_updated', 'payment_method.detached'])(
  '%s yields the method id only, none of its content',
  (type) => {
    const method = { id: 'pm_1', object: 'payment_method', customer: 'cus_1', card: { exp_month: 3 } };
    expect(of(type, method)).toEqual({ about: 'payment_method', event_id: 'evt_1', token: 'pm_1' });
  },
);

test.each(['pm_1', { id: 'pm_1' }])('mandate.updated names the mandate and its method', (payment_method) => {
  const mandate = { id: 'mandate_1', object: 'mandate', status: 'inactive', payment_method };
  expect(of('mandate.updated', mandate)).toEqual({
    about: 'mandate',
    event_id: 'evt_1',
    token: 'pm_1',
    mandate_ref: 'mandate_1',
  });
});

test('charge.refunded names the payment and the charge', () => {
  const charge = { id: 'ch_1', object: 'charge', payment_intent: 'pi_1', metadata: { payment_id: 'inv-1' } };
  const update = { about: 'refund', event_id: 'evt_1', gateway_ref: 'pi_1', charge_ref: 'ch_1' };
  expect(of('charge.refunded', charge)).toEqual({ ...update, payment_id: 'inv-1' });
  expect(of('charge.refunded', { ...charge, metadata: {} })).toEqual(update);
});

test.each([
  ['charge.dispute.created', 'dispute'],
  ['charge.dispute.updated', 'dispute'],
  ['charge.dispute.closed', 'dispute'],
  ['radar.early_fraud_warning.created', 'fraud_warning'],
])('%s names the object to read, and the charge', (type, about) => {
  const object = { id: 'du_1', charge: 'ch_1', payment_intent: 'pi_1', reason: 'fraudulent', status: 'lost' };
  expect(of(type, object)).toEqual({ about, event_id: 'evt_1', dispute_ref: 'du_1', charge_ref: 'ch_1' });
});

test.each(['refund.updated', 'refund.failed'])(
  '%s names the payment, and the attempt of a refund of our own',
  (type) => {
    const refund = { id: 're_1', object: 'refund', charge: 'ch_1', payment_intent: 'pi_1', status: 'failed' };
    const update = { about: 'refund', event_id: 'evt_1', gateway_ref: 'pi_1', charge_ref: 'ch_1' };
    expect(of(type, { ...refund, metadata: null })).toEqual(update);
    const own = { payment_id: 'inv-1', attempt_key: 'recovery:inv-1:m:1' };
    expect(of(type, { ...refund, metadata: own })).toEqual({ ...update, ...own });
  },
);

test('charges and refunds without a payment are ignored as external', () => {
  const charge = { id: 'ch_1', object: 'charge', payment_intent: null, metadata: {} };
  expect(of('charge.refunded', charge)).toBeUndefined();
  expect(of('refund.failed', { id: 're_1', payment_intent: null, charge: 'ch_1' })).toBeUndefined();
});

test.each([
  'payment_intent.created',
  'payment_method.attached',
  'refund.created',
  'customer.subscription.updated',
  'constructor',
])('%s is ignored', (type) => {
  expect(read(signed(event({ type })))).toBeUndefined();
});

test('an invalid signature is refused, and the error names the setting to check', () => {
  const { payload, header } = signed(event());
  for (const unproven of [
    { payload },
    { payload, header: '' },
    { payload, header: 'nonsense' },
    { payload: payload.replace('pi_1', 'pi_2'), header },
    signed(event(), 'whsec_of_another_endpoint'),
  ]) {
    expect(refusal(unproven)).toMatchObject({ type: 'signature_refused' });
  }
  const { message } = refusal(signed(event(), 'whsec_of_another_endpoint'));
  expect(message).toContain('STRIPE_WEBHOOK_SECRET');
  expect(message).not.toContain(SECRET);
});

test('an event signed more than five minutes ago is refused as a replay', () => {
  expect(read(signed(event(), SECRET, 290))).toBeDefined();
  expect(refusal(signed(event(), SECRET, 310))).toMatchObject({ type: 'signature_refused' });
});

test.each(['no JSON', '{"object":"v2.core.event"}', 'null', '[]', '{"type":1}'])(
  'a signed body of %s is malformed',
  (body) => {
    expect(refusal(signed(body))).toMatchObject({ type: 'malformed_request' });
  },
);
