import { expect, test } from 'vitest';
import { beforeDeadline, type Caller } from './caller.ts';

const caller = (waitMs: number, signal = new AbortController().signal): Caller => ({
  caller: 'service',
  actor: 'service',
  maySetLtvAndSegment: true,
  correlationId: 'c',
  deadline: Date.now() + waitMs,
  signal,
});
const never = new Promise<never>(() => {});

test('a result or failure before the deadline is passed on', async () => {
  expect(await beforeDeadline(caller(1_000), Promise.resolve(7))).toBe(7);
  await expect(beforeDeadline(caller(1_000), Promise.reject(new Error('no')))).rejects.toThrow('no');
});

test('waiting ends at the deadline and when the caller disconnects', async () => {
  await expect(beforeDeadline(caller(20), never)).rejects.toMatchObject({ type: 'deadline_exceeded' });
  const callerGone = new AbortController();
  const waiting = beforeDeadline(caller(10_000, callerGone.signal), never);
  callerGone.abort();
  await expect(waiting).rejects.toMatchObject({ type: 'deadline_exceeded' });
  await expect(beforeDeadline(caller(10_000, AbortSignal.abort()), never)).rejects.toMatchObject({
    type: 'deadline_exceeded',
  });
});
