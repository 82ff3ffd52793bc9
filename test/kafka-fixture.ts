/** A Kafka of a test file's own, which a test may stop, and records as other agents write them. */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Producer } from '@platformatic/kafka';
import { startGuard } from '../dev/stack/guard.ts';
import { startStack } from '../dev/stack/stack.ts';
import { createMissingTopics } from '../adapters/kafka/topics.ts';
import { INBOUND_SETTINGS, type InboundTopicName } from '../domain/inbound/topics.ts';
import { createSingleObjectEncoder } from '../events/avro.ts';
import { readSchema } from '../events/schemas.ts';

export interface KafkaServer {
  brokers: string[];
  kill(): Promise<void>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startKafkaServer(): Promise<KafkaServer> {
  const guard = startGuard();
  const { env, processes } = await startStack({
    servers: ['kafka'],
    folder: mkdtempSync(join(tmpdir(), 'persona-kafka-')),
    guard,
    log: () => {},
    // Not the one that the environment names, which others use.
    env: { ...process.env, KAFKA_BROKERS: undefined },
  });
  const { kafka } = processes;
  if (kafka === undefined) throw new Error('Kafka was not started here');
  return {
    brokers: [env.KAFKA_BROKERS ?? ''],
    kill: () => kafka.kill(),
    restart: () => kafka.restart(),
    async close() {
      await kafka.kill();
      await guard.stop();
    },
  };
}

export interface AgentRecord {
  topic: InboundTopicName;
  /** The fields of the topic's schema, those that are absent are `null`; or bytes as they are. */
  value: Record<string, unknown> | Buffer;
  /** Default: the customer's id. */
  key?: string;
  headers?: Record<string, string>;
}

/** Writes records in their order, and waits until Kafka has them. Creates the topics, as their agents do. */
export async function writeRecords(
  brokers: string[],
  records: readonly AgentRecord[],
): Promise<{ topic: string; partition: number; offset: bigint }[]> {
  const topics = new Set(records.map(({ topic }) => topic));
  await createMissingTopics(
    { brokers },
    [...topics].map((topic) => [topic, INBOUND_SETTINGS]),
  );
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    clientId: 'agent',
    bootstrapBrokers: brokers,
    idempotent: true,
    retries: 20,
    retryDelay: 250,
  });
  try {
    const messages = records.map(({ topic, value, key, headers = {} }) => ({
      topic,
      key: Buffer.from(key ?? (Buffer.isBuffer(value) ? 'k' : String(value.customer_id))),
      value: Buffer.isBuffer(value) ? value : encode(topic, value),
      headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
    }));
    const { offsets } = await producer.send({ messages, acks: -1 });
    return offsets ?? [];
  } finally {
    await producer.close();
  }
}

/** A value as an agent encodes it, who omits optional fields. */
export function encode(topic: InboundTopicName, value: Record<string, unknown>): Buffer {
  const schema = readSchema(topic);
  const { fields } = schema as unknown as { fields: { name: string; default?: unknown }[] };
  const complete = fields.map(({ name, default: absent }) => [name, value[name] ?? absent]);
  return createSingleObjectEncoder(schema)(Object.fromEntries(complete));
}
