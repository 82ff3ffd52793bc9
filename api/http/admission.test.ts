import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fakeServices, silentObservers, testAppOptions } from '../fakes.ts';
import { createMetrics } from '../../platform/metrics.ts';
import { createAdmission } from '../admission.ts';
import { createApp } from './app.ts';

const ADA = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const BOB = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e22';
const profileOf = (id: string) => `/api/v1/customers/${id}/profile`;

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

function appWith(customer: number, service = 0) {
  let served = 0;
  const services = fakeServices({
    getProfile: async (_, { customer_id }) => {
      served += 1;
      return { customer_id, changed_seq: 1 } as never;
    },
  });
  const app = createApp(services, silentObservers(), {
    ...testAppOptions,
    admission: createAdmission(createMetrics(), {
      rateLimits: { customer, service, webhook: 0, unauthenticated: 0 },
      isStarted: () => true,
      eventLoopDelayMs: () => 0,
    }),
  });
  return { app, served: () => served };
}

const rateLimitOf = ({ status, headers }: Response) => [
  status,
  ...['limit', 'remaining', 'reset'].map((name) => headers.get(`ratelimit-${name}`)),
];

test('each caller has its own window, and every response reports the remaining requests', async () => {
  const { app, served } = appWith(2);
  expect(rateLimitOf(await app.request(profileOf(ADA)))).toEqual([200, '2', '1', '60']);
  vi.advanceTimersByTime(20_500);
  expect(rateLimitOf(await app.request(profileOf(ADA.toUpperCase().replace('A', '%41'))))).toEqual([
    200,
    '2',
    '0',
    '40',
  ]);
  const refused = await app.request(profileOf(ADA));
  expect(rateLimitOf(refused)).toEqual([429, '2', '0', '40']);
  expect(refused.headers.get('retry-after')).toBe('40');
  expect(refused.headers.get('content-type')).toBe('application/problem+json');
  expect(await refused.json()).toMatchObject({
    type: 'urn:persona:error:rate_limited',
    status: 429,
    detail: 'More than 2 requests per minute; retry in 40 s',
    instance: refused.headers.get('x-request-id'),
  });
  expect(served()).toBe(2);
  expect(rateLimitOf(await app.request(profileOf(BOB)))).toEqual([200, '2', '1', '60']);
  vi.advanceTimersByTime(39_500);
  expect(rateLimitOf(await app.request(profileOf(ADA)))).toEqual([200, '2', '1', '60']);
});

test('a refused request counts and reports the remaining requests like any other', async () => {
  const { app } = appWith(0, 1);
  const body = { method: 'POST', body: '{"a"', headers: { 'content-type': 'application/json' } };
  expect(rateLimitOf(await app.request('/api/v1/customers', body))).toEqual([400, '1', '0', '60']);
  expect((await app.request('/internal/v1/payment-failures', body)).status).toBe(429);
});

test('probes are never limited, and nothing is counted without a limit', async () => {
  const { app } = appWith(0, 1);
  for (let n = 0; n < 3; n += 1) {
    expect(rateLimitOf(await app.request('/healthz'))).toEqual([200, null, null, null]);
    expect(rateLimitOf(await app.request(profileOf(ADA)))).toEqual([200, null, null, null]);
  }
});
