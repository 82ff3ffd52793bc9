import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Policy } from '../../domain/policy.ts';
import { readPolicy } from '../../platform/policy.ts';
import {
  excludeFromVerification,
  verifyAndClose,
  onboardingRequest,
  openTestGraph,
  randomToken,
  runCypher,
  testHeader,
} from '../../test/test-graph.ts';
import { updateDeviceTrustScore } from '../devices/update-trust-score.ts';
import type { Graph } from '../kernel/graph.ts';
import { onboard } from '../onboarding/onboard.ts';
import { recordVerification } from '../wallet/record-verification.ts';
import {
  customerContextQuery,
  getContextsWithoutDevices,
  getCustomerContext,
  getCustomerContexts,
} from './customer-context.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(async () => {
  await verifyAndClose(graph);
});

const login = async (customer_id: string, trust_score: number, occurred_at: string) => {
  const request = onboardingRequest({
    customer_id,
    occurred_at,
    device_details: { fingerprint: randomUUID(), trust_score },
  });
  return String((await onboard(graph, testHeader(), { request, policy })).device_id);
};
const write = (cypher: string, parameters: Record<string, unknown>) => runCypher(graph, cypher, parameters);

test('lists the trusted devices of the newest logins, and reflects lost trust immediately', async () => {
  const customer_id = randomUUID();
  const old = await login(customer_id, 0.9, '2026-01-01T00:00:00.000Z');
  await login(customer_id, 0.69, '2026-01-02T00:00:00.000Z');
  const newest = await login(customer_id, 0.7, '2026-01-03T00:00:00.000Z');
  const context = await getCustomerContext(graph, { customer_id, policy });
  expect(context.trusted_devices).toEqual([
    { device_id: newest, trust_score: 0.7, last_login: '2026-01-03T00:00:00.000Z' },
    { device_id: old, trust_score: 0.9, last_login: '2026-01-01T00:00:00.000Z' },
  ]);
  await updateDeviceTrustScore(graph, testHeader(), {
    device_id: newest,
    trust_score: 0,
    observed_at: '2026-02-01T00:00:00Z',
  });
  const after = await getCustomerContext(graph, { customer_id, policy });
  expect(after.trusted_devices.map((device) => device.device_id)).toEqual([old]);

  const narrow: Policy = { ...policy, context: { ...policy.context, deviceWindow: 1 } };
  expect((await getCustomerContext(graph, { customer_id, policy: narrow })).trusted_devices).toEqual([]);
});

test('counts what is proven and not removed, and identifies VIPs', async () => {
  const customer_id = randomUUID();
  const token = randomToken();
  const request = onboardingRequest({
    customer_id,
    customer_metadata: { ltv: '999.99' },
    payment_method_details: { type: 'card', token },
    address_details: {
      street1: 'A',
      city: 'B',
      zip_code: '1',
      country: 'US',
      type: 'shipping',
      is_verified: true,
    },
  });
  const { payment_method_id } = await onboard(graph, testHeader(), { request, policy });
  const before = await getCustomerContext(graph, { customer_id, policy });
  expect(before).toMatchObject({
    customer_id,
    is_vip: false,
    ltv_minor: 99_999,
    segment: 'NEW',
    status: 'active',
    trusted_devices: [],
    payment_method_count: 1,
    verified_shipping_address_count: 1,
  });
  expect(before.default_payment_method_id).toBeUndefined();
  const { version } = await recordVerification(graph, testHeader(), {
    customer_id,
    payment_method_id: String(payment_method_id),
    answer: { result: 'attached', method: { token, type: 'card' } },
  });
  expect(await getCustomerContext(graph, { customer_id, policy })).toMatchObject({
    default_payment_method_id: payment_method_id,
    version,
  });
  const lower: Policy = { ...policy, context: { ...policy.context, vipLtvMinor: 99_999 } };
  expect(await getCustomerContext(graph, { customer_id, policy: lower })).toMatchObject({ is_vip: true });
  await expect(getCustomerContext(graph, { customer_id: randomUUID(), policy })).rejects.toMatchObject({
    type: 'customer_not_found',
  });
});

