import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import type { CommittedOffset, InboundRecord, RecordReader } from '../../domain/inbound/records.ts';
import { InboundTopic } from '../../domain/inbound/topics.ts';
import { consume } from './consume.ts';

/** Hands out the records, then nothing until it is closed. */
function readerOf(records: readonly InboundRecord[], commit: RecordReader['commit']): RecordReader {
  const closed = Promise.withResolvers<void>();
  return {
    async *[Symbol.asyncIterator]() {
      yield* records;
      await closed.promise;
    },
    commit,
    close: async () => closed.resolve(),
  };
}

function start(openReader: () => Promise<RecordReader>, stopping = new AbortController()) {
  const ended = consume({
    openReader,
    processRecord: async () => undefined,
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

test('stopped while it joins the group, it ends, although no record comes', async () => {
  const joining = Promise.withResolvers<RecordReader>();
  const { ended, stopping } = start(() => joining.promise);
  stopping.abort();
  await setImmediate();
  joining.resolve(readerOf([], async () => {}));
  await ended;
});
