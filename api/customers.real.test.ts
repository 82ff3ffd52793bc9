/** Onboarding and reading customers over REST and gRPC, against two real API processes. */

import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { setCustomerStatus } from '../graph/index.ts';
import { unaryCall } from '../test/api-fixture.ts';
import { randomEmail, randomToken, testHeader } from '../test/test-graph.ts';
import { onboardingResult } from './http/schemas/onboarding.ts';
import { paymentMethod, profile } from './http/schemas/wallet.ts';
import {
  addMethod,
  cardMethod,
  matchesExactly,
  now,
  onboard,
  rpcError,
  sendChange,
  sendRequest,
  newCustomerRequest,
  startTwoApis,
} from './api-fixtures.ts';

const api = startTwoApis();

describe('onboarding', () => {
  test('a new customer is 201 and complete; a repeated transaction gets the same response from any process', async () => {
    const token = randomToken();
    const request = newCustomerRequest({
      payment_method_details: cardMethod(token),
      device_details: { fingerprint: randomUUID() },
    });
    const created = await sendRequest(api.first, '/api/v1/customers', request);
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      created: true,
      match: { rule: 'none', proven: true, suggested_customer_ids: [] },
      payment_method_status: 'active',
      warnings: [],
    });
    expect(created.body).not.toHaveProperty('request_hash');

    const repeated = await sendRequest(api.second, '/api/v1/customers', request);
    expect(repeated.body).toEqual(created.body);

    const answer = await fetch(new URL(created.headers.get('location') ?? '', api.first.http));
    expect(answer.headers.get('etag')).toMatch(/^"\d+"$/);
    expect(await answer.json()).toMatchObject({
      customer_id: created.body.customer_id,
      status: 'active',
      identifiers: [{ type: 'email', value: request.digital_identifiers[0]?.value, is_verified: true }],
      payment_method_count: 1,
      device_count: 1,
    });
    expect(matchesExactly(onboardingResult, created.body)).toBe(true);
    expect(
      matchesExactly(
        profile,
        (await sendRequest(api.second, `/api/v1/customers/${created.body.customer_id}/profile`)).body,
      ),
    ).toBe(true);
    const wallet = await sendRequest(
      api.second,
      `/api/v1/customers/${created.body.customer_id}/payment-methods`,
    );
    expect(wallet.body.items).toMatchObject([
      { brand: 'visa', last_four: '4242', status: 'active', is_default: true },
    ]);
    expect(JSON.stringify(wallet.body)).not.toContain(token);
  });

  test('the same transaction with a different body is refused by REST and gRPC', async () => {
    const request = newCustomerRequest();
    await sendRequest(api.first, '/api/v1/customers', request);
    const other = { ...request, customer_metadata: { segment: 'vip' } };
    const overRest = await sendRequest(api.second, '/api/v1/customers', other);
    expect([overRest.status, overRest.body.type]).toEqual([422, 'urn:persona:error:idempotency_key_reused']);
    const overGrpc = await rpcError(
      unaryCall(api.second.graph, 'createCustomer', { ...other, occurred_at: new Date() }),
    );
    expect(overGrpc.code).toBe(status.FAILED_PRECONDITION);
  });

  test('the same content sent in another form is the same request', async () => {
    const email = randomEmail();
    const request = { transaction_id: randomUUID(), occurred_at: now(), email };
    const created = await sendRequest(api.first, '/api/v1/customers', request);
    const overGrpc = await unaryCall(api.second.graph, 'createCustomer', {
      transaction_id: request.transaction_id,
      email,
      digital_identifiers: [],
      occurred_at: new Date(),
    });
    expect(overGrpc).toMatchObject({ customer_id: created.body.customer_id, created: true });
  });

  test('twenty concurrent onboardings of one person over two processes create one customer', async () => {
    const email = randomEmail();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        sendRequest(
          index % 2 === 0 ? api.first : api.second,
          '/api/v1/customers',
          newCustomerRequest({ digital_identifiers: [{ type: 'email', value: email, is_verified: true }] }),
        ),
      ),
    );
    expect(answers.filter(({ status: code }) => code === 201)).toHaveLength(1);
    expect(answers.filter(({ status: code }) => code === 200)).toHaveLength(19);
    expect(new Set(answers.map(({ body }) => body.customer_id)).size).toBe(1);
  });

  test('a problem that only normalisation reveals is refused immediately, and no process is started', async () => {
    const refused = await sendRequest(
      api.first,
      '/api/v1/customers',
      newCustomerRequest({ digital_identifiers: [{ type: 'email', value: 'a..b@shop.example' }] }),
    );
    expect([refused.status, refused.body.errors]).toEqual([
      422,
      [{ pointer: '#/digital_identifiers/0/value', message: 'has a misplaced dot before the @' }],
    ]);
  });
});

