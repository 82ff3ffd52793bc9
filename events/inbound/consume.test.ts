import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import type { CommittedOffset, InboundRecord, RecordReader } from '../../domain/inbound/records.ts';
import { InboundTopic } from '../../domain/inbound/topics.ts';
import { consume } from './consume.ts';
import type { ProcessRecord } from './process-record.ts';

/** Hands out the records, then nothing until it is closed. */
function readerOf(records: readonly InboundRecord[], commit: RecordReader['commit']): RecordReader {
  const ended = Promise.withResolvers<void>();
  let isClosed = false;
  return {
    async *[Symbol.asyncIterator]() {
      yield* records;
      await ended.promise;
    },
    async commit(offsets) {
      if (isClosed) throw new PersonaError('kafka_unavailable', 'it has left the group');
      await commit(offsets);
    },
    end: () => ended.resolve(),
    async close() {
      isClosed = true;
      ended.resolve();
    },
  };
}

function start(
  openReader: () => Promise<RecordReader>,
  processRecord: ProcessRecord = async () => undefined,
) {
  const stopping = new AbortController();
  const ended = consume({
    openReader,
    processRecord,
    decode: async () => ({ value: {} }),
    deadLetters: { add: async () => {} },
    observe: { onProcessed() {}, onDeadLetter() {}, onWait() {}, onReading() {} },
    signal: stopping.signal,
  });
  onTestFinished(async () => {
    stopping.abort();
    await ended;
  });
  return { ended, stopping };
}

const record: InboundRecord = {
  topic: InboundTopic.fraudOutcome,
  ...{ partition: 0, offset: 7n, key: undefined, value: undefined, headers: {}, timestamp: 0 },
};

test('an offset that could not be committed is committed later, although no record follows', async () => {
  const committed: (readonly CommittedOffset[])[] = [];
  let attempts = 0;
  const commit = async (offsets: readonly CommittedOffset[]) => {
    attempts += 1;
    if (attempts === 1) throw new PersonaError('kafka_unavailable', 'away');
    committed.push(offsets);
  };
  start(async () => readerOf([record], commit));
  const { topic } = record;
  await expect.poll(() => committed, { timeout: 5_000 }).toEqual([[{ topic, partition: 0, offset: 8n }]]);
});

test('stopped while a record is processed, it commits it before it leaves the group', async () => {
  const committed: (readonly CommittedOffset[])[] = [];
  const [started, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const commit = async (offsets: readonly CommittedOffset[]) => void committed.push(offsets);
  const { ended, stopping } = start(
    async () => readerOf([record], commit),
    async () => {
      started.resolve();
      await released.promise;
      return undefined;
    },
  );
  await started.promise;
  stopping.abort();
  await setImmediate();
  released.resolve();
  await ended;
  const { topic } = record;
  expect(committed).toEqual([[{ topic, partition: 0, offset: 8n }]]);
});

test('stopped while it joins the group, it ends, although no record comes', async () => {
  const joining = Promise.withResolvers<RecordReader>();
  const { ended, stopping } = start(() => joining.promise);
  stopping.abort();
  await setImmediate();
  joining.resolve(readerOf([], async () => {}));
  await ended;
});

test('however long Kafka takes for a commit, at most one more waits for it', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const answer = Promise.withResolvers<void>();
  let commits = 0;
  const commit = async () => {
    commits += 1;
    await answer.promise;
  };
  const { ended, stopping } = start(async () => readerOf([record], commit));
  await vi.advanceTimersByTimeAsync(60_000);
  stopping.abort();
  answer.reject(new PersonaError('kafka_unavailable', 'away'));
  await ended;
  expect(commits).toBe(2);
});
