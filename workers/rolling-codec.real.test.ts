/** A rolling change of the codec keys: at each step, two workers and two clients with different key rings share the work. */

import { randomBytes, randomUUID } from 'node:crypto';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOnboardingActivities } from '../activities/onboarding.ts';
import { onboardingWorkflowId, TaskQueue } from '../domain/workflow-contracts.ts';
import type { Graph } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { workflowBundle } from '../temporal/bundle.ts';
import { connectTemporal } from '../temporal/client.ts';
import { onboardCustomer } from '../temporal/workflow-client.ts';
import { connectWorkers, createQueueWorker, runWorkers } from '../temporal/worker.ts';
import { verifyAndClose, onboardingRequest, openTestGraph, randomEmail } from '../test/test-graph.ts';
import { ROLLING_STEPS } from '../test/rolling-rings.ts';
import { openNamespace, type RigServer } from '../test/rig/server.ts';

const KEYS = Object.fromEntries(['old', 'new'].map((id) => [id, { id, key: randomBytes(32) }]));
const ring = (ids: string) => ids.split(',').map((id) => KEYS[id] ?? { id, key: Buffer.alloc(0) });
const PEOPLE = 2;

let graph: Graph;
let server: RigServer;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  graph = await openTestGraph();
  server = await openNamespace({ codecKeys: ring('new,old'), interceptor: {} });
});
afterAll(async () => {
  await server.close();
  await verifyAndClose(graph);
});

/** A client and a worker with these keys. */
async function startProcess(ids: string) {
  const address = { address: process.env.TEMPORAL_ADDRESS ?? '', namespace: server.namespace };
  const codecKeys = ring(ids);
  const client = await connectTemporal({ ...address, codecKeys });
  const connection = await connectWorkers(address);
  const chimera = {
    initiateBehavioralProfile: async () => ({ baseline_data_ref: randomUUID() }),
    reportSuspectedFraud: async () => {},
    forgetCustomer: async () => {},
  };
  const worker = await createQueueWorker({
    ...{ connection, namespace: server.namespace, codecKeys },
    queue: TaskQueue.onboarding,
    bundle: await workflowBundle(),
    activities: createOnboardingActivities({ graph, chimera, policy: readPolicy(), now: Date.now }),
  });
  const running = runWorkers([worker]);
  return {
    client,
    async stop() {
      await running.stop();
      await connection.close();
      await client.connection.close();
    },
  };
}

test('no customer is created twice, and no workflow task fails, whichever process handles it', async () => {
  const transactions: string[] = [];
  const people: { email: string; customers: Set<string> }[] = [];
  for (const rings of ROLLING_STEPS) {
    const processes = await Promise.all(rings.map(startProcess));
    people.push(
      ...Array.from({ length: PEOPLE }, () => ({ email: randomEmail(), customers: new Set<string>() })),
    );
    await Promise.all(
      people.flatMap(({ email, customers }) =>
        processes.map(async ({ client }) => {
          const request = onboardingRequest({
            digital_identifiers: [{ type: 'email', value: email, is_verified: true }],
          });
          transactions.push(request.transaction_id);
          const requester = { caller: 'test', actor: 'test', correlation_id: randomUUID() };
          const deadline = new Date(Date.now() + 60_000);
          customers.add((await onboardCustomer(client, { ...requester, request }, { deadline })).customer_id);
        }),
      ),
    );
    expect(people.map(({ customers }) => customers.size)).toEqual(people.map(() => 1));
    await Promise.all(processes.map((process) => process.stop()));
  }
  for (const transaction of transactions) {
    const handle = server.client.workflow.getHandle(onboardingWorkflowId(transaction));
    const { events } = await handle.fetchHistory();
    expect(events?.filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
  }
});
