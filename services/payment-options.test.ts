/** Waiting for Chimera's confirmation, on fake timers; the queries are tested on Neo4j elsewhere. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { TrustedDeviceListener } from '../domain/ports.ts';
import type { Graph } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import type { Caller } from './caller.ts';
import { getPaymentOptions } from './payment-options.ts';

const policy = readPolicy();
const ids = { customer_id: 'customer', device_id: 'device' };
const trusted = { status: 'active', is_own: true, trust_score: 0.9, trust_observed_at: null };
const method = { payment_method_id: 'method', status: 'active', proven: true, removed_at: null };
const wallet = [{ ...method, expires_on: null, gateway_mismatch: null }];
const items = [{ payment_method_id: 'method', status: 'active' }];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

let reported: object[];
const listener = (confirmation: () => Promise<void>): TrustedDeviceListener => ({
  notifyTrustedDevice: (report) => {
    reported.push(report);
    return confirmation();
  },
});
const after = (ms: number) => () => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The response, and the milliseconds until it came. */
async function options(
  chimera: TrustedDeviceListener | undefined,
  {
    checkout = trusted,
    request = ids,
    waitMs = 30_000,
    signal = new AbortController().signal,
  }: {
    checkout?: object;
    request?: { customer_id: string; device_id?: string };
    waitMs?: number;
    signal?: AbortSignal;
  } = {},
) {
  reported = [];
  const graph = {
    now: Date.now,
    read: async (cypher: string) => (cypher.includes('LOGGED_IN_FROM') ? [checkout] : wallet),
  } as unknown as Graph;
  const startedAt = Date.now();
  const caller: Caller = {
    caller: 'service',
    actor: 'service',
    maySetLtvAndSegment: true,
    correlationId: 'c',
    deadline: startedAt + waitMs,
    signal,
  };
  const response = getPaymentOptions({ graph, policy, chimera }, caller, request).then((found) => ({
    ...found,
    tookMs: Date.now() - startedAt,
  }));
  await vi.runAllTimersAsync();
  return response;
}

test('Chimera confirms in time', async () => {
  expect(await options(listener(after(99)))).toEqual({
    items,
    device_trusted: true,
    conservative: false,
    tookMs: 99,
  });
  expect(reported).toEqual([{ ...ids, trust_score: 0.9 }]);
});

test('a Chimera that is slower than a tenth of a second is not waited for', async () => {
  expect(await options(listener(after(5_000)))).toEqual({
    items,
    device_trusted: true,
    conservative: true,
    tookMs: 100,
  });
});

test('the response is not later than the deadline of the caller, and ends when the caller disconnects', async () => {
  const chimera = listener(after(5_000));
  expect(await options(chimera, { waitMs: 60 })).toMatchObject({ items, conservative: true, tookMs: 40 });
  expect(await options(chimera, { waitMs: 10 })).toMatchObject({ items, conservative: true, tookMs: 0 });
  const callerGone = { signal: AbortSignal.abort() };
  expect(await options(chimera, callerGone)).toMatchObject({ conservative: true, tookMs: 0 });
});

test('a report that fails, at once or after the response, changes nothing else', async () => {
  const failing = (ms: number) =>
    listener(() => after(ms)().then(() => Promise.reject(new Error('Chimera is unavailable'))));
  const conservative = { items, device_trusted: true, conservative: true };
  expect(await options(failing(0))).toEqual({ ...conservative, tookMs: 0 });
  expect(await options(failing(5_000))).toEqual({ ...conservative, tookMs: 100 });
  expect(await options(undefined)).toEqual({ ...conservative, tookMs: 0 });
});

test.each([
  ['an untrusted device', { checkout: { ...trusted, trust_score: 0.69 } }, { items, device_trusted: false }],
  [
    "another customer's device",
    { checkout: { ...trusted, is_own: false } },
    { items, device_trusted: false },
  ],
  [
    'a suspended customer',
    { checkout: { ...trusted, status: 'suspended' } },
    { items: [], device_trusted: true },
  ],
])('%s is not reported to Chimera', async (_, given, expected) => {
  expect(await options(listener(after(0)), given)).toEqual({ ...expected, conservative: true, tookMs: 0 });
  expect(reported).toEqual([]);
});
