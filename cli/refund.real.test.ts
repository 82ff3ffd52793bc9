/** `persona refund` against running workers, the graph and a gateway that refuses. */

import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRefundActivities } from '../activities/refunds.ts';
import { TaskQueue } from '../domain/workflow-contracts.ts';
import type { Graph } from '../graph/index.ts';
import { closeRecovery, getObligation } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { workflowBundle } from '../temporal/bundle.ts';
import { startRefund } from '../temporal/workflow-client.ts';
import { createQueueWorker, runWorkers } from '../temporal/worker.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../test/test-graph.ts';
import { claimedObligation } from '../test/obligation-fixtures.ts';
import { openNamespace, type RigServer } from '../test/rig/server.ts';
import { type StripeFixture, startStripeFixture } from '../test/stripe-fixture.ts';
import { runCli } from './program.ts';

const policy = readPolicy();
const codecKey = { id: 'c1', key: randomBytes(32) };
let graph: Graph;
let stripe: StripeFixture;
let temporal: RigServer;
let workers: ReturnType<typeof runWorkers>;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const codecKeys = [codecKey];
  [graph, stripe, temporal] = await Promise.all([
    openTestGraph(),
    startStripeFixture(),
    openNamespace({ codecKeys, interceptor: {} }),
  ]);
  const bundle = await workflowBundle();
  const { connection, namespace } = temporal;
  const queues = [TaskQueue.recovery, TaskQueue.gatewayRequests, TaskQueue.notices];
  const activities = {
    ...createRefundActivities({ graph, gateway: stripe.gateway, now: Date.now }),
    deliverNotice: async () => ({ result: 'delivered' }),
  };
  workers = runWorkers(
    await Promise.all(
      queues.map((queue) =>
        createQueueWorker({
          ...{ connection, namespace, queue, activities, bundle, codecKeys, debugMode: true },
        }),
      ),
    ),
  );
});
afterAll(async () => {
  await workers.stop();
  await temporal.close();
  await stripe.close();
  await verifyAndClose(graph);
});

async function persona(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCli(args, {
    env: {
      PERSONA_RUN_FILE: '/does/not/exist/run.json',
      TEMPORAL_ADDRESS: process.env.TEMPORAL_ADDRESS,
      TEMPORAL_NAMESPACE: temporal.namespace,
      TEMPORAL_CODEC_KEYS: `${codecKey.id}:${codecKey.key.toString('base64')}`,
    },
    stdin: Readable.from([]),
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

test('a refund that the gateway refused is made at an operator’s request, and only once', async () => {
  const order = await stripe.createChargeOrder([]);
  const answer = await stripe.charge(order);
  const charge_ref = answer.result === 'approved' ? answer.charge_ref : undefined;
  const { payment_id, key, record } = await claimedObligation(graph, policy, { amount: 1250 });
  await record({ result: 'unknown', reason: 'timeout' });
  await closeRecovery(graph, testHeader(), { payment_id, outcome: 'paid_elsewhere', rule: 'settled' });
  await record(answer);
  const codes = ['balance_insufficient', 'balance_insufficient'];
  await stripe.sim(`/charges/${charge_ref}/refuse_refunds`, 'PUT', { codes });

  // As the sweep starts it.
  expect(await startRefund(temporal.client, payment_id)).toBe(true);
  await temporal.client.workflow.getHandle(`refund:${payment_id}`).result();
  expect(await getObligation(graph, payment_id)).toMatchObject({ refund_at: expect.any(String) });

  const refused = await persona('refund', payment_id, '--reason', 'balance topped up');
  expect(refused).toMatchObject({ code: 1, out: expect.stringContaining('daily for a week') });
  const done = await persona('refund', payment_id, '--json');
  expect({ ...done, out: JSON.parse(done.out) }).toMatchObject({
    code: 0,
    out: { payment_id, refunds: [{ key, refunded: true, refund_ref: expect.stringMatching(/^re_/) }] },
  });
  expect(await stripe.ledger(order)).toMatchObject([{ status: 'refunded' }]);
  const again = await persona('refund', payment_id);
  expect(again).toMatchObject({ code: 1, out: expect.stringContaining('nothing to refund') });
});

test('an unknown payment is reported as not found', async () => {
  expect(await persona('refund', 'invoice-unknown')).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('no recovery of payment invoice-unknown'),
  });
});
