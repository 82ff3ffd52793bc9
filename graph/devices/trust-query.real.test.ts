import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Policy } from '../../domain/policy.ts';
import { isTrusted } from '../../domain/trust.ts';
import { readPolicy } from '../../platform/policy.ts';
import { excludeFromVerification, runCypher, testGraph, testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import {
  getAlternativePaymentMethods,
  findCustomersByUsage,
  getCustomerContext,
  updateDeviceTrustScore,
} from '../index.ts';
import { claimAttempt, openRecovery, refreshRecovery } from '../recovery/index.ts';
import { trustQuery, trustParameters } from './trust-query.ts';

const graph = await testGraph();
const DAY = 86_400_000;
const NOW = Date.parse('2026-06-15T06:00:00Z');

const query = trustQuery(
  (trusted) => `
  UNWIND $devices AS device
  WITH {trust_score: device.score, trust_observed_at: datetime(device.observed_at)} AS d
  RETURN ${trusted} AS trusted`,
);

test('the query and the rule agree on which devices are trusted, with a half-life and without', async () => {
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
    fc.asyncProperty(
      trust,
      fc.array(device, { minLength: 20, maxLength: 40 }),
      async (trustPolicy, generated) => {
        const devices = generated.map(({ score: trust_score, age }) => ({
          score: trust_score,
          observed_at: age === null ? null : new Date(NOW - age).toISOString(),
        }));
        const rows = await graph.read<{ trusted: boolean }>(query(trustPolicy), {
          devices,
          ...trustParameters(trustPolicy, NOW),
        });
        const expected = devices.map(({ score: trust_score, observed_at }) =>
          isTrusted({ trust_score, trust_observed_at: observed_at ?? undefined }, trustPolicy, NOW),
        );
        for (const answer of expected) answers.add(answer);
        expect(rows.map(({ trusted }) => trusted)).toEqual(expected);
      },
    ),
    { numRuns: 60 },
  );
  expect(answers.size).toBe(2);
});

test('a device whose trust score has decayed is not trusted, in any query', async () => {
  const defaultPolicy = readPolicy();
  const wallet = await customerWithCards(graph, defaultPolicy, { cards: 2 });
  const [failed = '', other = ''] = wallet.methods;
  const { customer_id } = wallet;
  const { trusted_devices } = await getCustomerContext(graph, { customer_id, policy: defaultPolicy });
  const device_id = String(trusted_devices[0]?.device_id);
  // 0.9, observed now: 0.7 after one half-life.
  await updateDeviceTrustScore(graph, testHeader(), {
    ...{ device_id, trust_score: 0.9 },
    observed_at: new Date(Date.now() + 1_000).toISOString(),
  });
  const failure = failureOf(wallet);
  const alternatives = (policy: Policy, now: number) =>
    getAlternativePaymentMethods(graph, { customer_id, failed_payment_method_id: failed, policy, now });
  const decaying: Policy = { ...defaultPolicy, trust: { ...defaultPolicy.trust, halfLife: 30 * DAY } };
  const later = Date.now() + 40 * DAY;
  expect(await alternatives(decaying, Date.now())).toEqual([other]);
  expect(await alternatives(defaultPolicy, later)).toEqual([other]);
  expect(await alternatives(decaying, later)).toEqual([]);

  const laterGraph = { ...graph, now: () => later };
  expect((await getCustomerContext(laterGraph, { customer_id, policy: decaying })).trusted_devices).toEqual(
    [],
  );
  expect((await getCustomerContext(graph, { customer_id, policy: decaying })).trusted_devices).toEqual([
    expect.objectContaining({ device_id, trust_score: 0.9 }),
  ]);

  const { payment_id } = failure;
  await openRecovery(graph, testHeader(), {
    ...{ failure, policy: defaultPolicy, now: Date.now() },
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
  const read = (policy: Policy) => refreshRecovery(graph, { payment_id, policy, now: later });
  const ids = async (policy: Policy) => (await read(policy)).methods.map((entry) => entry.payment_method_id);
  expect(await ids(defaultPolicy)).toContain(other);
  expect(await ids(decaying)).not.toContain(other);
});

test('customers are found by a device that is currently trusted', async () => {
  const policy = readPolicy();
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 1 });
  const brand = randomUUID();
  excludeFromVerification(graph, customer_id);
  const named = { id: methods[0], brand };
  await runCypher(graph, 'MATCH (p:PaymentMethod {id: $id}) SET p.brand = $brand', named);
  const found = async (trust: Policy['trust'], now: number) => {
    const usage = { brand, trusted: { ...trust, now } };
    const { customers } = await findCustomersByUsage(graph, { usage, limit: 10 });
    return customers.map((entry) => entry.customer_id);
  };
  const decaying = { ...policy.trust, halfLife: DAY };
  expect(await found(decaying, Date.now())).toEqual([customer_id]);
  expect(await found(decaying, Date.now() + 3 * DAY)).toEqual([]);
  expect(await found(policy.trust, Date.now() + 3 * DAY)).toEqual([customer_id]);
});
