/** Records as they are written to Kafka: the value in Avro, CloudEvents' attributes and the trace as headers. */

import { hash } from 'node:crypto';
import type { EncodedRecord } from '../domain/outbox/publisher.ts';
import type { OutgoingRecord } from '../domain/outbox/records.ts';
import type { SchemaRegistry } from '../domain/schema-registry.ts';
import { createSingleObjectEncoder } from './avro.ts';
import { readSchemas } from './schemas.ts';
import { createWireEncoder } from './wire-format.ts';

const SOURCE = '/persona';
const TRACE_ID = /^[0-9a-f]{32}$/;
const NO_TRACE = '0'.repeat(32);

/** @throws Error if the value does not fit the topic's schema */
export type EncodeRecord = (record: OutgoingRecord) => EncodedRecord;

/** Encodes values in single-object encoding. */
export function createRecordEncoder(): EncodeRecord {
  return encodeBy(
    new Map([...readSchemas()].map(([topic, schema]) => [topic, createSingleObjectEncoder(schema)])),
  );
}

/**
 * Registers every topic's schema, and encodes values in Confluent's wire format.
 * @throws PersonaError schema_registry_unavailable
 */
export async function registerRecordEncoder(registry: SchemaRegistry): Promise<EncodeRecord> {
  const encoders = [...readSchemas()].map(async ([topic, schema]) => {
    const id = await registry.register(subjectOf(topic), schema);
    return [topic, createWireEncoder(schema, id)] as const;
  });
  return encodeBy(new Map(await Promise.all(encoders)));
}

/** The registry's name of the values of a topic. */
export const subjectOf = (topic: string): string => `${topic}-value`;

function encodeBy(encoders: ReadonlyMap<string, (value: unknown) => Buffer>): EncodeRecord {
  const traceparentOf = createTraceparents();
  return (record) => {
    const encode = encoders.get(record.topic);
    if (encode === undefined) throw new Error(`${record.topic} has no schema`);
    return {
      topic: record.topic,
      key: Buffer.from(record.key),
      value: record.value && encode(record.value),
      headers: headersOf(record, record.traceparent ?? traceparentOf(record)),
    };
  };
}

/** CloudEvents 1.0, binary mode of its Kafka binding, and W3C trace context. */
function headersOf(record: OutgoingRecord, traceparent: string): Record<string, string> {
  const { id, type, time, key } = record;
  return {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: SOURCE,
    ce_type: `persona.v1.${type}`,
    ce_subject: key,
    ce_time: time,
    'content-type': 'application/avro',
    traceparent,
  };
}

/** Those of one event follow one another, and have the same. */
function createTraceparents(): (record: OutgoingRecord) => string {
  let last = { id: '', correlationId: '', traceparent: '' };
  return ({ id, correlationId }) => {
    if (id !== last.id || correlationId !== last.correlationId)
      last = { id, correlationId, traceparent: unsampledTraceparent(correlationId, id) };
    return last.traceparent;
  };
}

/**
 * Without a sampled trace, everything that one request caused has the trace that its correlation id stands for (a UUID's
 * own digits, otherwise a hash), not sampled.
 */
function unsampledTraceparent(correlationId: string, id: string): string {
  const digits = correlationId.toLowerCase().replaceAll('-', '');
  const trace = TRACE_ID.test(digits) && digits !== NO_TRACE ? digits : hexHash(correlationId, 32);
  return `00-${trace}-${hexHash(id, 16)}-00`;
}

function hexHash(text: string, digits: number): string {
  return hash('sha256', text).slice(0, digits);
}
