import { expect, test } from 'vitest';
import { WorkflowName } from '../domain/workflow-contracts.ts';
import { readHistories } from '../test/rig/histories.ts';
import { replayHistories } from '../test/rig/replay.ts';

// The histories are decrypted; the codec passes plain payloads, whatever its key.
test("today's workflows still replay what released ones did", { timeout: 60_000 }, async () => {
  const histories = await readHistories();
  // Every process has one.
  expect(new Set(histories.map(({ workflow }) => workflow))).toEqual(new Set(Object.values(WorkflowName)));
  expect(await replayHistories(histories)).toEqual([]);
});

test('a history that was changed does not replay', { timeout: 60_000 }, async () => {
  const histories = await readHistories();
  const recorded = histories.find(({ workflow }) => workflow === 'onboardCustomer');
  const scheduled = recorded?.history.events
    ?.map((event) => event.activityTaskScheduledEventAttributes?.activityType)
    .find((type) => type?.name === 'attachPaymentMethod');
  if (recorded === undefined || scheduled == null) throw new Error('No onboarding with a method is recorded');
  scheduled.name = 'somethingElse';

  const problems = await replayHistories([recorded]);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/does not replay.*attachPaymentMethod/);
});
