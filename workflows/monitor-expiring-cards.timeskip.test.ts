import { randomUUID } from 'node:crypto';
import { activityInfo, heartbeat } from '@temporalio/activity';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { TaskQueue } from '../domain/workflow-contracts.ts';
import { createTestRig, eventually, type TestRig } from '../test/rig/index.ts';
import type { ExpiryActivities, ExpiryResult, ExpiryTally } from './monitor-expiring-cards.ts';

const SCAN = { now: 1_800_000_000_000, stages: [60, 30], frequent_use_count: 3 };
const cursor = (n: number) => ({
  expires_on: '2027-01-31',
  payment_method_id: `m-${String(n).padStart(5, '0')}`,
});
const tallyOf = (tally: Partial<ExpiryTally>): ExpiryTally => ({
  ...{ scanned: 0, notified: 0, updated: 0, expired: 0, failed: 0, failed_ids: [] },
  ...tally,
});

async function monitor(activities: ExpiryActivities) {
  const rig = await createTestRig({ activities: { [TaskQueue.expiry]: activities } });
  const workflowId = `card-expiry-monitor-${randomUUID()}`;
  const handle = await rig.client.workflow.start<() => Promise<ExpiryResult>>('monitorExpiringCards', {
    workflowId,
    taskQueue: TaskQueue.expiry,
  });
  return { rig, handle };
}

/** The search attributes that operators see in Temporal. */
async function shown(rig: TestRig, workflowId: string): Promise<Record<string, unknown>> {
  const { typedSearchAttributes } = await rig.client.workflow.getHandle(workflowId).describe();
  return Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
}

test('the batches of a run are sequential, share one day and policy, and their counts are added up', async () => {
  const asked: object[] = [];
  const { rig, handle } = await monitor({
    async monitorCards(input) {
      asked.push(input);
      if (input.after === undefined) {
        const tally = tallyOf({ scanned: 10_000, notified: 7, updated: 2, failed: 1, failed_ids: ['m-1'] });
        return { scan: SCAN, tally, next: cursor(1) };
      }
      return { scan: SCAN, tally: tallyOf({ scanned: 5, expired: 3, failed: 1, failed_ids: ['m-2'] }) };
    },
  });
  expect(await handle.result()).toEqual({
    ...{ scanned: 10_005, notified: 7, updated: 2, expired: 3, failed: 2, failed_ids: ['m-1', 'm-2'] },
    took_ms: expect.any(Number),
  });
  expect(asked).toEqual([{}, { scan: SCAN, after: cursor(1) }]);
  expect(await shown(rig, handle.workflowId)).toMatchObject({
    ...{ PersonaProcess: 'monitorExpiringCards', PersonaState: 'done', PersonaOutcome: 'incomplete' },
  });
});

test('a run over millions of cards continues as new with the same day, and lists a limited number of failed ids', async () => {
  const asked: { scan?: object; after?: object }[] = [];
  const { rig, handle } = await monitor({
    async monitorCards(input) {
      asked.push(input);
      const tally = tallyOf({ scanned: 10_000, failed: 1, failed_ids: [`m-${asked.length}`] });
      return { scan: SCAN, tally, ...(asked.length < 250 && { next: cursor(asked.length) }) };
    },
  });
  const result = await handle.result();
  expect(result).toMatchObject({ scanned: 2_500_000, failed: 250 });
  expect(result.failed_ids).toHaveLength(100);
  expect(asked.map(({ after }) => after)).toEqual([
    undefined,
    ...Array.from({ length: 249 }, (_, n) => cursor(n + 1)),
  ]);
  expect(asked.slice(1).every(({ scan }) => JSON.stringify(scan) === JSON.stringify(SCAN))).toBe(true);
  const last = await rig.client.workflow.getHandle(handle.workflowId).fetchHistory();
  expect(last.events?.length).toBeLessThan(1_000);
});

test('a failed batch resumes from its last heartbeat', async () => {
  const attempts: unknown[] = [];
  const { handle } = await monitor({
    async monitorCards() {
      attempts.push(activityInfo().heartbeatDetails);
      heartbeat({ after: cursor(attempts.length) });
      if (attempts.length === 1) throw new PersonaError('graph_unavailable', 'unavailable');
      return { scan: SCAN, tally: tallyOf({ scanned: 1 }) };
    },
  });
  expect(await handle.result()).toMatchObject({ scanned: 1 });
  expect(attempts).toEqual([undefined, { after: cursor(1) }]);
});

test('a run waits for a graph that is unavailable for hours', async () => {
  let tries = 0;
  const { rig, handle } = await monitor({
    async monitorCards() {
      tries += 1;
      if (tries < 120) throw new PersonaError('graph_unavailable', 'unavailable');
      return { scan: SCAN, tally: tallyOf({ scanned: 3 }) };
    },
  });
  const before = await rig.now();
  expect(await handle.result()).toMatchObject({ scanned: 3, failed: 0 });
  expect((await rig.now()) - before).toBeGreaterThan(3_600_000);
  await eventually(async () =>
    expect(await shown(rig, handle.workflowId)).toMatchObject({ PersonaOutcome: 'complete' }),
  );
});
