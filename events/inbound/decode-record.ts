import type { InboundRecord, Rejection } from '../../domain/inbound/records.ts';
import { InboundTopic, type InboundTopicName } from '../../domain/inbound/topics.ts';
import { createSingleObjectDecoder, type DecodedValue, NotDecodable } from '../avro.ts';
import { readSchema } from '../schemas.ts';

/** @returns decodes a record's value by the schema of its topic, or says why it cannot be decoded */
export function createRecordDecoder(): (
  record: Pick<InboundRecord, 'topic' | 'value'>,
) => { value: object } | { rejection: Rejection } {
  const decoders = Object.fromEntries(
    Object.values(InboundTopic).map((topic) => [topic, createSingleObjectDecoder([readSchema(topic)])]),
  ) as Record<InboundTopicName, (bytes: Uint8Array) => DecodedValue>;
  return ({ topic, value }) => {
    if (value === undefined) return undecodable('the record has no value');
    try {
      // A plain object: the decoder's own classes have methods.
      return { value: { ...(decoders[topic](value).value as object) } };
    } catch (error) {
      if (error instanceof NotDecodable) return undecodable(`the value ${error.message}`);
      throw error;
    }
  };
}

const undecodable = (error: string) => ({ rejection: { error_type: 'undecodable', error } });
