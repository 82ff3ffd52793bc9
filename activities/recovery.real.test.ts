import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PaymentGateway } from '../domain/ports.ts';
import { attemptKey } from '../domain/workflow-contracts.ts';
import { type Graph, updateDeviceTrustScore } from '../graph/index.ts';
import { getObligation, openRecovery } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../test/test-graph.ts';
import { claimedObligation } from '../test/obligation-fixtures.ts';
import { customerWithCards, failureOf } from '../test/wallet-fixtures.ts';
import type { RecoveryActivities } from '../workflows/recover-payment.ts';
import { createRecoveryActivities } from './recovery.ts';

type ClaimInput = Parameters<RecoveryActivities['claimAttempt']>[0];

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => verifyAndClose(graph));

test.each([
  ['strict, and the worker’s lax', true, 'refused'],
  ['lax, and the worker’s strict', false, 'claimed'],
])('a run claims by the policy that it started with: %s', async (_, requireTrustedDevice, result) => {
  const wallet = await customerWithCards(graph, policy, { cards: 2 });
  const [{ id: device_id } = { id: '' }] = await graph.read<{ id: string }>(
    'MATCH (:Customer {id: $id})-[:LOGGED_IN_FROM]->(d:Device) RETURN d.id AS id',
    { id: wallet.customer_id },
  );
  const observed_at = new Date(Date.now() + 1_000).toISOString();
  await updateDeviceTrustScore(graph, testHeader(), { device_id, trust_score: 0.1, observed_at });
  const failure = failureOf(wallet);
  const header = testHeader({ occurredAt: failure.occurred_at });
  await openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: false });
  const { payment_id } = failure;
  const payment_method_id = wallet.methods[1] ?? randomUUID();
  const activities = createRecoveryActivities({
    graph,
    gateway: {} as PaymentGateway,
    policy: { ...policy, recovery: { ...policy.recovery, requireTrustedDevice: !requireTrustedDevice } },
    signalRecoveries: async () => {},
    now: Date.now,
  });
  const input: ClaimInput = {
    payment_id,
    payment_method_id,
    key: attemptKey(payment_id, payment_method_id, 1),
    n: 1,
    policy: { ...policy.recovery, requireTrustedDevice },
  };
  const claim = await new MockActivityEnvironment().run(activities.claimAttempt, input);
  expect(claim).toMatchObject({ result });
});

test('a recovery can be put under review again after a review, in the same run and by the same rule', async () => {
  const { payment_id, record } = await claimedObligation(graph, policy);
  await record({ result: 'declined', codes: { code: 'gateway_config_error' } });
  const activities = createRecoveryActivities({
    graph,
    gateway: {} as PaymentGateway,
    policy,
    signalRecoveries: async () => {},
    now: Date.now,
  });
  const workflowExecution = { workflowId: `recovery:${payment_id}`, runId: randomUUID() };
  const review = (activityId: string) =>
    new MockActivityEnvironment({ activityId, workflowExecution }).run(activities.flagForReview, {
      payment_id,
      rule: 'gateway_config_error',
    });
  await review('1');
  await new MockActivityEnvironment().run(activities.endReview, { payment_id, policy: policy.recovery });
  expect(await getObligation(graph, payment_id)).toMatchObject({ state: 'open' });
  await review('2');
  expect(await getObligation(graph, payment_id)).toMatchObject({ state: 'needs_review' });
});
