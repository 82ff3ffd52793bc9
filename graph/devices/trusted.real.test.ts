import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Policy } from '../../domain/policy.ts';
import { isTrusted } from '../../domain/trust.ts';
import { readPolicy } from '../../platform/policy.ts';
import { changedByHand, runCypher, testGraph, testHeader } from '../../test/graph.ts';
import { customerWithCards, failureOf } from '../../test/wallets.ts';
import {
  alternativesOf,
  findCustomersByUsage,
  getCustomerContext,
  updateDeviceTrustScore,
} from '../index.ts';
import { claimAttempt, openRecovery, rereadRecovery } from '../recovery/index.ts';
import { byTrust, trustParameters } from './trusted.ts';

const graph = await testGraph();
const DAY = 86_400_000;
const NOW = Date.parse('2026-06-15T06:00:00Z');

const question = byTrust(
  (trusted) => `
  UNWIND $devices AS device
  WITH {trust_score: device.score, trust_observed_at: datetime(device.observed_at)} AS d
  RETURN ${trusted} AS trusted`,
);

test('the graph and the rule agree on whom to trust, with a half-life and without', async () => {
  const score = fc.integer({ min: 0, max: 100 }).map((hundredths) => hundredths / 100);
  const device = fc.record({
    score,
    age: fc.option(fc.integer({ min: -DAY, max: 400 * DAY }), { nil: null }),
  });
  const trust = fc.record(
    { initial: score, threshold: score, halfLife: fc.integer({ min: 1, max: 200 * DAY }) },
    { requiredKeys: ['initial', 'threshold'] },
  );
  const answers = new Set<boolean>();
  await fc.assert(
    fc.asyncProperty(trust, fc.array(device, { minLength: 20, maxLength: 40 }), async (by, made) => {
      const devices = made.map(({ score: trust_score, age }) => ({
        score: trust_score,
        observed_at: age === null ? null : new Date(NOW - age).toISOString(),
      }));
      const rows = await graph.read<{ trusted: boolean }>(question(by), {
        devices,
        ...trustParameters(by, NOW),
      });
      const ruled = devices.map(({ score: trust_score, observed_at }) =>
        isTrusted({ trust_score, trust_observed_at: observed_at ?? undefined }, by, NOW),
      );
      for (const answer of ruled) answers.add(answer);
      expect(rows.map(({ trusted }) => trusted)).toEqual(ruled);
    }),
    { numRuns: 60 },
  );
  expect(answers.size).toBe(2);
});

test('a device whose observation has worn off lends no trust, wherever it is asked', async () => {
  const usual = readPolicy();
  const wallet = await customerWithCards(graph, usual, { cards: 2 });
  const [failed = '', other = ''] = wallet.methods;
  const { customer_id } = wallet;
  const { trusted_devices } = await getCustomerContext(graph, { customer_id, policy: usual });
  const device_id = String(trusted_devices[0]?.device_id);
  // 0.9, observed this moment: 0.7 in a half-life.
  await updateDeviceTrustScore(graph, testHeader(), {
    ...{ device_id, trust_score: 0.9 },
    observed_at: new Date(Date.now() + 1_000).toISOString(),
  });
  const failure = failureOf(wallet);
  const asked = (policy: Policy, now: number) =>
    alternativesOf(graph, { customer_id, failed_payment_method_id: failed, policy, now });
  const decaying: Policy = { ...usual, trust: { ...usual.trust, halfLife: 30 * DAY } };
  const later = Date.now() + 40 * DAY;
  expect(await asked(decaying, Date.now())).toEqual([other]);
  expect(await asked(usual, later)).toEqual([other]);
  expect(await asked(decaying, later)).toEqual([]);

  const then = { ...graph, now: () => later };
  expect((await getCustomerContext(then, { customer_id, policy: decaying })).trusted_devices).toEqual([]);
  expect((await getCustomerContext(graph, { customer_id, policy: decaying })).trusted_devices).toEqual([
    expect.objectContaining({ device_id, trust_score: 0.9 }),
  ]);

  const { payment_id } = failure;
  await openRecovery(graph, testHeader(), {
    ...{ failure, policy: usual, now: Date.now() },
    claim_first: false,
  });
  const claim = {
    payment_id,
    payment_method_id: other,
    n: 9,
    key: `recovery:${payment_id}:${randomUUID()}:9`,
  };
  const claimed = (policy: Policy) => claimAttempt(graph, testHeader(), { ...claim, policy, now: later });
  expect(await claimed(decaying)).toMatchObject({ result: 'refused', rule: 'no_trusted_device' });
  const read = (policy: Policy) => rereadRecovery(graph, { payment_id, policy, now: later });
  const ids = async (policy: Policy) => (await read(policy)).methods.map((one) => one.payment_method_id);
  expect(await ids(usual)).toContain(other);
  expect(await ids(decaying)).not.toContain(other);
});

test('customers are found by a device that is trusted now', async () => {
  const policy = readPolicy();
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 1 });
  const brand = randomUUID();
  changedByHand(graph, customer_id);
  const named = { id: methods[0], brand };
  await runCypher(graph, 'MATCH (p:PaymentMethod {id: $id}) SET p.brand = $brand', named);
  const found = async (trust: Policy['trust'], now: number) => {
    const usage = { brand, trusted: { ...trust, now } };
    const { customers } = await findCustomersByUsage(graph, { usage, limit: 10 });
    return customers.map((one) => one.customer_id);
  };
  const decaying = { ...policy.trust, halfLife: DAY };
  expect(await found(decaying, Date.now())).toEqual([customer_id]);
  expect(await found(decaying, Date.now() + 3 * DAY)).toEqual([]);
  expect(await found(policy.trust, Date.now() + 3 * DAY)).toEqual([customer_id]);
});
