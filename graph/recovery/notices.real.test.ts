import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { testGraph, testHeader } from '../../test/test-graph.ts';
import { claimedObligation } from '../../test/obligation-fixtures.ts';
import { finishNotice, getNoticeResult, NOTICES_CALLER, releaseNotice, leaseNotice } from './index.ts';

const LIMIT = 15_000;
const graph = await testGraph();
const sender = () => testHeader({ caller: NOTICES_CALLER });
const start = (notification_id: string, try_id: string, now: number) =>
  leaseNotice(graph, sender(), { notification_id, try_id, now, limit: LIMIT });

test('of many concurrent tries one gets the lease; if it never reports an outcome, one of the next does', async () => {
  const id = randomUUID();
  const startAll = (round: string, now: number) =>
    Promise.all(Array.from({ length: 10 }, (_, n) => start(id, `${round}:${n}`, now)));
  const rest = Array.from({ length: 9 }, () => 'under_way');
  expect((await startAll('one', 0)).sort()).toEqual(['first', ...rest]);
  expect((await startAll('two', LIMIT - 1)).sort()).toEqual(['under_way', ...rest]);
  expect((await startAll('three', LIMIT)).sort()).toEqual(['again', ...rest]);
});

test('only the try that holds the lease releases it, and the next try counts as the first again', async () => {
  const id = randomUUID();
  expect(await start(id, 'one', 0)).toBe('first');
  expect(await start(id, 'one', 1)).toBe('first');
  await releaseNotice(graph, sender(), { notification_id: id, try_id: 'two' });
  expect(await start(id, 'two', 1)).toBe('under_way');
  await releaseNotice(graph, sender(), { notification_id: id, try_id: 'one' });
  expect(await start(id, 'two', 1)).toBe('first');
});

test('a notice that has ended is not started again, however long ago a try started', async () => {
  const { payment_id, customer_id } = await claimedObligation(graph, readPolicy());
  const [sent, failed] = [randomUUID(), randomUUID()];
  const about = { payment_id, customer_id, template: 'no_alternative', channel: 'email' };
  await start(sent, 'one', 0);
  await finishNotice(graph, sender(), { ...about, notification_id: sent });
  await finishNotice(graph, sender(), { ...about, notification_id: failed, failure: 'no_recipient' });
  expect(await start(sent, 'two', LIMIT)).toBe('delivered');
  expect(await start(failed, 'one', 0)).toBe('undeliverable');
  expect(await getNoticeResult(graph, sent)).toBe('delivered');
  expect(await getNoticeResult(graph, failed)).toBe('undeliverable');
});
