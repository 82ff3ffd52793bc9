/** Maps between messages and the JSON shapes of the services: times and 64-bit integers. */

import { type FieldProblem, validationError } from '../../domain/errors.ts';
import { MAX_PAGE } from '../../services/pages.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(value: string): boolean {
  return UUID.test(value);
}

/** Collects the problems of a request, so that the caller gets all of them together. */
export class Problems {
  readonly #found: FieldProblem[] = [];

  require(ok: boolean, field: string, message: string): void {
    if (!ok) this.#found.push({ field, message });
  }

  requireUuid(value: string, field: string): void {
    this.require(isUuid(value), field, value === '' ? 'is required' : 'must be a UUID');
  }

  /** @returns the value if allowed; otherwise the first allowed one, and a problem is recorded */
  requireOneOf<const T extends string>(value: string, allowed: readonly [T, ...T[]], field: string): T {
    const found = allowed.find((one) => one === value);
    this.require(found !== undefined, field, `must be one of ${allowed.join(', ')}`);
    return found ?? allowed[0];
  }

  /** @returns the page size; 0 requests the maximum */
  requireLimit(limit: number): number {
    this.require(limit >= 0 && limit <= MAX_PAGE, 'limit', `must be from 0 (the maximum) to ${MAX_PAGE}`);
    return limit || MAX_PAGE;
  }

  /** @throws PersonaError invalid_argument, if there were any */
  throwIfAny(): void {
    if (this.#found.length > 0) throw validationError(this.#found);
  }
}

/**
 * A decoded message as the JSON that REST accepts, without absent fields. (Decoding sets optional fields to `undefined`
 * and lists to empty ones.)
 */
export function toJson(message: object): Record<string, unknown> {
  const sent = Object.entries(message).filter(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(sent.map(([field, value]) => [field, toJsonValue(value)]));
}

function toJsonValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toJsonValue);
  if (value instanceof Date) return toIsoTime(value);
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'object' && value !== null ? toJson(value) : value;
}

/** RFC 3339, or a string that every validator refuses as a time. */
export function toIsoTime(time: Date | undefined): string | undefined {
  if (time === undefined) return undefined;
  return Number.isNaN(time.getTime()) ? 'out of range' : time.toISOString();
}

/** The fields that are times: RFC 3339 in a result, a timestamp in its message. */
const TIMES = [
  'acquisition_date',
  'as_of',
  'at',
  'closes_at',
  'created_at',
  'first_login',
  'first_shipped',
  'first_used',
  'last_login',
  'last_shipped',
  'last_used',
  'noted_at',
  'occurred_at',
  'opened_at',
  'resolved_at',
  'started_at',
  'updated_at',
] as const;
/** The fields that are integers of 64 bits in a message. */
const LONG_INTEGERS = ['amount', 'changed_seq', 'linked_customers', 'login_count', 'seq', 'version'] as const;

type FieldOf<Name, Value> = Value extends string
  ? Name extends (typeof TIMES)[number]
    ? Date
    : Value
  : Value extends number
    ? Name extends (typeof LONG_INTEGERS)[number]
      ? bigint
      : Value
    : Value extends readonly (infer Item)[]
      ? FieldOf<Name, Item>[]
      : Value extends object
        ? FieldsOf<Value>
        : Value;
type FieldsOf<Result> = { [Name in keyof Result]: FieldOf<Name, Result[Name]> };

/** A result of the services as a message, each of whose fields it has; its others are omitted. */
export function toMessage<Message, Result extends object>(
  type: { fromPartial(fields: FieldsOf<Result>): Message },
  result: Result & { readonly [Missing in Exclude<keyof Message, keyof Result>]: never },
): Message {
  return type.fromPartial(fieldsOf<Result>(result));
}

function fieldsOf<Result extends object>(result: Result): FieldsOf<Result> {
  const fields = Object.entries(result).map(([name, value]) => [name, fieldOf(name, value)]);
  return Object.fromEntries(fields) as FieldsOf<Result>;
}

function fieldOf(name: string, value: unknown): unknown {
  if (typeof value === 'string') return isOneOf(TIMES, name) ? new Date(value) : value;
  if (typeof value === 'number') return isOneOf(LONG_INTEGERS, name) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((item) => fieldOf(name, item));
  return typeof value === 'object' && value !== null ? fieldsOf(value) : value;
}

const isOneOf = (names: readonly string[], name: string) => names.includes(name);
