/** What the agents rely on, against the published schemas, the topics' settings and the examples of records. */

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Topic, TOPIC_SETTINGS, type TopicName } from '../../domain/outbox/topics.ts';
import { readSchemas } from '../../events/schemas.ts';
import {
  type ConsumerContract,
  readConsumerContracts,
  type Schema,
  schemaProblems,
  settingsProblems,
} from './consumer-contracts.ts';
import { recordProblems } from './consumer-records.ts';
import { CONTRACTS } from './example.ts';

type Schemas = Record<string, Schema>;
interface ExampleRecord {
  topic: TopicName;
  key: string;
  headers: Record<string, string>;
  value: Record<string, unknown>;
}

const contracts = readConsumerContracts();
const schemas = () => structuredClone(Object.fromEntries(readSchemas())) as unknown as Schemas;

/** One per topic; `test/contracts/events.test.ts` proves that they are what is written. */
function exampleRecords(): ExampleRecord[] {
  const folder = new URL('events/', CONTRACTS);
  return readdirSync(folder).map((file) => {
    const example = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as {
      topic: TopicName;
      record: Omit<ExampleRecord, 'topic'>;
    };
    return { topic: example.topic, ...example.record };
  });
}

/** Their stream begins with the example. */
const fromFirst = (records: ExampleRecord[]) =>
  records.map((record) =>
    record.topic === Topic.log ? { ...record, value: { ...record.value, seq: 1 } } : record,
  );

test('every agent that consumes has a contract, and every topic a consumer', () => {
  expect(contracts.map(({ consumer }) => consumer)).toEqual(['cerebrum', 'chimera', 'oracle', 'synapse']);
  const consumed = contracts.flatMap(({ topics }) => Object.keys(topics));
  expect([...new Set(consumed)].sort()).toEqual(Object.values(Topic).sort());
});

describe.each(contracts)('$consumer', (contract) => {
  test('can read what the schemas publish', () => {
    expect(schemaProblems(contract, schemas())).toEqual([]);
  });
  test('has as long to read it as it needs', () => {
    expect(settingsProblems(contract, TOPIC_SETTINGS)).toEqual([]);
  });
  test('can read the examples', () => {
    expect(recordProblems(contract, fromFirst(exampleRecords()))).toEqual([]);
  });
});

const STATUS = Topic.paymentMethodStatusChanged;
const cerebrum = contracts.find(({ consumer }) => consumer === 'cerebrum') as ConsumerContract;
const WHO = `cerebrum relies on ${STATUS}`;

describe('a producer that breaks it learns whom it breaks', () => {
  const fieldOf = (changed: Schemas, name: string) =>
    changed[STATUS]?.fields.find((field) => field.name === name) ?? expect.fail(`there is no ${name}`);

  test.each<[string, (changed: Schemas) => void, string]>([
    ['a topic is gone', (changed) => delete changed[STATUS], `${WHO}: it has no schema`],
    [
      'a field has another name',
      (changed) => (fieldOf(changed, 'new_status').name = 'status'),
      `${WHO}, field new_status: it is gone`,
    ],
    [
      'a field has another type',
      (changed) => (fieldOf(changed, 'seq').type = 'string'),
      `${WHO}, field seq: "string" cannot be read as "long"`,
    ],
    [
      'a field may be null',
      (changed) => (fieldOf(changed, 'new_status').type = ['null', 'string']),
      `${WHO}, field new_status: ["null","string"] cannot be read as "string"`,
    ],
    [
      'a time is no time any more',
      (changed) => (fieldOf(changed, 'occurred_at').type = 'long'),
      `${WHO}, field occurred_at: "long" cannot be read as {"type":"long","logicalType":"timestamp-millis"}`,
    ],
    [
      'a value is no longer documented',
      (changed) => (fieldOf(changed, 'new_status').doc = 'unverified, active, failed, expired or inactive'),
      `${WHO}, field new_status: 'compromised' is no longer documented: unverified, active, failed, expired or inactive`,
    ],
  ])('%s', (_, change, problem) => {
    const changed = schemas();
    change(changed);
    expect(schemaProblems(cerebrum, changed)).toEqual([problem]);
  });

  test('what it does not use may change', () => {
    const changed = schemas();
    fieldOf(changed, 'reason').name = 'why';
    fieldOf(changed, 'seq').type = 'int';
    expect(schemaProblems(cerebrum, changed)).toEqual([]);
  });

  test.each<[Record<string, string>]>([
    [{ 'cleanup.policy': 'delete', 'retention.ms': '3600000' }],
    [{ 'cleanup.policy': 'compact' }],
  ])('the topic has %j', (settings) => {
    const changed = { ...TOPIC_SETTINGS, [STATUS]: settings };
    expect(settingsProblems(cerebrum, changed)).toEqual([
      `${WHO}: kept for 7 days, but it has ${settings['cleanup.policy']}, retention.ms ${settings['retention.ms']}`,
    ]);
  });

  test('the topic of contexts is not compacted', () => {
    const changed = { ...TOPIC_SETTINGS, [Topic.customerContext]: TOPIC_SETTINGS[Topic.notice] };
    expect(settingsProblems(cerebrum, changed)).toHaveLength(1);
  });

  const [example] = exampleRecords().filter(({ topic }) => topic === STATUS);
  const seq = Number(example?.value.seq);
  const { customer_id, event_id } = example?.value ?? {};

  test.each<[string, (record: ExampleRecord) => ExampleRecord[], string]>([
    ['no record', () => [], `${WHO}: no record was written`],
    [
      'another key',
      (record) => [{ ...record, key: 'p-1' }],
      `${WHO}, key customer_id: the record's key is p-1`,
    ],
    [
      'another header',
      (record) => [{ ...record, headers: { ...record.headers, ce_id: 'e-1' } }],
      `${WHO}, header ce_id: e-1 is not ${event_id}`,
    ],
    [
      'an unknown value',
      (record) => [{ ...record, value: { ...record.value, new_status: 'lost' } }],
      `${WHO}, field new_status: lost is not expected`,
    ],
    [
      'a number that is too low',
      (record) => [{ ...record, value: { ...record.value, seq: 0 } }],
      `${WHO}, field seq: 0 is not expected`,
    ],
    [
      'an older record',
      (record) => [
        record,
        {
          ...record,
          headers: { ...record.headers, ce_id: 'e-2' },
          value: { ...record.value, event_id: 'e-2', seq: seq - 1 },
        },
      ],
      `${WHO}, order by seq: ${seq - 1} of ${customer_id} follows ${seq}`,
    ],
  ])('%s', (_, change, problem) => {
    const records = exampleRecords().flatMap((record) =>
      record.topic === STATUS ? change(record) : [record],
    );
    expect(recordProblems(cerebrum, records)).toContain(problem);
  });

  test('a repetition breaks nothing', () => {
    const records = exampleRecords();
    expect(recordProblems(cerebrum, [...records, ...records])).toEqual([]);
  });

  test('a gap in the log does', () => {
    const oracle = contracts.find(({ consumer }) => consumer === 'oracle') as ConsumerContract;
    const records = exampleRecords().map((record) =>
      record.topic === Topic.log ? { ...record, value: { ...record.value, seq: 2 } } : record,
    );
    expect(recordProblems(oracle, records)).toEqual([
      `oracle relies on ${Topic.log}, order by seq: 2 of ${records.find(({ topic }) => topic === Topic.log)?.key} follows 0`,
    ]);
  });
});
