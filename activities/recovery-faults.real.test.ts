/** Transient faults in the activities that process a message: each is retried, and the message is not lost. */

import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { createStripeGateway } from '../adapters/stripe/gateway.ts';
import type { PaymentGateway } from '../domain/ports.ts';
import type { Graph } from '../graph/index.ts';
import { getObligation } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { toApplicationFailure } from '../temporal/failures.ts';
import { runCypher, testGraph } from '../test/test-graph.ts';
import { claimedObligation } from '../test/obligation-fixtures.ts';
import { startHttpServer, until } from '../test/stripe-fixture.ts';
import { customerWithCards, failureOf } from '../test/wallet-fixtures.ts';
import { createRecoveryActivities } from './recovery.ts';

const policy = readPolicy();
const graph = await testGraph();

const activitiesOn = (on: Graph, gateway = {} as PaymentGateway) =>
  createRecoveryActivities({ graph: on, gateway, policy, signalRecoveries: async () => {}, now: Date.now });

const activityEnvironment = (info: { workflowExecution?: { workflowId: string; runId: string } } = {}) =>
  new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });

/** The failure as Temporal receives it. */
async function failureOfActivity(answer: Promise<unknown>): Promise<ApplicationFailure> {
  const error = await answer.then(
    (value) => expect.fail(JSON.stringify(value)),
    (thrown: unknown) => thrown,
  );
  return toApplicationFailure(error) as ApplicationFailure;
}

test('an opening whose transaction is terminated manually is retried', async () => {
  const failure = failureOf(await customerWithCards(graph, policy));
  const { customer_id, payment_id } = failure;
  const workflowExecution = { workflowId: `recovery:${payment_id}`, runId: randomUUID() };
  const open = () =>
    activityEnvironment({ workflowExecution }).run(activitiesOn(graph).openRecovery, {
      failure,
      claim_first: true,
    });
  const session = graph.writeSession();
  try {
    const holder = session.beginTransaction();
    await holder.run('MATCH (c:Customer {id: $customer_id}) SET c.locked = true', { customer_id });
    const failed = failureOfActivity(open());
    const waiting = await until(async () => {
      const { records } = await runCypher(
        graph,
        `SHOW TRANSACTIONS YIELD transactionId, status, parameters
         WHERE status STARTS WITH 'Blocked' AND parameters.p.id = $customer_id RETURN transactionId`,
        { customer_id },
      );
      return records.map((record) => record.get('transactionId') as string).at(0);
    });
    await runCypher(graph, `TERMINATE TRANSACTIONS '${waiting}'`);
    expect(await failed).toMatchObject({ type: 'graph_unavailable', nonRetryable: false });
    await holder.rollback();
  } finally {
    await session.close();
  }
  expect(await open()).toMatchObject({ result: 'opened', first: { claim: { result: 'claimed' } } });
});

test('an opening is retried while the key ring lacks a key', async () => {
  const failure = failureOf(await customerWithCards(graph, policy));
  const other = createKeyRing([{ id: 'other', key: Buffer.alloc(32) }]);
  const open = (on: Graph) =>
    activityEnvironment().run(activitiesOn(on).openRecovery, { failure, claim_first: true });
  expect(await failureOfActivity(open({ ...graph, keyRing: other }))).toMatchObject({
    type: 'key_unavailable',
    nonRetryable: false,
    message: expect.stringContaining('PERSONA_KEYS lacks the key test'),
  });
  expect(await open(graph)).toMatchObject({ result: 'opened' });
});

test.each([401, 403])(
  'looking up a payment is retried until the gateway accepts the API key again (%i)',
  async (refusal) => {
    const { payment_id, customer_id } = await claimedObligation(graph, policy);
    const { amount, currency = '' } = await getObligation(graph, payment_id);
    let isFixed = false;
    const server = await startHttpServer((_, response) => {
      response.writeHead(isFixed ? 200 : refusal, { 'content-type': 'application/json' });
      const payment = { id: `pi_of_${payment_id}`, status: 'requires_payment_method', amount, metadata: {} };
      const found = { ...payment, currency: currency.toLowerCase(), customer: `cus_${customer_id}` };
      response.end(JSON.stringify(isFixed ? found : { error: { message: 'Invalid API Key', type: 'auth' } }));
    });
    const gateway = createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url });
    const lookUp = () =>
      activityEnvironment().run(activitiesOn(graph, gateway).lookUpPayment, {
        payment_id,
        gateway_payment_ref: `pi_of_${payment_id}`,
      });
    const failure = await failureOfActivity(lookUp());
    expect(failure).toMatchObject({ type: 'gateway_misconfigured', nonRetryable: false });
    // At the interval of the retry policy: within a minute after the fix.
    expect(failure.nextRetryDelay).toBeUndefined();
    isFixed = true;
    expect(await lookUp()).toEqual({ payment: 'adopted' });
    await server.close();
  },
);
