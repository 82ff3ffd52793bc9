/** Updating and detaching a method, against the simulator and against servers that refuse. */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type StripeFixture, startHttpServer, startStripeFixture } from '../../test/stripe-fixture.ts';
import { createStripeGateway } from './gateway.ts';

let stripe: StripeFixture;

beforeAll(async () => {
  stripe = await startStripeFixture();
});
afterAll(() => stripe.close());

const date = { expiry_month: 5, expiry_year: 2035 };

/** A gateway that responds to every request like this. */
async function stubGateway(status: number, error: object) {
  const server = await startHttpServer((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error }));
  });
  onTestFinished(server.close);
  return createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url });
}

const customer_id = randomUUID();

test('an expiry date can be updated repeatedly, and an invalid one is refused', async () => {
  const { token } = await stripe.createChargeOrder([]);
  const { gateway } = stripe;
  expect(await gateway.updatePaymentMethod({ customer_id, token, ...date })).toBe('updated');
  expect(await gateway.updatePaymentMethod({ customer_id, token, ...date })).toBe('updated');
  expect(await gateway.getPaymentMethod(token)).toMatchObject(date);
  expect(await gateway.updatePaymentMethod({ customer_id, token, expiry_month: 1, expiry_year: 2020 })).toBe(
    'refused',
  );
  expect(await gateway.getPaymentMethod(token)).toMatchObject(date);
});

test('a detached or unknown method cannot be updated or detached', async () => {
  const { token } = await stripe.createChargeOrder([]);
  const { gateway } = stripe;
  expect(await gateway.detachPaymentMethod(token)).toBe('detached');
  expect(await gateway.detachPaymentMethod(token)).toBe('not_attached');
  expect(await gateway.updatePaymentMethod({ customer_id, token, ...date })).toBe('not_attached');
  expect(await gateway.detachPaymentMethod('pm_nobody')).toBe('not_attached');
  expect(await gateway.updatePaymentMethod({ customer_id, token: 'pm_nobody', ...date })).toBe(
    'not_attached',
  );
});

test.each([
  [503, { type: 'api_error', message: 'down' }, 'gateway_unavailable'],
  [429, { type: 'invalid_request_error', message: 'slow down' }, 'gateway_unavailable'],
  [401, { type: 'invalid_request_error', message: 'Invalid API Key' }, 'gateway_misconfigured'],
  [403, { type: 'invalid_request_error', message: 'no permission' }, 'gateway_misconfigured'],
])('a response of %i says nothing about the method', async (status, error, type) => {
  const gateway = await stubGateway(status, error);
  await expect(gateway.detachPaymentMethod('pm_1')).rejects.toMatchObject({ type });
  await expect(gateway.updatePaymentMethod({ customer_id, token: 'pm_1', ...date })).rejects.toMatchObject({
    type,
  });
});
