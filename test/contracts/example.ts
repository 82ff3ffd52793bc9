/**
 * The examples of `docs/contracts/`, and their comparison with a run: in an example ids and times are placeholders,
 * everything else is literal.
 */

import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface RestExample {
  route: string;
  request: { method: string; path: string; headers?: Record<string, string>; body?: unknown };
  answer: { status: number; headers?: Record<string, string>; body: unknown };
}

export interface RpcExample {
  /** `package.Service/Method`. */
  rpc: string;
  metadata?: Record<string, string>;
  request: object;
  /** For a stream: its messages. */
  answer: object | object[];
  /** The stream does not end after them. */
  is_open?: true;
  /** `answer` is the JSON document that the stream's chunks are together. */
  is_document?: true;
}

export interface SignalExample {
  workflow: string;
  workflow_id: string;
  signal: string;
  payload: object;
  /** If present, the workflow is started if it is not running yet (signal-with-start). */
  start?: { task_queue: string; input: object };
  /** The workflow's result. */
  result?: object;
}

export interface QueryExample {
  workflow: string;
  workflow_id: string;
  query: string;
  answer: object;
}

export interface UpdateExample {
  workflow: string;
  workflow_id: string;
  update: string;
  payload: object;
  answer: object;
}

export type Example = RestExample | RpcExample | SignalExample | QueryExample | UpdateExample;

export const CONTRACTS = new URL('../../docs/contracts/', import.meta.url);

/** @param name below `docs/contracts/`, without `.json`; with `@7` it is sent for payment 7 */
export function readExample(name: string): Example {
  const [file, payment] = name.split('@');
  const text = readFileSync(new URL(`${file}.json`, CONTRACTS), 'utf8');
  return JSON.parse(
    payment === undefined ? text : text.replaceAll(/((plan|failure)-example)-\d+/g, `$1-${payment}`),
  );
}

/** The time of the examples: their times are shifted so that this becomes the time of the run. */
const EXAMPLES_DATED = Date.parse('2026-04-18T12:00:00Z');
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const DAY = /^\d{4}-\d\d-\d\d$/;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;
const ONLY_UUID = new RegExp(`^${UUID.source}$`);
/** Properties with an event's number, whose values differ between runs. */
const SEQUENCES = ['version', 'seq', 'changed_seq'];
/** What a process has measured or counted, of all that other tests have done: only the kind is compared. */
const MEASURED = /\.(age_s|latency_ms|hit_ratio|entries|by_type|personas\.total)$/;
/** Opaque external identifiers, of which only the kind is compared. */
const OPAQUE = [/^ch_/, /^pi_/, /^"\d+"$/];

/** Translates the examples into one run and back. */
export interface ExampleRun {
  /** An example's request, as this run sends it. */
  send<T>(example: T): T;
  /** The ids in what an example sends that no response has contained yet: an example before it has failed. */
  unknownIds(example: Example): string[];
  /** The differences between a response and the example's, one per line; if none, the response's ids are remembered. */
  differences(example: unknown, actual: unknown): string[];
}

/**
 * Values that contain `example` are chosen by callers: every run makes them unique, so that runs do not collide. It
 * also replaces the phone number and the street, which cannot contain that word.
 */
export function startExampleRun(): ExampleRun {
  const mark = `example${randomBytes(4).toString('hex')}`;
  const shift = Date.now() - EXAMPLES_DATED;
  const [phone, house] = [randomInt(2e6, 1e7), randomInt(1e6)];
  /** Ids of the examples → ids of this run. */
  const ids = new Map<string, string>();

  const translateText = (text: string, learned: ReadonlyMap<string, string>) =>
    text
      .replaceAll('example', mark)
      .replaceAll(/555 ?0142/g, String(phone))
      .replaceAll('18 Alder', `${house} Alder`)
      .replaceAll(new RegExp(UUID, 'g'), (id) => learned.get(id) ?? ids.get(id) ?? id);

  const send = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(send);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, send(one)]));
    if (typeof value !== 'string') return value;
    return TIME.test(value) ? new Date(Date.parse(value) + shift).toISOString() : translateText(value, ids);
  };

  return {
    send: <T>(example: T) => send(example) as T,
    unknownIds(example) {
      const sent = JSON.stringify({ ...example, answer: undefined, result: undefined });
      return [...sent.matchAll(new RegExp(UUID, 'g'))].map(([id]) => id).filter((id) => !ids.has(id));
    },
    differences(example, actual) {
      const learned = new Map<string, string>();
      const found: string[] = [];
      const differ = (path: string, expected: unknown, received: unknown) =>
        found.push(
          `${path}: ${JSON.stringify(expected)} in the example, ${JSON.stringify(received)} in the response`,
        );

      /** Runs before the comparison: a URL may contain an id that only follows later. */
      const learn = (expected: unknown, received: unknown) => {
        if (
          typeof expected === 'object' &&
          expected !== null &&
          typeof received === 'object' &&
          received !== null
        )
          for (const [key, one] of Object.entries(expected))
            learn(one, (received as Record<string, unknown>)[key]);
        else if (typeof expected === 'string' && typeof received === 'string')
          if (
            ONLY_UUID.test(expected) &&
            ONLY_UUID.test(received) &&
            !ids.has(expected) &&
            !learned.has(expected)
          )
            learned.set(expected, received);
      };

      const compare = (expected: unknown, received: unknown, path: string) => {
        if (MEASURED.test(path) && typeof expected === typeof received) return;
        if (
          typeof expected === 'object' &&
          expected !== null &&
          typeof received === 'object' &&
          received !== null
        ) {
          const keys = new Set([...Object.keys(expected), ...Object.keys(received)]);
          for (const key of keys)
            compare(
              (expected as Record<string, unknown>)[key],
              (received as Record<string, unknown>)[key],
              `${path}.${key}`,
            );
          return;
        }
        if (!isSame(expected, received, path)) differ(path, expected, received);
      };

      const isSame = (expected: unknown, received: unknown, path: string): boolean => {
        if (SEQUENCES.includes(path.split('.').at(-1) ?? ''))
          return typeof expected === typeof received && /^[1-9]\d*$/.test(String(received));
        if (typeof expected !== 'string' || typeof received !== 'string') return expected === received;
        if (path.endsWith('.next_cursor')) return (expected === '') === (received === '');
        if (TIME.test(expected)) return TIME.test(received);
        if (DAY.test(expected)) return DAY.test(received);
        const opaque = OPAQUE.find((kind) => kind.test(expected));
        if (opaque) return opaque.test(received);
        return translateText(expected, learned) === received;
      };

      learn(example, actual);
      compare(example, actual, '');
      if (found.length === 0) for (const [id, real] of learned) ids.set(id, real);
      return found;
    },
  };
}
