import type { RecordsBatch } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { committedBatches } from './committed-consumer.ts';

const PLAIN = 0;
const TRANSACTIONAL = 0x10;
const MARK = 0x30;

/** A batch of two records, or a mark. */
function batch(firstOffset: number, producer: number, attributes: number): RecordsBatch {
  const isMark = attributes === MARK;
  return {
    ...{
      firstOffset: BigInt(firstOffset),
      lastOffsetDelta: isMark ? 0 : 1,
      producerId: BigInt(producer),
      attributes,
    },
    records: isMark ? ['mark'] : ['one', 'two'],
  } as unknown as RecordsBatch;
}

/** The first offsets of the batches whose records are read. */
function readFrom(records: RecordsBatch[], aborted: [producer: number, firstOffset: number][]): number[] {
  const abortedTransactions = aborted.map(([producer, firstOffset]) => ({
    producerId: BigInt(producer),
    firstOffset: BigInt(firstOffset),
  }));
  const read = committedBatches({ records, abortedTransactions });
  expect(read.map(({ firstOffset }) => firstOffset)).toEqual(records.map(({ firstOffset }) => firstOffset));
  return read.filter((one) => one.records.length > 0).map(({ firstOffset }) => Number(firstOffset));
}

test.each<[string, RecordsBatch[], [number, number][], number[]]>([
  ['without transactions everything is read', [batch(0, 1, PLAIN), batch(2, -1, PLAIN)], [], [0, 2]],
  [
    'each of several aborted transactions of a producer is left out, the committed one between them is read',
    [
      ...[batch(0, 1, TRANSACTIONAL), batch(2, 1, MARK), batch(3, 1, TRANSACTIONAL), batch(5, 1, MARK)],
      ...[batch(6, 1, TRANSACTIONAL), batch(8, 1, MARK), batch(9, 1, TRANSACTIONAL), batch(11, 1, MARK)],
    ],
    [
      [1, 0],
      [1, 6],
    ],
    [3, 9],
  ],
  [
    'of interleaved transactions only the aborted one is left out',
    [batch(0, 1, TRANSACTIONAL), batch(2, 2, TRANSACTIONAL), batch(4, 1, TRANSACTIONAL), batch(6, 1, MARK)],
    [[1, 0]],
    [2],
  ],
  [
    'an aborted transaction that began before the response, and one that ends after it, are left out',
    [batch(4, 1, TRANSACTIONAL), batch(6, 1, MARK), batch(7, 2, TRANSACTIONAL), batch(9, 1, TRANSACTIONAL)],
    [
      [1, 0],
      [2, 7],
    ],
    [9],
  ],
  [
    'what a producer writes outside of transactions is read',
    [batch(0, 1, PLAIN), batch(2, 1, TRANSACTIONAL)],
    [[1, 2]],
    [0],
  ],
])('%s', (_, records, aborted, expected) => {
  expect(readFrom(records, aborted)).toEqual(expected);
});
