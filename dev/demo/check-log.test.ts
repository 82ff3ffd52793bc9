/** The comparison of what Oracle has received with the graph's log. */

import { expect, test } from 'vitest';
import { checkLog } from './check-log.ts';
import type { LogEntry } from './oracle.ts';

const entry = (stream_id: string, seq: number, type = 'NoticeSent'): LogEntry => ({
  event_id: `${stream_id}-${seq}`,
  ...{ stream_id, seq, type },
});
const a = [entry('a', 1, 'CustomerCreated'), entry('a', 2), entry('a', 3)] as const;
const b = [entry('b', 1), entry('b', 2)] as const;
const GRAPH = [...a, ...b];

const actual = (received: readonly LogEntry[]) => checkLog(GRAPH, received).checks.map((one) => one.actual);

test('streams may be mixed; other streams and later events are ignored', () => {
  const { types, checks } = checkLog(GRAPH, [b[0], a[0], entry('other', 7), a[1], b[1], a[2], entry('a', 4)]);
  expect(types).toEqual([
    ['NoticeSent', 4],
    ['CustomerCreated', 1],
  ]);
  expect(checks.map((one) => one.actual)).toEqual(checks.map((one) => one.expected));
});

test('the order of the graph’s events does not count', () => {
  const { checks } = checkLog([...GRAPH].reverse(), GRAPH);
  expect(checks.map((one) => one.actual)).toEqual(checks.map((one) => one.expected));
});

test.each<[string, LogEntry[], string, string]>([
  ['a missing stream', [...a], '3 of 5', '1 of 2: b ends before event 1'],
  ['a missing last event', [...a, b[0]], '4 of 5', '1 of 2: b ends before event 2'],
  ['a gap', [a[0], a[2], ...b], '4 of 5', '1 of 2: a has event 3 in place of 2'],
  ['a wrong order', [a[0], a[2], a[1], ...b], '5 of 5', '1 of 2: a has event 3 in place of 2'],
  ['an event twice', [...a, b[0], b[0], b[1]], '6 of 5', '1 of 2: b has event 1 in place of 2'],
  [
    'an event that the graph lacks',
    [...a, b[0], { ...b[1], event_id: 'unknown' }],
    '5 of 5',
    '1 of 2: b has another event 2 than the graph',
  ],
])('%s is found', (_, received, count, streams) => {
  expect(actual(received)).toEqual([`${count}`, streams]);
});
