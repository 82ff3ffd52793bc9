import { WorkflowFailedError } from '@temporalio/client';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { OUTBOX_RELAY_ID, TaskQueue } from '../domain/workflow-contracts.ts';
import { createTestRig } from '../test/rig/index.ts';
import type { RelayActivities } from './relay-outbox.ts';

test('the relay never gives up while Kafka is away, and continues as new after each run', async () => {
  let attempts = 0;
  const activities: RelayActivities = {
    async relayEvents() {
      attempts += 1;
      if (attempts <= 30) throw new PersonaError('kafka_unavailable', 'Kafka is away');
      if (attempts <= 32) return { published: 10_000 };
      // Not a fault that a retry may repair, so that the test has an end.
      throw new PersonaError('internal', 'the test ends');
    },
  };
  const rig = await createTestRig({ activities: { [TaskQueue.relay]: activities } });
  const relay = await rig.client.workflow.start('relayOutbox', {
    workflowId: OUTBOX_RELAY_ID,
    taskQueue: TaskQueue.relay,
  });
  await expect(relay.result()).rejects.toThrow(WorkflowFailedError);
  expect(attempts).toBe(33);
  const last = rig.client.workflow.getHandle(OUTBOX_RELAY_ID);
  const { currentDetails } = await last.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  expect(currentDetails).toBe('Published 20000 events so far');
});
