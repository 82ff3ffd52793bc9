import { expect, test, vi } from 'vitest';
import type { Opening } from '../../domain/recovery/claims.ts';
import { TaskQueue } from '../../domain/workflow-contracts.ts';
import { createTestRig } from '../../test/rig/index.ts';
import { report, fakeRecovery } from './recovery-workflow-fixtures.ts';

vi.setConfig({ testTimeout: 60_000 });

test('a failure that reopens the obligation while its run is ending is recovered by that run', async () => {
  let over = false;
  const fake = fakeRecovery({
    alternatives: ['card-a'],
    charge: () => (over ? { result: 'approved', gateway_ref: 'pi_2' } : { result: 'declined', codes: {} }),
  });
  const recoveryActivities = fake.activities[TaskQueue.recovery];
  const { openRecovery, recordAttempt, deliverNotice } = recoveryActivities;
  let first: Opening | undefined;
  recoveryActivities.openRecovery = async (asked) => {
    if (!first || !('recovery' in first)) return (first = await openRecovery(asked));
    const opened_at = Date.parse(asked.failure.occurred_at);
    const reopened = { ...first.recovery, opened_at, closes_at: opened_at + 14 * 86_400_000 };
    return { result: 'reopened', recovery: { ...reopened, alternatives: ['card-b'], read_at: opened_at } };
  };
  // The obligation is open again.
  recoveryActivities.recordAttempt = async (asked) => ({
    ...(await recordAttempt(asked)),
    ...(over && { overpaid: false }),
  });
  recoveryActivities.deliverNotice = async (notice) => {
    if (notice.template === 'recovery_ended' && !over) {
      over = true;
      await report(rig, fake);
    }
    return deliverNotice(notice);
  };
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
  expect(fake.seen.charges.at(-1)).toBe('card-b:1');
  expect(fake.seen.notices.slice(-2)).toEqual(['recovery_ended', 'recovered']);
});
