import { expect, test, vi } from 'vitest';
import type { Opening } from '../../domain/recovery/claims.ts';
import { TaskQueue } from '../../domain/processes.ts';
import { createTestRig } from '../../test/rig/index.ts';
import { report, world } from './testing.ts';

vi.setConfig({ testTimeout: 60_000 });

test('a failure that reopens the obligation while its run is saying goodbye is recovered by that run', async () => {
  let over = false;
  const place = world({
    alternatives: ['card-a'],
    charge: () => (over ? { result: 'approved', gateway_ref: 'pi_2' } : { result: 'declined', codes: {} }),
  });
  const spoiled = place.activities[TaskQueue.recovery];
  const { openRecovery, recordAttempt, deliverNotice } = spoiled;
  let first: Opening | undefined;
  spoiled.openRecovery = async (asked) => {
    if (!first || !('recovery' in first)) return (first = await openRecovery(asked));
    const opened_at = Date.parse(asked.failure.occurred_at);
    const reopened = { ...first.recovery, opened_at, closes_at: opened_at + 14 * 86_400_000 };
    return { result: 'reopened', recovery: { ...reopened, alternatives: ['card-b'], read_at: opened_at } };
  };
  // The obligation is open again.
  spoiled.recordAttempt = async (asked) => ({
    ...(await recordAttempt(asked)),
    ...(over && { overpaid: false }),
  });
  spoiled.deliverNotice = async (notice) => {
    if (notice.template === 'recovery_ended' && !over) {
      over = true;
      await report(rig, place);
    }
    return deliverNotice(notice);
  };
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
  expect(place.seen.charges.at(-1)).toBe('card-b:1');
  expect(place.seen.notices.slice(-2)).toEqual(['recovery_ended', 'recovered']);
});
