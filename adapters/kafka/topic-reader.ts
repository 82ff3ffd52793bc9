/** Reads all of a topic, partition by partition, without joining a group. */

import type { RecordsBatch } from '@platformatic/kafka';
import { CommittedConsumer } from '../../platform/committed-consumer.ts';
import { clientOptions, isUnknownTopic, type KafkaOptions, kafkaUnavailable } from './connection.ts';

export interface TopicRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: Uint8Array;
  /** Absent: the record deletes its key. */
  readonly value: Uint8Array | undefined;
}

/** Consecutive records of one partition; none, where Kafka stores only marks of transactions and what was aborted. */
export interface TopicPage {
  readonly records: readonly TopicRecord[];
  /** The partition's offset at which the next page begins. */
  readonly next: number;
}

export interface TopicReader {
  /** Kafka's own id of the topic, which one that was deleted and created again does not keep. */
  readonly topicId: string;
  /** The first offset of each partition, and the one after its last committed record. */
  offsets(): Promise<{ readonly first: readonly number[]; readonly end: readonly number[] }>;
  /** What is committed in a partition from one offset to another, exclusive. @throws PersonaError kafka_unavailable */
  read(partition: number, from: number, end: number): AsyncGenerator<TopicPage>;
  close(): Promise<void>;
}

const EARLIEST = -2n;
const LATEST = -1n;
const READ_COMMITTED = 1;
const PAGE_BYTES = 4_000_000;
const MAX_WAIT_MS = 1_000;
/** Everything up to the end is committed, so Kafka has something to send each time. */
const MAX_EMPTY_RESPONSES = 10;

/** @returns `undefined`: there is no such topic @throws PersonaError kafka_unavailable */
export async function openTopicReader(options: KafkaOptions, name: string): Promise<TopicReader | undefined> {
  const consumer = new CommittedConsumer({ ...clientOptions(options), groupId: 'persona-reader' });
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw kafkaUnavailable(options, error);
    }
  };
  const close = () => consumer.close(true).catch(() => {});
  const describe = async () => {
    const metadata = await consumer.metadata({ topics: [name] });
    const found = metadata.topics.get(name);
    if (found === undefined) throw new Error(`Kafka did not describe ${name}`);
    return found;
  };
  const listOffsets = async (timestamp: bigint) => {
    const request = { topics: [name], timestamp, isolationLevel: READ_COMMITTED };
    return ((await consumer.listOffsets(request)).get(name) ?? []).map(Number);
  };
  const fetchBatches = async (partition: number, from: number): Promise<RecordsBatch[]> => {
    const { id, partitions } = await describe();
    const position = { partition, fetchOffset: BigInt(from), partitionMaxBytes: PAGE_BYTES };
    const response = await consumer.fetch({
      node: partitions[partition]?.leader ?? -1,
      isolationLevel: READ_COMMITTED,
      maxWaitTime: MAX_WAIT_MS,
      maxBytes: PAGE_BYTES,
      topics: [{ topicId: id, partitions: [{ ...position, currentLeaderEpoch: -1, lastFetchedEpoch: -1 }] }],
    });
    return response.responses.flatMap((one) => one.partitions.flatMap(({ records }) => records ?? []));
  };

  try {
    const { id } = await attempt(describe);
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
    if (isUnknownTopic(error)) return undefined;
    throw error;
  }
}

function recordsOf(batch: RecordsBatch, partition: number): TopicRecord[] {
  return batch.records.map(({ offsetDelta, key, value }) => ({
    partition,
    offset: Number(batch.firstOffset) + offsetDelta,
    key: key ?? new Uint8Array(),
    value: value ?? undefined,
  }));
}

function offsetAfter({ firstOffset, lastOffsetDelta }: RecordsBatch): number {
  return Number(firstOffset) + lastOffsetDelta + 1;
}
