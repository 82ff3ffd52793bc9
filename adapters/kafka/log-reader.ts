/** Reads the log's topic from its beginning, partition by partition (docs/decisions/31-replay-from-kafka.md). */

import { Consumer, type RecordsBatch } from '@platformatic/kafka';
import { PersonaError } from '../../domain/errors.ts';
import { Topic } from '../../domain/outbox/topics.ts';
import { clientOptions, type KafkaOptions, kafkaErrorNames, kafkaUnavailable } from './connection.ts';

export interface LogRecord {
  readonly partition: number;
  readonly offset: number;
  readonly value: Uint8Array;
}

/** Consecutive records of one partition; none, where Kafka stores only marks of transactions. */
export interface LogPage {
  readonly records: readonly LogRecord[];
  /** The partition's offset at which the next page begins. */
  readonly next: number;
}

export interface LogReader {
  /** Kafka's own id of the topic, which one that was deleted and created again does not keep. */
  readonly topicId: string;
  /** The first offset of each partition, and the one after its last committed record. */
  offsets(): Promise<{ readonly first: readonly number[]; readonly end: readonly number[] }>;
  /** What is committed in a partition from one offset to another, exclusive. @throws PersonaError kafka_unavailable */
  read(partition: number, from: number, end: number): AsyncGenerator<LogPage>;
  close(): Promise<void>;
}

const EARLIEST = -2n;
const LATEST = -1n;
const READ_COMMITTED = 1;
const IS_CONTROL = 0x20;
const PAGE_BYTES = 4_000_000;
const MAX_WAIT_MS = 1_000;
/** Everything up to the end is committed, so Kafka has something to send each time. */
const MAX_EMPTY_RESPONSES = 10;

/** @throws PersonaError kafka_unavailable; log_unusable: there is no such topic */
export async function openLogReader(options: KafkaOptions): Promise<LogReader> {
  // It joins no group: it reads everything, and stores its progress elsewhere.
  const consumer = new Consumer({ ...clientOptions(options), groupId: 'persona-replay' });
  const asFailure = (error: unknown) =>
    kafkaErrorNames(error).includes('UNKNOWN_TOPIC_OR_PARTITION')
      ? new PersonaError('log_unusable', `Kafka has no topic ${Topic.log}: nothing was published to it`)
      : kafkaUnavailable(options, error);
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw asFailure(error);
    }
  };
  const close = () => consumer.close(true).catch(() => {});
  const topic = async () => {
    const metadata = await consumer.metadata({ topics: [Topic.log] });
    const found = metadata.topics.get(Topic.log);
    if (found === undefined) throw new Error(`Kafka did not describe ${Topic.log}`);
    return found;
  };
  const listOffsets = async (timestamp: bigint) => {
    const offsets = await consumer.listOffsets({
      ...{ topics: [Topic.log], timestamp, isolationLevel: READ_COMMITTED },
    });
    return (offsets.get(Topic.log) ?? []).map(Number);
  };

  const fetchBatches = async (partition: number, from: number): Promise<RecordsBatch[]> => {
    const { id, partitions } = await topic();
    const response = await consumer.fetch({
      node: partitions[partition]?.leader ?? -1,
      isolationLevel: READ_COMMITTED,
      maxWaitTime: MAX_WAIT_MS,
      maxBytes: PAGE_BYTES,
      topics: [
        {
          topicId: id,
          partitions: [
            {
              ...{ partition, fetchOffset: BigInt(from), partitionMaxBytes: PAGE_BYTES },
              ...{ currentLeaderEpoch: -1, lastFetchedEpoch: -1 },
            },
          ],
        },
      ],
    });
    return response.responses.flatMap((one) => one.partitions.flatMap(({ records }) => records ?? []));
  };

  try {
    const { id } = await attempt(topic);
    return {
      topicId: id,
      offsets: () =>
        attempt(async () => {
          const [first, end] = [await listOffsets(EARLIEST), await listOffsets(LATEST)];
          return { first, end };
        }),
      async *read(partition, from, end) {
        let empty = 0;
        for (let next = from; next < end; ) {
          const batches = await attempt(() => fetchBatches(partition, next));
          const start = next;
          // Kafka sends whole batches: also what is before the offset in the first one.
          const records = batches
            .flatMap((batch) => recordsOf(batch, partition))
            .filter(({ offset }) => offset >= start && offset < end);
          next = Math.min(end, Math.max(start, ...batches.map(offsetAfter)));
          empty = next > start ? 0 : empty + 1;
          if (empty > MAX_EMPTY_RESPONSES)
            throw kafkaUnavailable(options, new Error(`partition ${partition} sends nothing at ${start}`));
          if (next > start) yield { records, next };
        }
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The marks at the end of a transaction take offsets, and are no records. */
function recordsOf(batch: RecordsBatch, partition: number): LogRecord[] {
  if ((batch.attributes & IS_CONTROL) !== 0) return [];
  return batch.records.map(({ offsetDelta, value }) => ({
    partition,
    offset: Number(batch.firstOffset) + offsetDelta,
    value: value ?? new Uint8Array(),
  }));
}

function offsetAfter({ firstOffset, lastOffsetDelta }: RecordsBatch): number {
  return Number(firstOffset) + lastOffsetDelta + 1;
}
