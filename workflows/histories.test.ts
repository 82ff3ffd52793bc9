import { expect, test } from 'vitest';
import { WorkflowName } from '../domain/workflow-contracts.ts';
import { readHistories } from '../test/rig/histories.ts';
import { replayHistories } from '../test/rig/replay.ts';

// The histories are decrypted; the codec passes plain payloads through, whatever its key.
test('the current workflows replay the recorded histories', { timeout: 60_000 }, async () => {
  const histories = await readHistories();
  // Every workflow has at least one.
  expect(new Set(histories.map(({ workflow }) => workflow))).toEqual(new Set(Object.values(WorkflowName)));
  expect(await replayHistories(histories)).toEqual([]);
});

test('a modified history does not replay', { timeout: 60_000 }, async () => {
  const histories = await readHistories();
  const recorded = histories.find(({ workflow }) => workflow === 'onboardCustomer');
  const scheduled = recorded?.history.events
    ?.map((event) => event.activityTaskScheduledEventAttributes?.activityType)
    .find((type) => type?.name === 'attachPaymentMethod');
  if (recorded === undefined || scheduled == null)
    throw new Error('no recorded history of an onboarding with a payment method');
  scheduled.name = 'somethingElse';

  const problems = await replayHistories([recorded]);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/does not replay.*attachPaymentMethod/);
});
