import avro from 'avsc';
import { expect, test } from 'vitest';
import type { OutgoingRecord } from '../domain/outbox/records.ts';
import { Topic } from '../domain/outbox/topics.ts';
import { createRecordEncoder } from './encode.ts';
import { readSchemas } from './schemas.ts';

const encode = createRecordEncoder();
const record: OutgoingRecord = {
  topic: Topic.paymentMethodAdded,
  key: 'c-1',
  id: '0193a1f0-0000-7000-8000-000000000001',
  type: 'PaymentMethodAdded',
  time: '2026-11-24T10:00:00.000Z',
  correlationId: '4BF92F35-77b3-4da6-a3ce-929d0e0e4736',
  value: {
    ...{ event_id: 'e-1', customer_id: 'c-1', seq: 3, occurred_at: 1_700_000_000_000, correlation_id: 'r-1' },
    ...{ payment_method_id: 'p-1', type: 'card', brand: 'visa', last_four: null, is_default: false },
  },
};

test('a record has the schema of its topic, CloudEvents’ attributes and a trace', () => {
  const { topic, key, value, headers } = encode(record);
  expect([topic, Buffer.from(key).toString()]).toEqual([Topic.paymentMethodAdded, 'c-1']);
  const schema = readSchemas().get(Topic.paymentMethodAdded) as unknown as avro.Schema;
  expect({ ...avro.Type.forSchema(schema).fromBuffer(Buffer.from(value ?? []).subarray(10)) }).toEqual(
    record.value,
  );
  expect(headers).toEqual({
    ce_specversion: '1.0',
    ce_id: record.id,
    ce_source: '/persona',
    ce_type: 'persona.v1.PaymentMethodAdded',
    ce_subject: 'c-1',
    ce_time: record.time,
    'content-type': 'application/avro',
    traceparent: expect.stringMatching(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-00$/),
  });
});

test('a sampled trace is continued', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  expect(encode({ ...record, traceparent }).headers.traceparent).toBe(traceparent);
});

test('what one request caused has one trace, whatever its correlation id looks like', () => {
  const traceOf = (correlationId: string, id = 'e-1') =>
    encode({ ...record, correlationId, id }).headers.traceparent?.split('-')[1];
  expect(traceOf('order 7', 'e-1')).toBe(traceOf('order 7', 'e-2'));
  expect(traceOf('order 7')).not.toBe(traceOf('order 8'));
  expect(traceOf('order 7')).toMatch(/^[0-9a-f]{32}$/);
  // An invalid trace id by W3C's rules.
  expect(traceOf('0'.repeat(32))).not.toBe('0'.repeat(32));
});

test('a value that does not fit its topic is refused', () => {
  expect(() => encode({ ...record, value: { ...record.value, seq: 'three' } })).toThrow(
    'persona.v1.PaymentMethodAdded.seq does not fit the schema',
  );
});
