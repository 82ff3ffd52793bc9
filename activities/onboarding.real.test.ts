/** An onboarding's activities on a real graph, with the real client and Chimera's simulator. */

import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ChimeraClient, createChimeraClient } from '../adapters/chimera/client.ts';
import { type ChimeraSimulator, startChimeraSimulator } from '../dev/simulators/chimera/server.ts';
import { type Graph, getCustomerProfile, setCustomerStatus } from '../graph/index.ts';
import { verifyCustomer } from '../graph/replay/verify.ts';
import { readPolicy } from '../platform/policy.ts';
import {
  excludeFromVerification,
  verifyAndClose,
  onboardingRequest,
  openTestGraph,
  runCypher,
  testHeader,
} from '../test/test-graph.ts';
import { createOnboardingActivities } from './onboarding.ts';

// Some of these tests make activities fail.
const logger = new DefaultLogger('ERROR');
const policy = readPolicy();
let graph: Graph;
let simulator: ChimeraSimulator;
let chimera: ChimeraClient;

beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(async () => {
  await verifyAndClose(graph);
});
// Each test has its own Chimera, so that a circuit breaker that one test has opened does not affect the next.
beforeEach(async () => {
  simulator = await startChimeraSimulator();
  chimera = createChimeraClient({ address: simulator.grpc });
  return async () => {
    await chimera.close();
    await simulator.close();
  };
});

const setMode = (mode: string) => fetch(`${simulator.control}/_sim/mode`, { method: 'PUT', body: mode });

/** A new customer, and the activities of the execution that onboarded it. */
async function onboarded() {
  const activities = createOnboardingActivities({ graph, chimera, policy, now: Date.now });
  const workflowExecution = { workflowId: `wf-${randomUUID()}`, runId: randomUUID() };
  const run = async <I, O>(activity: (input: I) => Promise<O>, input: I): Promise<O> =>
    await new MockActivityEnvironment(
      { workflowExecution, workflowType: 'test', attempt: 1 },
      { logger },
    ).run(activity, input);
  const requester = { caller: 'checkout', actor: 'checkout', correlation_id: 'c-1' };
  const { ready } = await run(activities.onboard, { ...requester, request: onboardingRequest() });
  const { customer_id } = ready;
  return {
    customer_id,
    initiate: () => run(activities.initiateBehavioralProfile, { customer_id, snapshot: '{"pace":3}' }),
    link: (baseline_data_ref: string) =>
      run(activities.linkBehavioralProfile, { customer_id, baseline_data_ref }),
    profile: async () => (await getCustomerProfile(graph, { customer_id })).behavioral_profile_ref,
  };
}

test('a profile without a name is not linked', async () => {
  const customer = await onboarded();
  await expect(customer.link(' ')).rejects.toMatchObject({ type: 'invalid_argument' });
  expect(await customer.profile()).toBeUndefined();
});

test('a profile is linked as soon as Chimera is back', async () => {
  const customer = await onboarded();
  await setMode('away');
  await expect(customer.initiate()).rejects.toMatchObject({ type: 'chimera_unavailable' });
  expect(await customer.profile()).toBeUndefined();

  await setMode('ok');
  const begun = await customer.initiate();
  if (begun === undefined) throw new Error('the customer has no profile yet');
  await customer.link(begun.baseline_data_ref);
  expect(await customer.profile()).toBe(begun.baseline_data_ref);
  expect(await customer.initiate()).toBeUndefined();
});

test('several responses of Chimera leave one profile: the last one', async () => {
  const customer = await onboarded();
  for (const reference of ['baseline-1', 'baseline-1', 'baseline-2']) await customer.link(reference);
  expect(await customer.profile()).toBe('baseline-2');
  const rows = await graph.read(
    'MATCH (:Customer {id: $id})-[:HAS_BEHAVIORAL_PROFILE]->(b) RETURN b.baseline_data_ref AS reference',
    { id: customer.customer_id },
  );
  expect(rows).toEqual([{ reference: 'baseline-2' }]);
  expect(await verifyCustomer(graph, customer.customer_id)).toEqual([]);
});

test('a profile received after a suspension is linked, and the customer stays suspended', async () => {
  const customer = await onboarded();
  const { customer_id } = customer;
  const begun = await customer.initiate();
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  await customer.link(String(begun?.baseline_data_ref));
  expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({
    status: 'suspended',
    behavioral_profile_ref: begun?.baseline_data_ref,
  });
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);
});

test.each(['erased', 'merged'])(
  'no profile is requested for a customer who has been %s meanwhile',
  async (status) => {
    const customer = await onboarded();
    const { customer_id } = customer;
    excludeFromVerification(graph, customer_id);
    await runCypher(graph, 'MATCH (c:Customer {id: $customer_id}) SET c.status = $status', {
      customer_id,
      status,
    });
    expect(await customer.initiate()).toBeUndefined();
    expect(await (await fetch(`${simulator.control}/_sim/calls`)).json()).toEqual({ data: [] });
    // A response that arrives later has no effect.
    await expect(customer.link('baseline-1')).rejects.toMatchObject({ type: 'customer_not_found' });
  },
);

test('a transaction older than the retention of receipts is refused, unless it was already processed', async () => {
  const long = policy.retention.receipts + 60_000;
  const activitiesAt = (now: number) =>
    createOnboardingActivities({ graph, chimera, policy, now: () => now });
  const request = onboardingRequest();
  const onboardAt = (now: number) =>
    new MockActivityEnvironment(
      { workflowExecution: { workflowId: 'wf', runId: randomUUID() }, workflowType: 'test', attempt: 1 },
      { logger },
    ).run(activitiesAt(now).onboard, {
      ...{ caller: 'checkout', actor: 'checkout', correlation_id: 'c-1' },
      request,
    });
  await expect(onboardAt(Date.now() + long)).rejects.toMatchObject({ type: 'stale_event' });
  const first = await onboardAt(Date.now());
  expect(await onboardAt(Date.now() + long)).toEqual(first);
});
