import { kafkaOptions } from '../adapters/kafka/connection.ts';
import { type KafkaDeadLetters, openDeadLetters } from '../adapters/kafka/dead-letters.ts';
import { openSchemaRegistry } from '../adapters/schema-registry/client.ts';
import { createDeadLetterCodec } from '../events/inbound/dead-letters.ts';
import { createRecordDecoder, type DecodeRecord } from '../events/inbound/decode-record.ts';
import { readGraphEnvironment, readKafkaEnvironment } from '../platform/environment.ts';
import { createDeadLetterCipher } from '../security/dead-letter-cipher.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { CliFailure, ExitCode } from './failure.ts';
import type { Settings } from './settings.ts';

/** @throws CliFailure: Kafka is not configured; what `work` throws */
export async function withDeadLetters<T>(
  { variables }: Settings,
  work: (store: KafkaDeadLetters, decode: DecodeRecord) => Promise<T>,
): Promise<T> {
  const kafka = readKafkaEnvironment(variables);
  if (kafka === undefined)
    throw new CliFailure(ExitCode.usageError, 'Kafka is not configured: set KAFKA_BROKERS.');
  const ring = createKeyRing(readGraphEnvironment(variables).keys.reveal());
  const store = openDeadLetters(kafkaOptions(kafka), createDeadLetterCodec(createDeadLetterCipher(ring)));
  try {
    const { schemaRegistry } = kafka;
    return await work(store, createRecordDecoder(schemaRegistry && openSchemaRegistry(schemaRegistry)));
  } finally {
    await store.close();
  }
}
