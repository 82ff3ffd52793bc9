/** The queues on which the activities of recorded histories were scheduled. */

import { tsToMs } from '@temporalio/common/lib/time.js';
import { expect, test } from 'vitest';
import { TaskQueue, type TaskQueueName } from '../domain/workflow-contracts.ts';
import { COMMAND_MS, CONNECTION_MS } from '../graph/kernel/time-limits.ts';
import { readPolicy } from '../platform/policy.ts';
import { readHistories } from '../test/rig/histories.ts';
import { type ActivityDependencies, queueActivities, readQueues } from './queues.ts';

const { chimera, expiry, gateway, gatewayRequests, notices, recovery, relay } = TaskQueue;
/** Activities that wait for external systems. */
const EXTERNAL_CALL_QUEUES: Record<string, readonly TaskQueueName[]> = {
  charge: [gateway],
  resolveCharge: [gateway],
  attachPaymentMethod: [gatewayRequests],
  updateAtGateway: [gatewayRequests],
  recordMethodUpdate: [gatewayRequests],
  detachPaymentMethod: [gatewayRequests],
  cancelPayment: [gatewayRequests],
  readPayment: [gatewayRequests],
  lookUpPayment: [gatewayRequests],
  refundCharge: [gatewayRequests],
  // On `gatewayRequests` only if the gateway is called.
  closeRecovery: [gatewayRequests, recovery],
  openSettled: [gatewayRequests, recovery],
  deliverNotice: [notices, expiry],
  reportSuspectedFraud: [chimera],
  relayEvents: [relay],
  initiateBehavioralProfile: [chimera],
  notifyOfErasure: [notices],
};
/** Calls only Chimera, without a transaction. */
const WITHOUT_GRAPH = ['reportSuspectedFraud'];
/** A wait for a connection, a command, and the two seconds within which Neo4j ends transactions that have timed out. */
const COMMAND_AT_MOST_MS = CONNECTION_MS + COMMAND_MS + 2_000;

const publishing = {} as ActivityDependencies['publishing'];
const dependencies = { policy: readPolicy(), publishing } as ActivityDependencies;

async function scheduledActivities() {
  const histories = await readHistories();
  return histories.flatMap(({ history }) =>
    (history.events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => {
      if (!scheduled) return [];
      const { activityType, taskQueue, startToCloseTimeout } = scheduled;
      const timeout = startToCloseTimeout ? tsToMs(startToCloseTimeout) : 0;
      return [{ name: activityType?.name ?? '', queue: taskQueue?.name as TaskQueueName, timeout }];
    }),
  );
}

test('each activity is on a queue whose workers offer it, and external calls have separate queues', async () => {
  const offered = queueActivities(dependencies);
  const scheduled = await scheduledActivities();
  for (const { name, queue } of scheduled) {
    expect(Object.keys(offered[queue]), `${name} on ${queue}`).toContain(name);
    const queues = EXTERNAL_CALL_QUEUES[name];
    if (queues) expect(queues, name).toContain(queue);
    else expect([gateway, gatewayRequests, notices, chimera, relay], name).not.toContain(queue);
  }
  expect(new Set(scheduled.map(({ queue }) => queue))).toContain(gatewayRequests);
});

test('the timeout of each activity exceeds that of a command that waits for a lock', async () => {
  for (const { name, timeout } of await scheduledActivities())
    if (!WITHOUT_GRAPH.includes(name)) expect(timeout, name).toBeGreaterThan(COMMAND_AT_MOST_MS);
});

test('the relay’s queue is polled only with Kafka', () => {
  const all = Object.values(TaskQueue);
  expect(readQueues([], { hasKafka: true })).toEqual(all);
  expect(readQueues([], { hasKafka: false })).toEqual(all.filter((queue) => queue !== TaskQueue.relay));
  expect(readQueues(['--queues', TaskQueue.relay], { hasKafka: true })).toEqual([TaskQueue.relay]);
  expect(() => readQueues(['--queues', TaskQueue.relay], { hasKafka: false })).toThrow(
    /persona-relay.*KAFKA_BROKERS is not set/,
  );
});
