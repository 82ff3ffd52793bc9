import { expect, test } from 'vitest';
import { createStopwatch } from './stopwatch.ts';

test('overlapping calls are counted once, and failed calls are included', async () => {
  let now = 0;
  const watch = createStopwatch(() => now);
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const both = [watch.around(() => first.promise), watch.around(() => second.promise)];
  now = 10;
  first.resolve();
  await both[0];
  now = 30;
  second.resolve();
  await both[1];
  expect(watch.total).toBe(30);
  now = 100;
  const failing = watch.around(async () => {
    now = 105;
    throw new Error('not now');
  });
  await expect(failing).rejects.toThrow('not now');
  expect(watch.total).toBe(35);
});
