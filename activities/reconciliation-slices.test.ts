import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, test } from 'vitest';
import type { SliceResult } from '../domain/reconciliation/totals.ts';
import { type DifferenceCollector, runSlice, type SlicePage } from './reconciliation-slices.ts';

type Page = (after: string, compared: number, collector: DifferenceCollector) => Promise<SlicePage>;

/** One attempt, with its heartbeats. */
async function attempt(page: Page, heartbeatDetails?: unknown) {
  const beats: unknown[] = [];
  const environment = new MockActivityEnvironment(
    { heartbeatDetails },
    { logger: new DefaultLogger('ERROR', () => {}) },
  );
  environment.on('heartbeat', (details: unknown) => beats.push(structuredClone(details)));
  const result = environment.run(() => runSlice('', page)) as Promise<SliceResult>;
  return { beats, result: await result.catch((error: unknown) => error as Error) };
}

/** Three pages of two; one record on the second page differs. */
const NEXT: Readonly<Record<string, string | undefined>> = { '': 'b', b: 'd' };

test('an attempt after a crash continues at the last page, with the differences found before', async () => {
  const seen: string[] = [];
  const page =
    (dies: boolean): Page =>
    async (after, _, collector) => {
      seen.push(after);
      if (after === 'b') collector.add({ found: 'detached', payment_method_id: 'c' });
      if (after === 'd' && dies) throw new Error('killed');
      const next = NEXT[after];
      return { compared: 2, ...(next && { next }) };
    };
  const died = await attempt(page(true));
  expect(died.result).toMatchObject({ message: 'killed' });
  expect(died.beats.at(-1)).toMatchObject({ after: 'd', compared: 4, corrected: 1 });
  seen.length = 0;
  const { result } = await attempt(page(false), died.beats.at(-1));
  expect(seen).toEqual(['d']);
  expect(result).toEqual({
    ...{ compared: 6, corrected: 1, listed: 0, repaired: 0 },
    differences: [{ found: 'detached', payment_method_id: 'c' }],
  });
});

test('the differences of an unfinished page are not counted twice', async () => {
  let tries = 0;
  const page: Page = async (_, __, collector) => {
    collector.add({ found: 'other_owner' });
    collector.heartbeat();
    tries += 1;
    if (tries === 1) throw new Error('killed');
    return { compared: 1 };
  };
  const died = await attempt(page);
  const { result } = await attempt(page, died.beats.at(-1));
  expect(result).toMatchObject({ compared: 1, listed: 1 });
});

test('a result counts all differences but lists a limited number', async () => {
  const page: Page = async (after, _, collector) => {
    for (let n = 0; n < 400; n++) collector.add({ found: 'newer' });
    const next = NEXT[after];
    return { compared: 400, ...(next && { next }) };
  };
  const { result } = await attempt(page);
  expect(result).toMatchObject({ corrected: 1_200 });
  expect((result as SliceResult).differences).toHaveLength(500);
});
