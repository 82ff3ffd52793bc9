/** The examples of records in `docs/contracts/events/`: what each event becomes in its topic, and that it can be encoded. */

import { readdirSync, readFileSync } from 'node:fs';
import avro from 'avsc';
import { expect, test } from 'vitest';
import type { RecordedEvent } from '../../domain/events/event.ts';
import {
  contextRecordOf,
  logRecordOf,
  type OutgoingRecord,
  type PublishedContext,
  recordOf,
} from '../../domain/outbox/records.ts';
import { Topic, type TopicName } from '../../domain/outbox/topics.ts';
import { createRecordEncoder } from '../../events/encode.ts';
import { readSchemas } from '../../events/schemas.ts';
import { CONTRACTS } from './example.ts';

interface Example {
  topic: TopicName;
  /** Of the log; absent for the context. */
  event?: RecordedEvent;
  context?: PublishedContext;
  /** What is owed, where the event does not say it. */
  owed?: { amount: number; currency: string };
  new_default?: string;
  record: { key: string; headers: Record<string, string>; value: Record<string, unknown> };
}

const FOLDER = new URL('events/', CONTRACTS);
const examples = readdirSync(FOLDER)
  .sort()
  .map((file): [string, Example] => [
    file,
    JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Example,
  ]);

function published({ topic, event, context, owed, new_default }: Example): OutgoingRecord {
  const facts = {
    reportingCurrency: 'USD',
    owed: new Map(event && owed ? [[event.id, owed]] : []),
    newDefaults: new Map(event && new_default !== undefined ? [[event.id, new_default]] : []),
  };
  if (context) return contextRecordOf(context, facts);
  if (event === undefined) throw new Error('an example has an event or a context');
  if (topic === Topic.log) return logRecordOf({ ...event, data: JSON.stringify(event.data) });
  return recordOf(event, facts) ?? expect.fail('the event is published only in the log');
}

test.each(examples)('%s', (_, example) => {
  const record = published(example);
  const encoded = createRecordEncoder()(record);
  const schema = readSchemas().get(example.topic) as unknown as avro.Schema;
  const decoded: object = avro.Type.forSchema(schema).fromBuffer(
    Buffer.from(encoded.value ?? []).subarray(10),
  );
  expect(encoded.topic).toBe(example.topic);
  expect({
    key: Buffer.from(encoded.key).toString(),
    headers: encoded.headers,
    value: JSON.parse(JSON.stringify(decoded)),
  }).toEqual(example.record);
});

test('every topic has an example', () => {
  expect(examples.map(([, { topic }]) => topic).sort()).toEqual(Object.values(Topic).sort());
});
