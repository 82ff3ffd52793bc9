/** Reads other agents' topics as a member of Persona's group (docs/decisions/33-events-in.md). */

import {
  type Message,
  type MessagesStream,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
} from '@platformatic/kafka';
import type {
  CommittedOffset,
  DeletedRecords,
  InboundRecord,
  RecordReader,
} from '../../domain/inbound/records.ts';
import { INBOUND_SETTINGS, InboundTopic, type InboundTopicName } from '../../domain/inbound/topics.ts';
import { CommittedConsumer, type MissingOffset } from '../../platform/committed-consumer.ts';
import { clientOptions, type KafkaOptions, kafkaUnavailable } from './connection.ts';
import { createReadPlaces, type ReadPlaces } from './read-places.ts';
import { createMissingTopics } from './topics.ts';

/** All consumer processes of an installation share the partitions. */
const GROUP_ID = 'persona';
const TOPICS = Object.values(InboundTopic);
/** How long the others wait for a member that has died. */
const SESSION_MS = 15_000;
const HEARTBEAT_MS = 3_000;
const REBALANCE_MS = 30_000;
/** Of records that no one processes yet; Kafka sends more once they are fewer. */
const READ_AHEAD = 128;
const READ_COMMITTED = 1;
const UNKNOWN_EPOCH = -1;
const EARLIEST = -2n;
/** The client does not notice that a topic has more partitions than when it joined. */
const COUNT_PARTITIONS_EVERY_MS = 10_000;

export interface KafkaRecordReader extends RecordReader {
  /** Offsets that are not committed yet, by topic; 0: nothing is left to process. @throws PersonaError kafka_unavailable */
  lag(): Promise<ReadonlyMap<InboundTopicName, number>>;
}

/**
 * Joins the group, and reads from where it has committed, else from the beginning. Creates missing topics, so that it does
 * not depend on the other agents being installed first. Reading ends when a topic has more partitions: who joins again reads
 * them as well.
 *
 * @param onDeleted called with records that Kafka has deleted before they were read: their retention is over
 * @throws PersonaError kafka_unavailable
 */
export async function openRecordReader(
  options: KafkaOptions,
  onDeleted: (deleted: DeletedRecords) => void,
): Promise<KafkaRecordReader> {
  const fail = (error: unknown): never => {
    throw kafkaUnavailable(options, error);
  };
  await createMissingTopics(
    options,
    TOPICS.map((topic) => [topic, INBOUND_SETTINGS]),
  ).catch(fail);
  const consumer = new CommittedConsumer({
    ...clientOptions(options),
    groupId: GROUP_ID,
    // The client's own, not the stream's: it also joins again when a commit is refused.
    sessionTimeout: SESSION_MS,
    heartbeatInterval: HEARTBEAT_MS,
    rebalanceTimeout: REBALANCE_MS,
  });
  consumer.onMissing = (offsets) => {
    for (const missing of offsets)
      void findDeleted(consumer, missing).then(
        (deleted) => deleted && onDeleted(deleted),
        // Without it the stream cannot continue, either.
        () => {},
      );
  };
  const joinedPartitions = await countPartitions(consumer).catch(async (error: unknown) => {
    await consumer.close(true).catch(() => {});
    return fail(error);
  });
  const stream = await consumer
    .consume({
      topics: TOPICS,
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamFallbackModes.EARLIEST,
      autocommit: false,
      isolationLevel: READ_COMMITTED,
      highWaterMark: READ_AHEAD,
    })
    .catch(async (error: unknown) => {
      await consumer.close(true).catch(() => {});
      return fail(error);
    });
  // The membership was lost, and joining again failed: the client gives up then. Without a listener the process would end.
  consumer.on('error', (error: Error) => stream.destroy(error));
  const places = createReadPlaces(stream);
  let closing: Promise<void> | undefined;
  const counting = setInterval(() => {
    countPartitions(consumer).then(
      (partitions) => partitions > joinedPartitions && void stream.close().catch(() => {}),
      // Counted again soon; reading says what is wrong.
      () => {},
    );
  }, COUNT_PARTITIONS_EVERY_MS);
  return {
    [Symbol.asyncIterator]: () => read(stream, places, fail),
    async commit(offsets) {
      const own = offsets.filter((one) => isAssigned(consumer, one));
      if (own.length === 0) return;
      const parts = own.map((one) => ({ ...one, leaderEpoch: UNKNOWN_EPOCH }));
      await consumer.commit({ offsets: parts }).catch(fail);
    },
    async lag() {
      const lags = await consumer.getLag({ topics: TOPICS }).catch(fail);
      const left = (topic: InboundTopicName) =>
        (lags.get(topic) ?? []).map((lag, partition) => lag - places.passed(topic, partition));
      return new Map(TOPICS.map((topic) => [topic, sum(left(topic))]));
    },
    end() {
      void stream.close().catch(() => {});
    },
    close() {
      clearInterval(counting);
      return (closing ??= closeAll(stream, consumer));
    },
  };
}

/** Kafka accepts any offset of any member, also one before what the partition's new member has committed. */
function isAssigned({ assignments }: CommittedConsumer, { topic, partition }: CommittedOffset): boolean {
  return assignments?.some((one) => one.topic === topic && one.partitions.includes(partition)) ?? false;
}

/** Of all topics together: Kafka never removes one. */
async function countPartitions(consumer: CommittedConsumer): Promise<number> {
  const { topics } = await consumer.metadata({ topics: TOPICS, forceUpdate: true });
  return TOPICS.reduce((count, topic) => count + (topics.get(topic)?.partitionsCount ?? 0), 0);
}

/** @returns `undefined`: nothing is deleted, the topic has fewer records than were read of it and is read from the beginning */
async function findDeleted(
  consumer: CommittedConsumer,
  { topicId, partition, offset }: MissingOffset,
): Promise<DeletedRecords | undefined> {
  const { topics } = await consumer.metadata({ topics: TOPICS });
  const topic = TOPICS.find((name) => topics.get(name)?.id === topicId);
  if (topic === undefined) return undefined;
  const request = { topics: [topic], partitions: { [topic]: [partition] }, timestamp: EARLIEST };
  const first = (await consumer.listOffsets(request)).get(topic)?.[partition] ?? offset;
  return first > offset ? { topic, partition, from: offset, to: first } : undefined;
}

async function* read(
  stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>,
  places: ReadPlaces,
  fail: (error: unknown) => never,
): AsyncGenerator<InboundRecord> {
  try {
    for await (const message of stream) {
      places.add(message);
      yield asRecord(message);
    }
  } catch (error) {
    fail(error);
  }
}

function asRecord({
  topic,
  partition,
  offset,
  key,
  value,
  headers,
  timestamp,
}: Message<Buffer, Buffer, Buffer, Buffer>): InboundRecord {
  return {
    topic: topic as InboundTopicName,
    ...{ partition, offset, key: key ?? undefined, value: value ?? undefined },
    headers: Object.fromEntries([...headers].map(([name, text]) => [String(name), String(text)])),
    timestamp: Number(timestamp),
  };
}

/** Its own partitions only: those of other members are -1. */
const sum = (lags: readonly bigint[]) => Number(lags.reduce((all, lag) => all + (lag > 0n ? lag : 0n), 0n));

async function closeAll(
  stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>,
  consumer: CommittedConsumer,
): Promise<void> {
  await stream.close().catch(() => {});
  await consumer.close(true).catch(() => {});
}