test('reads several customers as each alone, and none of those that do not exist', async () => {
  const [first, second] = [randomUUID(), randomUUID()];
  for (const customer_id of [first, second]) {
    await login(customer_id, 0.9, '2026-01-01T00:00:00.000Z');
    await login(customer_id, 0.8, '2026-01-02T00:00:00.000Z');
  }
  const customer_ids = [first, randomUUID(), second];
  const together = await getCustomerContexts(graph, { customer_ids, policy });
  expect(together).toHaveLength(2);
  for (const customer_id of [first, second]) {
    const { as_of: _, ...alone } = await getCustomerContext(graph, { customer_id, policy });
    expect(alone.trusted_devices).toHaveLength(2);
    expect(together.find((context) => context.customer_id === customer_id)).toMatchObject(alone);
  }
  const without = await getContextsWithoutDevices(graph, { customer_ids, policy });
  const byId = (a: { customer_id: string }, b: { customer_id: string }) =>
    a.customer_id.localeCompare(b.customer_id);
  expect(without.sort(byId)).toEqual(
    together
      .sort(byId)
      .map(({ trusted_devices: _, ...context }) => ({ ...context, as_of: expect.any(String) })),
  );
  const narrow: Policy = { ...policy, context: { ...policy.context, deviceWindow: 1 } };
  const windows = await getCustomerContexts(graph, { customer_ids, policy: narrow });
  expect(windows.map((context) => context.trusted_devices.length)).toEqual([1, 1]);
});

/** The number of Neo4j's database hits for one context. */
async function accessesFor(customer_id: string): Promise<number> {
  const { summary } = await write(`PROFILE ${customerContextQuery(policy.trust)}`, {
    customer_id,
    device_window: policy.context.deviceWindow,
    threshold: 0.7,
  });
  const count = (plan: { dbHits?: number; children?: object[] }): number =>
    Number(plan.dbHits ?? 0) + (plan.children ?? []).reduce((sum, child) => sum + count(child), 0);
  return count(summary.profile as object);
}

const MANY_DEVICES = `
  MATCH (c:Customer {id: $customer_id})
  UNWIND range(1, $count) AS n
  CREATE (d:Device {id: randomUUID(), fingerprint_hash: randomUUID(), trust_score: 0.9, version: 1})
  CREATE (c)-[:LOGGED_IN_FROM {customer_id: $customer_id, proven: true, login_count: 1,
    first_login: datetime(), last_login: datetime() - duration({seconds: n})}]->(d)`;
const MANY_CUSTOMERS = `
  MATCH (d:Device {id: $device_id})
  UNWIND range(1, $count) AS n
  CREATE (c:Customer {id: randomUUID(), status: 'active', segment: 'NEW', version: 1})
  CREATE (c)-[:LOGGED_IN_FROM {customer_id: c.id, proven: true, login_count: 1,
    first_login: datetime(), last_login: datetime()}]->(d)`;

test('costs the same with 250 and with 5000 devices, and with a device that 3000 customers share', async () => {
  const [few, many, shared] = [randomUUID(), randomUUID(), randomUUID()];
  for (const customer_id of [few, many]) {
    await onboard(graph, testHeader(), { request: onboardingRequest({ customer_id }), policy });
  }
  const device_id = await login(shared, 0.9, '2026-01-01T00:00:00Z');
  const alone = await accessesFor(shared);
  excludeFromVerification(graph, few, many, device_id);
  await write(MANY_DEVICES, { customer_id: few, count: 250 });
  await write(MANY_DEVICES, { customer_id: many, count: 5000 });
  await write(MANY_CUSTOMERS, { device_id, count: 3000 });
  const usual = await accessesFor(few);
  expect(await accessesFor(many)).toBeLessThanOrEqual(usual * 1.05);
  expect(await accessesFor(shared)).toBeLessThanOrEqual(alone + 5);
  expect((await getCustomerContext(graph, { customer_id: many, policy })).trusted_devices).toHaveLength(50);
});
