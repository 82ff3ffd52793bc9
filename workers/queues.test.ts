/** Where the activities of recorded runs were scheduled. */

import { tsToMs } from '@temporalio/common/lib/time.js';
import { expect, test } from 'vitest';
import { TaskQueue, type TaskQueueName } from '../domain/workflow-contracts.ts';
import { COMMAND_MS, CONNECTION_MS } from '../graph/time-limits.ts';
import { readPolicy } from '../platform/policy.ts';
import { readHistories } from '../test/rig/histories.ts';
import { type ActivityDependencies, queueActivities } from './queues.ts';

const { chimera, expiry, gateway, gatewayRequests, notices, recovery } = TaskQueue;
/** What waits for others. */
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
  // Only where the gateway is asked.
  closeRecovery: [gatewayRequests, recovery],
  openSettled: [gatewayRequests, recovery],
  deliverNotice: [notices, expiry],
  reportSuspectedFraud: [chimera],
  initiateBehavioralProfile: [chimera],
};
/** Chimera's alone: no transaction. */
const WITHOUT_GRAPH = ['reportSuspectedFraud'];
/** A wait for a connection, a command, and the two seconds after which Neo4j looks for transactions whose time is over. */
const COMMAND_AT_MOST_MS = CONNECTION_MS + COMMAND_MS + 2_000;

const dependencies = { policy: readPolicy() } as ActivityDependencies;

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

test('each activity is scheduled where a worker offers it, and what waits for others apart from the rest', async () => {
  const offered = queueActivities(dependencies);
  const scheduled = await scheduledActivities();
  for (const { name, queue } of scheduled) {
    expect(Object.keys(offered[queue]), `${name} on ${queue}`).toContain(name);
    const queues = EXTERNAL_CALL_QUEUES[name];
    if (queues) expect(queues, name).toContain(queue);
    else expect([gateway, gatewayRequests, notices, chimera], name).not.toContain(queue);
  }
  expect(new Set(scheduled.map(({ queue }) => queue))).toContain(gatewayRequests);
});

test('each activity may take longer than a command that waits for a lock', async () => {
  for (const { name, timeout } of await scheduledActivities())
    if (!WITHOUT_GRAPH.includes(name)) expect(timeout, name).toBeGreaterThan(COMMAND_AT_MOST_MS);
});
