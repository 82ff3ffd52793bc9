import type { InboundRecord, Rejection } from '../../domain/inbound/records.ts';
import { InboundTopic, type InboundTopicName } from '../../domain/inbound/topics.ts';
import type { SchemaRegistry } from '../../domain/schema-registry.ts';
import { NotDecodable } from '../avro.ts';
import { readSchema } from '../schemas.ts';
import { createValueDecoder, type DecodeValue } from '../wire-format.ts';

/**
 * Decodes a record's value by the schema of its topic, or says why it cannot be decoded.
 * @throws PersonaError schema_registry_unavailable
 */
export type DecodeRecord = (
  record: Pick<InboundRecord, 'topic' | 'value'>,
) => Promise<{ value: object } | { rejection: Rejection }>;

/** @param registry absent: values in Confluent's wire format cannot be decoded */
export function createRecordDecoder(registry: SchemaRegistry | undefined): DecodeRecord {
  const decoders = Object.fromEntries(
    Object.values(InboundTopic).map((topic) => [topic, createValueDecoder(readSchema(topic), { registry })]),
  ) as Record<InboundTopicName, DecodeValue>;
  return async ({ topic, value }) => {
    if (value === undefined) return undecodable('the record has no value');
    try {
      // A plain object: the decoder's own classes have methods.
      return { value: { ...((await decoders[topic](value)) as object) } };
    } catch (error) {
      if (error instanceof NotDecodable) return undecodable(`the value ${error.message}`);
      throw error;
    }
  };
}

const undecodable = (error: string) => ({ rejection: { error_type: 'undecodable', error } });
