import { expect, onTestFinished, test, vi } from 'vitest';
import { rateLimited } from './rate-limited.ts';

async function* numbers() {
  for (let n = 0; n < 6; n++) yield n;
}

test('the first item is yielded immediately, the others evenly, without catching up after a slow one', async () => {
  vi.useFakeTimers({ now: 0 });
  onTestFinished(() => void vi.useRealTimers());
  const at: number[] = [];
  const reading = (async () => {
    for await (const n of rateLimited(numbers(), 4)) {
      at.push(performance.now());
      if (n === 2) await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  })();
  await vi.advanceTimersByTimeAsync(10_000);
  await reading;
  expect(at.map((time) => time - (at[0] ?? 0))).toEqual([0, 250, 500, 1_500, 1_750, 2_000]);
});
