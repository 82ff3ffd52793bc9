/** A fraud case's activities on a real graph: the signals to recoveries, crashes, and refused reports. */

import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, test } from 'vitest';
import type { FraudOutcomeReport } from '../domain/fraud/messages.ts';
import { getCustomerContext, getPaymentMethods } from '../graph/index.ts';
import { storeReport, openRecovery } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { fraudReport } from '../test/fraud-fixtures.ts';
import { excludeFromVerification, runCypher, testGraph, testHeader } from '../test/test-graph.ts';
import { customerWithCards, failureOf } from '../test/wallet-fixtures.ts';
import { createFraudActivities } from './fraud.ts';

const policy = readPolicy();
const graph = await testGraph();

/** A customer with an open recovery and a fraud case. */
async function suspect() {
  const wallet = await customerWithCards(graph, policy, { cards: 2 });
  const { customer_id, methods } = wallet;
  const [payment_method_id = ''] = methods;
  const failure = failureOf(wallet);
  const { payment_id } = failure;
  const opening = { failure, policy, now: Date.now(), claim_first: false };
  await openRecovery(graph, testHeader({ occurredAt: failure.occurred_at }), opening);
  const case_id = `case-${randomUUID()}`;
  const signals: unknown[] = [];
  let crashes = 0;
  const activities = createFraudActivities({
    ...{ graph, policy, now: Date.now },
    async signalRecoveries(paymentIds, signal, payload) {
      if (crashes-- > 0) throw new Error('the worker died');
      if (paymentIds.length > 0) signals.push([paymentIds, signal, payload]);
    },
  });
  const workflowExecution = { workflowId: `fraud-case:${case_id}`, runId: randomUUID() };
  let activity = 0;
  /** `same`: a retry of the previous activity. */
  const environment = (same = false) =>
    new MockActivityEnvironment(
      {
        ...{ workflowExecution, workflowType: 'applyFraudOutcome' },
        activityId: String(same ? activity : ++activity),
      },
      { logger: new DefaultLogger('ERROR', () => {}) },
    );
  return {
    ...{ case_id, customer_id, payment_method_id, payment_id, signals, activities, environment },
    report: (outcome: FraudOutcomeReport['outcome'], changes: Partial<FraudOutcomeReport> = {}) =>
      fraudReport({ case_id, customer_id, payment_method_id, outcome, ...changes }),
    apply: (report: FraudOutcomeReport, same?: boolean) =>
      environment(same).run(activities.applyOutcome, { report }),
    crash: () => {
      crashes = 1;
    },
    status: async () => (await getCustomerContext(graph, { customer_id, policy })).status,
  };
}

const acceptedReports = (event_id: string) =>
  graph.read('MATCH (r:AcceptedReport {event_id: $event_id}) RETURN r.kind AS kind', { event_id });

test('recoveries are signalled a suspension, and what is active again when the case is cleared', async () => {
  const { apply, report, signals, payment_id, case_id, payment_method_id } = await suspect();
  expect(await apply(report('challenge_failed'))).toMatchObject({
    found: { outcome: 'challenge_failed', customer_status: 'active' },
    policy: policy.fraud,
  });
  expect(signals).toEqual([]);
  await apply(report('confirmed_fraud'));
  expect(signals.splice(0)).toEqual([[[payment_id], 'customerStatusChanged', { status: 'suspended' }]]);
  await apply(report('cleared'));
  const event_id = expect.stringContaining(`fraud:${case_id}:${payment_method_id}:`);
  expect(signals).toEqual([
    [[payment_id], 'customerStatusChanged', { status: 'active' }],
    [[payment_id], 'paymentMethodUpdated', { event_id, payment_method_id }],
  ]);
});

test('each restoration of a method by a case has its own event id, and a repeated signal shares it', async () => {
  const { apply, report, signals, crash } = await suspect();
  const eventIds = () =>
    (signals as [string[], string, { event_id?: string }][]).flatMap(([, , { event_id }]) => event_id ?? []);
  await apply(report('challenge_failed'));
  const cleared = report('cleared');
  await apply(cleared);
  await apply(cleared, true);
  await apply(report('challenge_failed'));
  crash();
  const again = report('cleared');
  await expect(apply(again)).rejects.toThrow('the worker died');
  await apply(again, true);
  const [first, repeated, second] = eventIds();
  expect(eventIds()).toHaveLength(3);
  expect(repeated).toBe(first);
  expect(second).not.toBe(first);
});

test('after a crash between transaction and signals, only the signals are repeated, with the current state', async () => {
  const { apply, report, crash, signals, payment_id, activities, environment, case_id, status } =
    await suspect();
  const confirmed = report('confirmed_fraud');
  crash();
  await expect(apply(confirmed)).rejects.toThrow('the worker died');
  expect(await status()).toBe('suspended');
  expect(signals).toEqual([]);
  await apply(confirmed, true);
  expect(signals.splice(0)).toEqual([[[payment_id], 'customerStatusChanged', { status: 'suspended' }]]);
  // Reinstated before the retry of another outcome sends its signals.
  await environment().run(activities.reinstateCustomer, { case_id, by: { actor: 'grace', reason: 'r' } });
  signals.splice(0);
  await apply(confirmed);
  expect(signals).toEqual([[[payment_id], 'customerStatusChanged', { status: 'active' }]]);
  expect(await status()).toBe('active');
});

