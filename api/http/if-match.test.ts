import { expect, test } from 'vitest';
import type { Services } from '../../services/services.ts';
import { fakeServices, silentObservers, testAppOptions } from '../fakes.ts';
import { createApp } from './app.ts';

const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const METHOD = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e22';
const PATH = `/api/v1/customers/${CUSTOMER}/payment-methods/${METHOD}`;
const method = {
  payment_method_id: METHOD,
  type: 'card' as const,
  status: 'active' as const,
  is_default: true,
  off_session_consent: true,
  changed_seq: 8,
};

function app(received: unknown[], pending = false) {
  const services: Partial<Services> = {
    updatePaymentMethod: async ({ idempotencyKey }, edit) => {
      received.push({ ...edit, key: idempotencyKey });
      return { method, pending };
    },
    removePaymentMethod: async ({ idempotencyKey }, edit) =>
      void received.push({ ...edit, key: idempotencyKey }),
  };
  return createApp(fakeServices(services), silentObservers(), testAppOptions);
}

const send = (to: ReturnType<typeof app>, verb: string, headers: object, body?: object) =>
  to.request(PATH, {
    method: verb,
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });

test('a change names the version that it applies to, and the response has the new one', async () => {
  const received: unknown[] = [];
  const body = { expiry_month: 5, expiry_year: 2030, off_session_consent: null };
  const response = await send(app(received), 'PATCH', { 'if-match': '"7"', 'idempotency-key': 'k' }, body);
  expect([response.status, response.headers.get('etag')]).toEqual([200, '"8"']);
  expect(received).toEqual([
    {
      ...{ customer_id: CUSTOMER, payment_method_id: METHOD, expected_version: 7, key: 'k' },
      change: { expiry_month: 5, expiry_year: 2030 },
    },
  ]);
});

test('a gateway that has not responded yet results in 202', async () => {
  const response = await send(app([], true), 'PATCH', { 'if-match': '*' }, { off_session_consent: true });
  expect(response.status).toBe(202);
});

test('a removal has no body, and `*` matches any version', async () => {
  const received: unknown[] = [];
  const response = await send(app(received), 'DELETE', { 'if-match': '*' });
  expect([response.status, await response.text()]).toEqual([204, '']);
  expect(received).toEqual([{ customer_id: CUSTOMER, payment_method_id: METHOD, key: undefined }]);
});

test.each([
  ['PATCH', {}, 428, 'version_required'],
  ['DELETE', {}, 428, 'version_required'],
  ['DELETE', { 'if-match': 'W/"7"' }, 412, 'stale_version'],
  ['DELETE', { 'if-match': '7' }, 412, 'stale_version'],
  ['DELETE', { 'if-match': '"7", "8"' }, 412, 'stale_version'],
  ['DELETE', { 'if-match': '"7"', 'idempotency-key': 'a b' }, 422, 'invalid_argument'],
])('%s with %j is %i', async (verb, headers, status, type) => {
  const received: unknown[] = [];
  const body = verb === 'PATCH' ? { off_session_consent: true } : undefined;
  const response = await send(app(received), verb, headers, body);
  expect([response.status, ((await response.json()) as { type: string }).type]).toEqual([
    status,
    `urn:persona:error:${type}`,
  ]);
  expect(received).toEqual([]);
});