describe('wallet', () => {
  test('a new method is 201; its key repeated at another process returns it, and is refused with a different body', async () => {
    const { customer_id } = await onboard(api.first);
    const key = randomUUID();
    const body = cardMethod();
    const added = await addMethod(api.first, customer_id, body, key);
    expect([added.status, added.body]).toEqual([
      201,
      expect.objectContaining({
        type: 'card',
        status: 'active',
        is_default: true,
        off_session_consent: true,
      }),
    ]);
    const again = await addMethod(api.second, customer_id, body, key);
    expect([again.status, again.body]).toEqual([201, added.body]);
    const other = await addMethod(api.second, customer_id, cardMethod(), key);
    expect([other.status, other.body.type]).toEqual([422, 'urn:persona:error:idempotency_key_reused']);

    const one = await sendRequest(api.first, added.headers.get('location') ?? '');
    expect(one.body).toEqual(added.body);
    expect(matchesExactly(paymentMethod, one.body)).toBe(true);
    expect(one.headers.get('etag')).toBe(`"${one.body.changed_seq}"`);
  });

  test('consecutive pages have no gaps or repeats', async () => {
    const { customer_id } = await onboard(api.first);
    for (let n = 0; n < 3; n += 1) await addMethod(api.first, customer_id);
    const path = `/api/v1/customers/${customer_id}/payment-methods`;
    const whole = (await sendRequest(api.first, path)).body.items.map(idOf);
    const one = (await sendRequest(api.first, `${path}?limit=2`)).body;
    const two = (await sendRequest(api.second, `${path}?limit=2&cursor=${one.next_cursor}`)).body;
    expect([...one.items, ...two.items].map(idOf)).toEqual(whole);
    expect([whole.length, two.next_cursor]).toEqual([3, null]);
    const bad = await sendRequest(api.first, `${path}?cursor=nonsense`);
    expect([bad.status, bad.body.errors[0].pointer]).toEqual([422, '#/cursor']);
  });

  test("another customer's token, an unknown or suspended customer and a declined method are refused", async () => {
    const token = randomToken();
    await onboard(api.first, { payment_method_details: cardMethod(token) });
    const { customer_id } = await onboard(api.first);
    expect((await addMethod(api.first, customer_id, cardMethod(token))).status).toBe(409);
    expect((await addMethod(api.first, randomUUID())).status).toBe(404);
    const declined = await addMethod(api.first, customer_id, cardMethod(`pm_declined_${randomUUID()}`));
    expect([declined.status, declined.body.type]).toEqual([422, 'urn:persona:error:payment_method_declined']);
    await setCustomerStatus(api.graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
    expect((await addMethod(api.first, customer_id)).status).toBe(403);
  });

  const path = ({ customer_id, payment_method_id }: { customer_id: string; payment_method_id: string }) =>
    `/api/v1/customers/${customer_id}/payment-methods/${payment_method_id}`;
  const edit = (
    ids: { customer_id: string; payment_method_id: string },
    verb: 'PATCH' | 'DELETE',
    headers: Record<string, string>,
    body?: object,
  ) => sendChange(api.second, verb, path(ids), { headers, body });

  test('expiry date and consent are changed on the version that was read; a repeat gets the same response', async () => {
    const { customer_id, payment_method_id } = await onboard(api.first, {
      payment_method_details: cardMethod(),
    });
    const ids = { customer_id, payment_method_id };
    const seen = (await sendRequest(api.first, path(ids))).headers.get('etag') ?? '';
    const change = { expiry_month: 5, expiry_year: 2037, off_session_consent: false };
    const changed = await edit(ids, 'PATCH', { 'if-match': seen }, change);
    expect([changed.status, changed.body]).toEqual([
      200,
      expect.objectContaining({ expiry_month: 5, expiry_year: 2037, off_session_consent: false }),
    ]);
    expect(changed.etag).toBe(`"${changed.body.changed_seq}"`);
    expect(changed.etag).not.toBe(seen);
    // As if the response had been lost.
    expect(await edit(ids, 'PATCH', { 'if-match': seen }, change)).toEqual(changed);
    const stale = await edit(ids, 'PATCH', { 'if-match': seen }, { off_session_consent: true });
    expect([stale.status, stale.body.type]).toEqual([412, 'urn:persona:error:stale_version']);
    const key = { 'if-match': changed.etag, 'idempotency-key': randomUUID() };
    expect((await edit(ids, 'PATCH', key, { off_session_consent: true })).status).toBe(200);
    const other = await edit(ids, 'PATCH', key, { off_session_consent: false });
    expect([other.status, other.body.type]).toEqual([422, 'urn:persona:error:idempotency_key_reused']);
    const pastDate = await edit(ids, 'PATCH', { 'if-match': '*' }, { expiry_month: 1, expiry_year: 2020 });
    expect([pastDate.status, pastDate.body.errors]).toEqual([
      422,
      [{ pointer: '#/expiry_year', message: 'must not be in the past' }],
    ]);
  });

  test('a removed method is gone immediately, also as the default; a repeat gets the same response', async () => {
    const { customer_id, payment_method_id } = await onboard(api.first, {
      payment_method_details: cardMethod(),
    });
    const second = (await addMethod(api.first, customer_id)).body.payment_method_id as string;
    const ids = { customer_id, payment_method_id };
    const seen = { 'if-match': (await sendRequest(api.first, path(ids))).headers.get('etag') ?? '' };
    expect((await edit(ids, 'DELETE', seen)).status).toBe(204);
    expect((await edit(ids, 'DELETE', seen)).status).toBe(204);
    expect((await edit(ids, 'DELETE', { 'if-match': '*' })).status).toBe(404);
    const wallet = await sendRequest(api.first, `/api/v1/customers/${customer_id}/payment-methods`);
    expect(wallet.body.items).toMatchObject([{ payment_method_id: second, is_default: true }]);
  });

  test('a change of an unknown, another or a suspended customer’s method is refused', async () => {
    const owner = await onboard(api.first, { payment_method_details: cardMethod() });
    const { customer_id } = await onboard(api.first);
    const consent = { off_session_consent: true };
    const any = { 'if-match': '*' };
    const otherCustomersMethod = { customer_id, payment_method_id: owner.payment_method_id };
    expect((await edit(otherCustomersMethod, 'PATCH', any, consent)).status).toBe(404);
    expect((await edit(otherCustomersMethod, 'DELETE', any)).status).toBe(404);
    expect((await edit({ ...owner, customer_id: randomUUID() }, 'DELETE', any)).status).toBe(404);
    const suspension = { customer_id: owner.customer_id, status: 'suspended', reason: 'test' } as const;
    await setCustomerStatus(api.graph, testHeader(), suspension);
    expect((await edit(owner, 'PATCH', any, consent)).status).toBe(403);
    expect((await edit(owner, 'DELETE', any)).status).toBe(403);
  });

  test('requests that share a correlation id and name no version are requests of their own', async () => {
    const { customer_id, payment_method_id } = await onboard(api.first, {
      payment_method_details: cardMethod(),
    });
    const second = (await addMethod(api.first, customer_id)).body.payment_method_id as string;
    const session = { 'if-match': '*', 'x-correlation-id': `session-${randomUUID()}` };
    const ids = { customer_id, payment_method_id };
    for (const off_session_consent of [false, true, false]) {
      const { body } = await edit(ids, 'PATCH', session, { off_session_consent });
      expect(body).toMatchObject({ off_session_consent });
    }
    expect((await edit(ids, 'DELETE', session)).status).toBe(204);
    expect((await edit({ ...ids, payment_method_id: second }, 'DELETE', session)).status).toBe(204);
  });

  test("a customer's methods are not visible to another customer", async () => {
    const owner = await onboard(api.first, { payment_method_details: cardMethod() });
    const { customer_id } = await onboard(api.first);
    const path = `/api/v1/customers/${customer_id}/payment-methods/${owner.payment_method_id}`;
    expect((await sendRequest(api.first, path)).status).toBe(404);
  });
});

test.each([['nonsense'], ['[]'], ['["x"]'], ['["Sat Nov 21 2026","x"]'], ['["2026","x"]'], ['{"a":1}']])(
  'a cursor that is not from a page is refused by every list sorted by time: %s',
  async (text) => {
    const { customer_id } = await onboard(api.first);
    for (const list of ['timeline', 'recoveries']) {
      const cursor = Buffer.from(text).toString('base64url');
      const refused = await sendRequest(
        api.first,
        `/api/v1/customers/${customer_id}/${list}?cursor=${cursor}`,
      );
      expect([list, refused.status, refused.body.errors]).toEqual([
        list,
        422,
        [{ pointer: '#/cursor', message: 'must be the next_cursor of the previous page' }],
      ]);
    }
    const cursor = Buffer.from(text).toString('base64url');
    const devices = await rpcError(
      unaryCall(api.first.graph, 'getDevices', { customer_id, cursor, limit: 10 }),
    );
    expect(devices.code).toBe(status.INVALID_ARGUMENT);
  },
);

function idOf(method: { payment_method_id: string }): string {
  return method.payment_method_id;
}
