/** What each agent relies on (`consumers/*.json`), compared with records as they are written. */

import type { ConsumedRecord } from '../outbox-fixture.ts';
import {
  type ConsumerContract,
  type FieldContract,
  reliance,
  type TopicContract,
  typeOf,
  type ValueRule,
} from './consumer-contracts.ts';

type Values = Readonly<Record<string, unknown>>;
/** In the order of each key. */
type Records = readonly Pick<ConsumedRecord, 'topic' | 'key' | 'headers' | 'value'>[];

/** @returns what the records break, one line for each part of the contract; also a topic without any record */
export function recordProblems(contract: ConsumerContract, records: Records): string[] {
  return Object.entries(contract.topics).flatMap(([topic, expected]) => {
    const own = withoutRepetitions(
      expected,
      records.filter((record) => record.topic === topic),
    );
    if (own.length === 0) return [`${reliance(contract, topic)}: no record was written`];
    const content = own.flatMap((record) => contentProblems(expected, record));
    const parts = Map.groupBy([...content, ...orderProblems(expected, own)], ([part]) => part);
    return [...parts].map(([part, [first, ...others]]) => {
      const more = others.length > 0 ? ` (and ${others.length} more)` : '';
      return `${reliance(contract, topic, part)}: ${first?.[1]}${more}`;
    });
  });
}

/** The part of the contract, and what is wrong. */
type Problem = readonly [part: string, problem: string];

function withoutRepetitions({ id }: TopicContract, records: Records): Records {
  const seen = new Set<string>();
  return records.filter(({ value }) => {
    const identity = filled(id, value);
    return !seen.has(identity) && seen.add(identity);
  });
}

function contentProblems({ key, headers, fields }: TopicContract, record: Records[number]): Problem[] {
  const { value } = record;
  const problems: Problem[] = [];
  if (value[key] !== record.key) problems.push([`key ${key}`, `the record's key is ${record.key}`]);
  for (const [name, template] of Object.entries(headers)) {
    const text = record.headers[name];
    if (text === undefined || !isLike(text, filled(template, value)))
      problems.push([`header ${name}`, `${text} is not ${filled(template, value)}`]);
  }
  for (const [name, field] of Object.entries(fields))
    for (const problem of valueProblems(field, value[name])) problems.push([`field ${name}`, problem]);
  return problems;
}

function valueProblems(field: FieldContract, value: unknown): string[] {
  if (!typeOf(field.type).isValid(value))
    return [`${JSON.stringify(value)} cannot be read as ${JSON.stringify(field.type)}`];
  const values = Array.isArray(value) ? value : [value];
  const entries = Object.entries(field.entries ?? {}).map(([name, rule]) =>
    isAllowed(rule, (value as Values)[name]) ? [] : [`${name}: ${(value as Values)[name]} is not expected`],
  );
  return [
    ...values.filter((item) => !isAllowed(field, item)).map((item) => `${item} is not expected`),
    ...entries.flat(),
  ];
}

function isAllowed({ values, pattern, minimum, maximum }: ValueRule, value: unknown): boolean {
  if (value === null || value === undefined) return true;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return (
    (values?.includes(text) ?? true) &&
    (pattern === undefined || new RegExp(pattern, 's').test(text)) &&
    (minimum === undefined || Number(value) >= minimum) &&
    (maximum === undefined || Number(value) <= maximum)
  );
}

function orderProblems({ key, order_by, is_gapless = false }: TopicContract, records: Records): Problem[] {
  const newest = new Map<unknown, number>();
  return records.flatMap(({ value }) => {
    const [stream, number] = [value[key], Number(value[order_by])];
    const before = newest.get(stream) ?? 0;
    newest.set(stream, number);
    const isNext = is_gapless ? number === before + 1 : number > before;
    const problem = `${number} of ${stream} follows ${before}`;
    return isNext ? [] : [[`order by ${order_by}`, problem] as const];
  });
}

/** The template with the record's values in it; times as in CloudEvents. */
function filled(template: string, value: Values): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    name.endsWith('_at') || name === 'as_of'
      ? new Date(Number(value[name])).toISOString()
      : String(value[name]),
  );
}

/** @param pattern text with at most one `*` */
function isLike(text: string, pattern: string): boolean {
  const [start = '', end] = pattern.split('*');
  return end === undefined ? text === start : text.startsWith(start) && text.endsWith(end);
}
