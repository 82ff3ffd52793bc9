import { expect, test } from 'vitest';
import { readPolicy } from '../platform/policy.ts';
import { testGraph, testHeader } from '../test/test-graph.ts';
import type { CommandHeader } from './command.ts';
import { createCustomer } from './customers/create-customer.ts';
import { updateCustomer } from './customers/update-customer.ts';
import { expireReceipts, hasReceipt, type ReceiptKind } from './receipts.ts';

const graph = await testGraph();
const policy = readPolicy();
const DAY_MS = 86_400_000;
/** Long before the receipts of any other test, so that only this test's expire. */
const START = Date.parse('2001-01-01T00:00:00Z');
const onDay = (day: number) => ({ ...graph, now: () => START + day * DAY_MS });
const expire = (kind: ReceiptKind, day: number, limit = 100) =>
  expireReceipts(graph, { kind, before: START + day * DAY_MS, limit });

test('receipts are deleted by kind and age, one batch at a time, and their keys may be used again', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const written: {
    header: CommandHeader;
    change: Parameters<typeof updateCustomer>[2];
    version: number;
  }[] = [];
  for (const day of [0, 1, 2]) {
    for (const kind of ['request', 'event']) {
      const header = testHeader(kind === 'request' ? { isHeaderKey: true } : {});
      const change = { customer_id, locale: `de-${day}`, by: 'service' as const, policy };
      const { version } = await updateCustomer(onDay(day), header, change);
      written.push({ header, change, version });
    }
  }
  const haveReceipts = () => Promise.all(written.map(({ header }) => hasReceipt(graph, header)));

  expect(await expire('request', 2)).toBe(2);
  expect(await haveReceipts()).toEqual([false, true, false, true, true, true]);
  expect([await expire('event', 3, 2), await expire('event', 3, 2)]).toEqual([2, 1]);
  expect(await haveReceipts()).toEqual([false, false, false, false, true, false]);
  expect(await expire('event', 3)).toBe(0);

  const [, , , , remaining, expired] = written;
  if (remaining === undefined || expired === undefined) throw new Error('six receipts were expected');
  expect(await updateCustomer(graph, remaining.header, remaining.change)).toMatchObject({
    version: remaining.version,
  });
  await updateCustomer(graph, expired.header, {
    ...{ customer_id, policy },
    locale: 'en',
    by: 'service',
  });
  expect(await expire('request', 3)).toBe(1);
});
