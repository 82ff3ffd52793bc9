/** What each agent relies on in the topics that Persona writes (`consumers/*.json`), and what of it the schemas and topics break. */

import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import avro from 'avsc';

export interface ConsumerContract {
  consumer: string;
  /** What it does with the topics. */
  purpose: string;
  topics: Record<string, TopicContract>;
}

/** In texts, a name in braces stands for the value of that field, `*` for anything. */
export interface TopicContract {
  uses: string;
  /** The field that is the record's key. */
  key: string;
  /** By which it drops repetitions, such as `{event_id}`. */
  id: string;
  /** A field that rises from record to record of a key. */
  order_by: string;
  /** By one each time, from 1. */
  is_gapless?: boolean;
  /** `compacted`: the last record of each key for ever. `days`: at least so many. */
  kept: 'compacted' | 'forever' | { days: number };
  headers: Record<string, string>;
  fields: Record<string, FieldContract>;
}

export interface FieldContract extends ValueRule {
  /** The Avro type that it reads the field as. */
  type: unknown;
  /** What it takes the value to mean. */
  meaning: string;
  /** Of a map: rules for the values of some keys. */
  entries?: Record<string, ValueRule>;
}

/** What it can handle, null apart. Of an array: each item. */
export interface ValueRule {
  values?: readonly string[];
  /** A regular expression. */
  pattern?: string;
  minimum?: number;
  maximum?: number;
}

export interface Schema {
  fields: { name: string; type: unknown; doc?: string }[];
}

export const CONSUMERS = new URL('consumers/', import.meta.url);

export function readConsumerContracts(): ConsumerContract[] {
  return globSync('*.json', { cwd: fileURLToPath(CONSUMERS) })
    .sort()
    .map((file) => JSON.parse(readFileSync(new URL(file, CONSUMERS), 'utf8')) as ConsumerContract);
}

/** How a problem begins: whom it concerns. */
export const reliance = ({ consumer }: ConsumerContract, topic: string, part?: string) =>
  [`${consumer} relies on ${topic}`, ...(part === undefined ? [] : [part])].join(', ');

/** @returns what the published schemas no longer promise, one line each */
export function schemaProblems(
  contract: ConsumerContract,
  schemas: Readonly<Record<string, Schema>>,
): string[] {
  return Object.entries(contract.topics).flatMap(([topic, { fields }]) => {
    const schema = schemas[topic];
    if (schema === undefined) return [`${reliance(contract, topic)}: it has no schema`];
    return Object.entries(fields).flatMap(([name, field]) =>
      fieldProblems(
        field,
        schema.fields.find((published) => published.name === name),
      ).map((problem) => `${reliance(contract, topic, `field ${name}`)}: ${problem}`),
    );
  });
}

function fieldProblems(field: FieldContract, published: Schema['fields'][number] | undefined): string[] {
  if (published === undefined) return ['it is gone'];
  const { type, doc = '' } = published;
  const words = new Set(doc.match(/\w+/g));
  const known = [...(field.values ?? []), ...Object.keys(field.entries ?? {})];
  return [
    ...(canRead(field.type, type)
      ? []
      : [`${JSON.stringify(type)} cannot be read as ${JSON.stringify(field.type)}`]),
    // The schema's documentation is all that says which values there are.
    ...known
      .filter((value) => !words.has(value))
      .map((value) => `'${value}' is no longer documented: ${doc}`),
  ];
}

/** By Avro's rules of schema resolution, which know nothing of logical types. */
function canRead(reader: unknown, writer: unknown): boolean {
  try {
    typeOf(reader).createResolver(typeOf(writer));
    return logicalTypeOf(reader) === logicalTypeOf(writer);
  } catch {
    return false;
  }
}

export const typeOf = (schema: unknown): avro.Type => avro.Type.forSchema(schema as avro.Schema);

function logicalTypeOf(type: unknown): unknown {
  return (type as { logicalType?: string }).logicalType;
}

const DAY_MS = 24 * 3_600_000;

/** @param settings Kafka's settings of each topic @returns where records are gone too early, one line each */
export function settingsProblems(
  contract: ConsumerContract,
  settings: Readonly<Record<string, Readonly<Record<string, string>>>>,
): string[] {
  return Object.entries(contract.topics).flatMap(([topic, { kept }]) => {
    const { 'cleanup.policy': cleanup, 'retention.ms': retention } = settings[topic] ?? {};
    const isKept =
      kept === 'compacted'
        ? cleanup === 'compact'
        : cleanup === 'delete' && isKeptFor(retention, kept === 'forever' ? Infinity : kept.days * DAY_MS);
    if (isKept) return [];
    const wanted = typeof kept === 'string' ? kept : `kept for ${kept.days} days`;
    return [`${reliance(contract, topic)}: ${wanted}, but it has ${cleanup}, retention.ms ${retention}`];
  });
}

function isKeptFor(retention: string | undefined, ms: number): boolean {
  return retention === '-1' || Number(retention) >= ms;
}
