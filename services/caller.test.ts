import { expect, test } from 'vitest';
import { beforeDeadline, type Caller } from './caller.ts';

const caller = (waitMs: number, signal = new AbortController().signal): Caller => ({
  caller: 'service',
  actor: 'service',
  correlationId: 'c',
  deadline: Date.now() + waitMs,
  signal,
});
const never = new Promise<never>(() => {});

test('an answer in time is the answer, a failure in time the failure', async () => {
  expect(await beforeDeadline(caller(1_000), Promise.resolve(7))).toBe(7);
  await expect(beforeDeadline(caller(1_000), Promise.reject(new Error('no')))).rejects.toThrow('no');
});

test('after the deadline, or when the caller has left, nobody waits', async () => {
  await expect(beforeDeadline(caller(20), never)).rejects.toMatchObject({ type: 'deadline_exceeded' });
  const callerGone = new AbortController();
  const waiting = beforeDeadline(caller(10_000, callerGone.signal), never);
  callerGone.abort();
  await expect(waiting).rejects.toMatchObject({ type: 'deadline_exceeded' });
  await expect(beforeDeadline(caller(10_000, AbortSignal.abort()), never)).rejects.toMatchObject({
    type: 'deadline_exceeded',
  });
});