test('an accepted report is deleted by the transaction that records it, or on the first refusal', async () => {
  const { apply, report, customer_id } = await suspect();
  const good = report('suspected');
  const bad = report('suspected', { device_id: randomUUID() });
  for (const message of [good, bad])
    await storeReport(graph, testHeader(), { kind: 'fraud_outcome', message }, customer_id);
  expect(await acceptedReports(good.event_id)).toEqual([{ kind: 'fraud_outcome' }]);
  await apply(good);
  expect(await acceptedReports(good.event_id)).toEqual([]);
  expect(await apply(bad)).toEqual({
    refused: {
      type: 'device_not_found',
      problems: [{ field: 'device_id', message: expect.stringContaining(String(bad.device_id)) }],
    },
  });
  expect(await acceptedReports(bad.event_id)).toEqual([]);
  // A report that is received again after it was recorded is deleted again.
  await storeReport(graph, testHeader(), { kind: 'fraud_outcome', message: good }, customer_id);
  await apply(good);
  expect(await acceptedReports(good.event_id)).toEqual([]);
});

test.each<[string, Partial<FraudOutcomeReport>, string]>([
  ['an unknown customer', { customer_id: randomUUID(), payment_method_id: undefined }, 'customer_id'],
  ['a payment method of another customer', { payment_method_id: randomUUID() }, 'payment_method_id'],
  ['a time in the future', { occurred_at: '2999-01-01T00:00:00.000Z' }, 'occurred_at'],
])('%s is refused with its field, and nothing is written', async (_, changes, field) => {
  const { apply, report, activities, environment, case_id } = await suspect();
  expect(await apply(report('confirmed_fraud', changes))).toMatchObject({
    refused: { problems: [{ field }] },
  });
  expect(await environment().run(activities.readFraudCase, { case_id })).toEqual({ policy: policy.fraud });
});

test('a repeated event id with another body is refused, and the first report stays in effect', async () => {
  const { apply, report, status } = await suspect();
  const first = report('challenge_passed');
  await apply(first);
  expect(await apply({ ...first, outcome: 'confirmed_fraud' })).toMatchObject({
    refused: { type: 'idempotency_key_reused', problems: [{ field: 'event_id' }] },
  });
  expect(await status()).toBe('active');
});

test('an operator’s decision and reinstatement are logged with their actor, and signalled to recoveries', async () => {
  const { apply, report, activities, environment, case_id, customer_id, signals, status } = await suspect();
  await apply(report('suspected'));
  const decision = { decision: 'suspend', actor: 'grace', reason: 'seen' } as const;
  await environment().run(activities.decideFraudReview, { case_id, decision });
  expect(await status()).toBe('suspended');
  const by = { actor: 'ada', reason: 'a mistake' };
  expect(await environment().run(activities.reinstateCustomer, { case_id, by })).toMatchObject({
    found: { customer_status: 'active', outcome: 'suspended_in_review' },
  });
  expect(signals.map(([, , payload]: any) => payload.status)).toEqual(['suspended', 'active']);
  const [method] = await getPaymentMethods(graph, { customer_id }).then((all) =>
    all.filter(({ status: of }) => of === 'failed'),
  );
  // Nothing else is restored.
  expect(method).toBeDefined();
  const events = await graph.read<{ type: string; actor: string }>(
    `MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.type IN ['FraudOutcomeApplied', 'CustomerStatusChanged']
     RETURN e.type AS type, e.actor AS actor ORDER BY e.seq`,
    { customer_id },
  );
  expect(events.map(({ type, actor }) => `${type} by ${actor}`)).toEqual([
    'FraudOutcomeApplied by persona',
    'CustomerStatusChanged by grace',
    'FraudOutcomeApplied by grace',
    'CustomerStatusChanged by ada',
  ]);
});

test.each(['erased', 'merged'])(
  'the case of a customer who is %s no longer exists, and no activity fails',
  async (status) => {
    const { apply, report, activities, environment, case_id, customer_id } = await suspect();
    await apply(report('suspected'));
    await runCypher(graph, 'MATCH (c:Customer {id: $customer_id}) SET c.status = $status', {
      ...{ customer_id, status },
    });
    excludeFromVerification(graph, customer_id);
    const gone = { policy: policy.fraud };
    const decision = { decision: 'suspend', actor: 'grace', reason: 'seen' } as const;
    expect(await environment().run(activities.decideFraudReview, { case_id, decision })).toEqual(gone);
    expect(await environment().run(activities.remindOfFraudReview, { case_id })).toEqual(gone);
    const by = { actor: 'ada', reason: 'r' };
    expect(await environment().run(activities.reinstateCustomer, { case_id, by })).toEqual(gone);
    const outcomes = await graph.read(
      `MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.type STARTS WITH 'Fraud' RETURN e.type AS type`,
      { customer_id },
    );
    expect(outcomes).toEqual([{ type: 'FraudOutcomeApplied' }]);
  },
);
