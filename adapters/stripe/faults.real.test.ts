import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type StripeFixture, startHttpServer, startStripeFixture } from '../../test/stripe-fixture.ts';
import { createStripeGateway } from './gateway.ts';

let stripe: StripeFixture;

beforeAll(async () => {
  stripe = await startStripeFixture();
});
afterAll(() => stripe.close());

describe('an unreachable or failing gateway', () => {
  test('a refused connection and an unresolved name are not sent', async () => {
    const order = await stripe.createChargeOrder([]);
    for (const apiBase of ['http://127.0.0.1:1', 'http://gateway.invalid:8080']) {
      const nowhere = createStripeGateway({ apiKey: 'sk_test_1', apiBase });
      expect(await nowhere.charge(order, { timeoutMs: 5000 })).toMatchObject({ result: 'not_sent' });
    }
  });

  test.each([
    [
      429,
      { code: 'rate_limit', type: 'invalid_request_error' },
      { result: 'not_sent', retry_after_ms: 3000 },
    ],
    [429, { code: 'lock_timeout', type: 'invalid_request_error' }, { result: 'unknown' }],
    [409, { code: 'idempotency_key_in_use', type: 'idempotency_error' }, { result: 'unknown' }],
    [503, { type: 'api_error' }, { result: 'unknown' }],
    [403, { type: 'invalid_request_error' }, { result: 'declined', codes: { code: 'gateway_config_error' } }],
    [
      400,
      { type: 'invalid_request_error', code: 'amount_too_small', param: 'amount' },
      { result: 'declined', codes: { code: 'gateway_config_error' } },
    ],
    [
      402,
      // Already paid, but whether the payment still holds its amount cannot be read here.
      { type: 'card_error', code: 'card_declined', payment_intent: { id: 'pi_1', status: 'succeeded' } },
      { result: 'unknown', gateway_ref: 'pi_1' },
    ],
    [
      402,
      { type: 'card_error', code: 'card_declined', payment_intent: { id: 'pi_1', status: 'processing' } },
      { result: 'pending', gateway_ref: 'pi_1' },
    ],
  ])('%i %j', async (status, error, expected) => {
    const order = await stripe.createChargeOrder([]);
    const server = await startHttpServer((_, response) => {
      response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '3' });
      response.end(JSON.stringify({ error: { message: 'no', ...error } }));
    });
    const stubGateway = createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url });
    expect(await stubGateway.charge(order, { timeoutMs: 5000 })).toMatchObject(expected);
    await server.close();
  });

  test.each([
    ['HTML instead of JSON', '<html>'],
    ['a payment in an unexpected state', JSON.stringify({ id: 'pi_1', status: 'requires_capture' })],
  ])('200 with %s is unknown', async (_, body) => {
    const order = await stripe.createChargeOrder([]);
    const server = await startHttpServer((_, response) => response.end(body));
    const stubGateway = createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url });
    expect(await stubGateway.charge(order, { timeoutMs: 5000 })).toMatchObject({ result: 'unknown' });
    await server.close();
  });

  test('a truncated response is unknown', async () => {
    const order = await stripe.createChargeOrder([]);
    const server = await startHttpServer((_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"id":"pi_1","status":"succe');
      setTimeout(() => response.destroy(), 20);
    });
    const stubGateway = createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url });
    expect(await stubGateway.charge(order, { timeoutMs: 5000 })).toMatchObject({ result: 'unknown' });
    await server.close();
  });

  test('requests other than charges report the unreachable gateway and the setting to check', async () => {
    const nowhere = createStripeGateway({ apiKey: 'sk_test_1', apiBase: 'http://127.0.0.1:1' });
    await expect(nowhere.createCustomer({ customer_id: 'c', key: 'k' })).rejects.toMatchObject({
      type: 'gateway_unavailable',
      message: expect.stringMatching(/127\.0\.0\.1:1.*ECONNREFUSED.*STRIPE_API_BASE/),
    });
    await expect(nowhere.readPayment('pi_1')).rejects.toMatchObject({ type: 'gateway_unavailable' });
    expect(await nowhere.cancelPayment('pi_1')).toBe('unknown');
  });
});
