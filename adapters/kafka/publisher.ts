/** Publishes records to Kafka in transactions (docs/decisions/30-events-out.md). */

import { defaultPartitioner, type MessageToProduce } from '@platformatic/kafka';
import { timeout, TimeoutStrategy } from 'cockatiel';
import { type EncodedRecord, type OpenPublisher, RecordsRefused } from '../../domain/outbox/publisher.ts';
import { PARTITIONS, TOPIC_SETTINGS } from '../../domain/outbox/topics.ts';
import { clientOptions, type KafkaOptions, kafkaErrorNames, kafkaUnavailable } from './connection.ts';
import { createMissingTopics } from './topics.ts';
import { TransactionalProducer } from './transactional-producer.ts';

/** All relays of an installation: Kafka refuses every producer of this id but the newest. */
const TRANSACTIONAL_ID = 'persona-relay';
/** After that long the broker withdraws the transaction of a relay that has died. */
const TRANSACTION_MS = 30_000;
/** The client library tries each request for up to two minutes, in which a relay would neither publish nor end. */
const inTime = timeout(TRANSACTION_MS, TimeoutStrategy.Aggressive);
/** What closing leaves undone, the next producer or the broker does. */
const closing = timeout(5_000, TimeoutStrategy.Aggressive);
/** Kafka's default for a topic's `max.message.bytes` is 1 MiB for all records of one partition in a request. */
const MAX_PARTITION_BYTES = 800_000;
/** A record's headers and lengths take less, apart from key and value. */
const OVERHEAD_BYTES = 600;
/** Kafka asks for the producer's id and epoch if it has one. */
const NEW_PRODUCER = { producerId: -1n, producerEpoch: -1 };
/** Refusals of what was sent, not of who sent it or when. */
const REFUSALS = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TIMESTAMP'];

type Message = MessageToProduce<Buffer, Buffer, Buffer, Buffer>;

/** @returns opens publishers, of which only the newest can write */
export function createKafkaPublishers(options: KafkaOptions): OpenPublisher {
  return async () => {
    await createMissingTopics(options, Object.entries(TOPIC_SETTINGS)).catch((error: unknown) => {
      throw kafkaUnavailable(options, error);
    });
    let producer = await openProducer(options);
    return {
      async publish(records) {
        if (records.length === 0) return;
        try {
          await inTime.execute(() => publishWith(producer, records));
        } catch (error) {
          const refusal = asRefusal(error);
          if (refusal === undefined) throw kafkaUnavailable(options, error);
          // The refused records have numbers that Kafka would miss in what this producer sends next.
          await closeProducer(producer);
          producer = await openProducer(options);
          throw refusal;
        }
      },
      close: () => closeProducer(producer),
    };
  };
}

async function publishWith(
  producer: TransactionalProducer,
  records: readonly EncodedRecord[],
): Promise<void> {
  const transaction = await producer.beginTransaction(NEW_PRODUCER);
  for (const messages of inRequests(records)) await transaction.send({ messages });
  await transaction.commit();
}

/** Registers a producer, and with it ends the transactions of earlier ones. */
async function openProducer(options: KafkaOptions): Promise<TransactionalProducer> {
  const producer = new TransactionalProducer({
    ...clientOptions(options),
    idempotent: true,
    transactionalId: TRANSACTIONAL_ID,
    timeout: TRANSACTION_MS,
  });
  try {
    await inTime.execute(async () => {
      const transaction = await producer.beginTransaction(NEW_PRODUCER);
      await transaction.cancel();
    });
    return producer;
  } catch (error) {
    await closeProducer(producer);
    throw kafkaUnavailable(options, error);
  }
}

async function closeProducer(producer: TransactionalProducer): Promise<void> {
  const close = async () => {
    // Otherwise consumers that read only what is committed would wait until the broker withdraws it.
    const open = producer.transaction;
    if (open && !open.completed) await open.abort().catch(() => {});
    await producer.close(true);
  };
  await closing.execute(close).catch(() => {});
}

/** As few requests as the broker's limit allows, in order; a record that is larger by itself has one of its own. */
function* inRequests(records: readonly EncodedRecord[]): Generator<Message[]> {
  if (fitsInOne(records)) {
    yield records.map(asMessage);
    return;
  }
  let messages: Message[] = [];
  let bytes = new Map<string, number>();
  for (const record of records) {
    const message = asMessage(record);
    const partition = `${record.topic}/${defaultPartitioner(message, message.key) % PARTITIONS}`;
    const size = bytesOf(record);
    const before = bytes.get(partition) ?? 0;
    if (before > 0 && before + size > MAX_PARTITION_BYTES) {
      yield messages;
      [messages, bytes] = [[], new Map()];
    }
    messages.push(message);
    bytes.set(partition, (bytes.get(partition) ?? 0) + size);
  }
  yield messages;
}

/** Almost always: not even all records of a topic together exceed what one of its partitions may receive. */
function fitsInOne(records: readonly EncodedRecord[]): boolean {
  const bytes = new Map<string, number>();
  for (const record of records) {
    const sum = (bytes.get(record.topic) ?? 0) + bytesOf(record);
    if (sum > MAX_PARTITION_BYTES) return false;
    bytes.set(record.topic, sum);
  }
  return true;
}

const bytesOf = ({ key, value }: EncodedRecord): number => key.length + (value?.length ?? 0) + OVERHEAD_BYTES;

function asMessage({ topic, key, value, headers }: EncodedRecord): Message {
  return {
    topic,
    key: asBuffer(key),
    ...(value && { value: asBuffer(value) }),
    headers: new Map(
      Object.entries(headers).map(([name, text]) => [
        repeated(name),
        FEW_VALUES.has(name) ? repeated(text) : Buffer.from(text),
      ]),
    ),
  };
}

/** The same bytes, not a copy. */
const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength);

/** Headers that have one of a few values, as many as there are types of events. */
const FEW_VALUES: ReadonlySet<string> = new Set(['ce_specversion', 'ce_source', 'ce_type', 'content-type']);
const REPEATED = new Map<string, Buffer>();

function repeated(text: string): Buffer {
  const known = REPEATED.get(text) ?? Buffer.from(text);
  REPEATED.set(text, known);
  return known;
}

function asRefusal(error: unknown): RecordsRefused | undefined {
  const refusal = kafkaErrorNames(error).find((name) => REFUSALS.includes(name));
  return refusal === undefined
    ? undefined
    : new RecordsRefused(`Kafka refuses it: ${refusal}`, { cause: error });
}
