/**
 * Validation of untrusted input without a schema library, so that workflows may use it too: zod at the top of workflow
 * code multiplies the memory of every cached workflow. All problems are collected; the first never hides the rest.
 */

import type { ErrorType, FieldProblem } from './errors.ts';
import { findCardNumbersIn } from './pan.ts';

/** The reasons for refusing an input, each with the field's path. */
export interface ValidationFailure {
  ok: false;
  type: Extract<ErrorType, 'invalid_argument' | 'card_number_refused'>;
  problems: FieldProblem[];
}

export interface TextRule {
  /** Characters (code points). */
  max: number;
  pattern?: RegExp;
  /** Completes '<field> must …' in the error message for the pattern. */
  requirement?: string;
}

/** An id assigned by other systems: printable, 1–128 characters. */
export const EXTERNAL_ID: TextRule = {
  max: 128,
  pattern: /^[^\p{Cc}\p{Cs}]+$/u,
  requirement: 'not contain control characters',
};
/** Why a caller requests something; recorded in the event log. */
export const REASON: TextRule = {
  max: 1000,
  pattern: /^[^\p{Cc}\p{Cs}]*$/u,
  requirement: 'be a single line of text',
};
/** docs/reference/graph.md, `Obligation.payment_id`. */
export const PAYMENT_ID: TextRule = {
  max: 128,
  pattern: /^[A-Za-z0-9._-]+$/,
  requirement: 'consist of A–Z, a–z, 0–9, ".", "_" and "-"',
};
/** Far above any message here, and far below the depth at which JSON and Temporal's converter overflow. */
const MAX_DEPTH = 32;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const RFC_3339 =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/**
 * Reads the fields of one object. An absent field, `null` and an empty string are equivalent, because protobuf cannot
 * express absence in any other way. A required field that is missing or invalid reads as an empty value, and its problem
 * is added to `problems`: check it before using what was read.
 */
export class FieldReader {
  readonly problems: FieldProblem[];
  private readonly input: Readonly<Record<string, unknown>>;
  private readonly path: string;

  constructor(input: Readonly<Record<string, unknown>>, problems: FieldProblem[], path = '') {
    this.input = input;
    this.problems = problems;
    this.path = path;
  }

  text(field: string, rule: TextRule): string | undefined {
    const value = this.rawValue(field);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') return this.refuse(field, 'must be a string');
    if ([...value].length > rule.max) return this.refuse(field, `must have at most ${rule.max} characters`);
    if (rule.pattern && !rule.pattern.test(value))
      return this.refuse(field, `must ${rule.requirement ?? 'have a valid format'}`);
    return value;
  }

  requiredText(field: string, rule: TextRule): string {
    this.require(field);
    return this.text(field, rule) ?? '';
  }

  /** In lower case, as ids are stored. */
  uuid(field: string): string | undefined {
    const value = this.rawValue(field);
    if (value === undefined) return undefined;
    const id = typeof value === 'string' ? value.toLowerCase() : '';
    return UUID.test(id) ? id : this.refuse(field, 'must be a UUID');
  }

  requiredUuid(field: string): string {
    this.require(field);
    return this.uuid(field) ?? '';
  }

  oneOf<const T extends string>(field: string, allowed: readonly T[]): T | undefined {
    const value = this.rawValue(field);
    if (value === undefined) return undefined;
    return (
      allowed.find((item) => item === value) ?? this.refuse(field, `must be one of ${allowed.join(', ')}`)
    );
  }

  requiredOneOf<const T extends string>(field: string, allowed: readonly [T, ...T[]]): T {
    this.require(field);
    return this.oneOf(field, allowed) ?? allowed[0];
  }

  integer(field: string, min: number, max = Number.MAX_SAFE_INTEGER): number | undefined {
    const value = this.rawValue(field);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isSafeInteger(value))
      return this.refuse(field, 'must be an integer');
    if (value < min) return this.refuse(field, `must be at least ${min}`);
    if (value > max) return this.refuse(field, `must be at most ${max}`);
    return value;
  }

  requiredInteger(field: string, min: number, max?: number): number {
    this.require(field);
    return this.integer(field, min, max) ?? 0;
  }

  /** A number between two bounds, both included. */
  number(field: string, min: number, max: number): number | undefined {
    const value = this.rawValue(field);
    if (value === undefined) return undefined;
    const fits = typeof value === 'number' && value >= min && value <= max;
    return fits ? value : this.refuse(field, `must be a number from ${min} to ${max}`);
  }

  boolean(field: string): boolean | undefined {
    const value = this.rawValue(field);
    if (value === undefined) return undefined;
    return typeof value === 'boolean' ? value : this.refuse(field, 'must be true or false');
  }

  requiredBoolean(field: string): boolean {
    this.require(field);
    return this.boolean(field) ?? false;
  }

  /** Converts RFC 3339 to the same time in UTC with milliseconds, so that the strings sort by time. */
  requiredTimestamp(field: string): string {
    this.require(field);
    const value = this.rawValue(field);
    if (value === undefined) return '';
    const timestamp = typeof value === 'string' ? readTimestamp(value) : undefined;
    return timestamp ?? this.refuse(field, 'must be an RFC 3339 time, such as 2026-04-18T10:00:00Z') ?? '';
  }

  /** The fields of a nested object. */
  object(field: string): FieldReader | undefined {
    const value = this.rawValue(field);
    if (value === undefined) return undefined;
    return isRecord(value)
      ? new FieldReader(value, this.problems, this.pathOf(field))
      : this.refuse(field, 'must be an object');
  }

  /** The texts of a nested list. */
  texts(field: string, rule: TextRule, max: number): string[] {
    const value = this.rawValue(field) ?? [];
    if (!Array.isArray(value)) {
      this.refuse(field, 'must be a list');
      return [];
    }
    if (value.length > max) this.refuse(field, `must have at most ${max} entries`);
    const entries = Object.fromEntries(
      value.slice(0, max).map((item: unknown, index) => [`${field}[${index}]`, item]),
    );
    const reader = new FieldReader(entries, this.problems, this.path);
    return Object.keys(entries).map((entry) => reader.requiredText(entry, rule));
  }

  /** The objects of a nested list. */
  objects(field: string, max: number): FieldReader[] {
    const value = this.rawValue(field) ?? [];
    if (!Array.isArray(value)) {
      this.refuse(field, 'must be a list');
      return [];
    }
    if (value.length > max) this.refuse(field, `must have at most ${max} entries`);
    return value.slice(0, max).flatMap((item: unknown, index) => {
      const path = `${field}[${index}]`;
      if (isRecord(item)) return [new FieldReader(item, this.problems, this.pathOf(path))];
      this.refuse(path, 'must be an object');
      return [];
    });
  }

  /** Refuses fields that a resource shows but its owner cannot set; ignoring them would look like accepting them. */
  refuseReadOnly(names: readonly string[]): void {
    for (const name of names)
      if (this.rawValue(name) !== undefined) this.refuse(name, 'is read-only: Persona sets it');
  }

  has(field: string): boolean {
    return Object.hasOwn(this.input, field);
  }

  /** The value as received; `undefined` if it is absent, `null` or an empty string. */
  rawValue(field: string): unknown {
    const value = Object.hasOwn(this.input, field) ? this.input[field] : undefined;
    return value === null || value === '' ? undefined : value;
  }

  refuse(field: string, message: string): undefined {
    this.problems.push({ field: this.pathOf(field), message });
    return undefined;
  }

  private require(field: string): void {
    if (this.rawValue(field) === undefined) this.refuse(field, 'is required');
  }

  private pathOf(field: string): string {
    return this.path === '' ? field : `${this.path}.${field}`;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A field that is absent is a problem; one that is empty or `null` is not, since its sender had no value. */
export function readOrEmpty(fields: FieldReader, field: string, rule: TextRule): string {
  return fields.has(field) ? (fields.text(field, rule) ?? '') : fields.requiredText(field, rule);
}

/** Removes fields that are `undefined`, so that the same message has one JSON form, whatever its sender. */
export function omitUndefined<T extends object>(message: T): T {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined)) as T;
}

/**
 * Runs `read` over an input and returns what it read, or all problems. Every field is checked for card numbers, even
 * those that are not read: a message refused for one must not be stored.
 * @param searched - where card numbers are searched for, and as deeply nested as the input may be: the input, with JSON
 *   texts parsed
 */
export function validate<T>(
  input: unknown,
  read: (fields: FieldReader) => T,
  searched: unknown = input,
): { ok: true; value: T } | ValidationFailure {
  if (!isRecord(input))
    return { ok: false, type: 'invalid_argument', problems: [{ field: '', message: 'must be an object' }] };
  if (isDeeperThan(input, MAX_DEPTH) || isDeeperThan(searched, MAX_DEPTH)) {
    const problem = { field: '', message: `must not be nested deeper than ${MAX_DEPTH} levels` };
    return { ok: false, type: 'invalid_argument', problems: [problem] };
  }
  const problems: FieldProblem[] = [];
  const value = read(new FieldReader(input, problems));
  const cardFields = findCardNumbersIn(searched);
  const cardNumberProblems = cardFields.map((field) => ({
    field,
    message: 'must not contain a card number or security code',
  }));
  if (cardNumberProblems.length > 0) {
    const otherProblems = problems.filter(({ field }) => !cardFields.includes(field));
    return { ok: false, type: 'card_number_refused', problems: [...cardNumberProblems, ...otherProblems] };
  }
  return problems.length > 0 ? { ok: false, type: 'invalid_argument', problems } : { ok: true, value };
}

/** As `validate`, of a message: the result's name is what callers send on. */
export function validateMessage<T>(
  input: unknown,
  read: (fields: FieldReader) => T,
): { ok: true; message: T } | ValidationFailure {
  const checked = validate(input, read);
  return checked.ok ? { ok: true, message: checked.value } : checked;
}

/** Iterates by level instead of recursing: the input may be deeper than the engine's stack allows. */
function isDeeperThan(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= levels && level.length > 0; depth += 1)
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  return level.length > 0;
}

/** `undefined` unless the text is RFC 3339 with an existing date. */
export function readTimestamp(text: string): string | undefined {
  const upper = text.toUpperCase();
  const parts = RFC_3339.exec(upper);
  if (!parts) return undefined;
  const [, year, month, day] = parts.map(Number);
  // Engines parse 30 February as 2 March.
  const lastDay = new Date(Date.UTC(year ?? 0, month ?? 0, 0)).getUTCDate();
  if ((day ?? 0) > lastDay) return undefined;
  // An offset may lead outside the years that RFC 3339 can express.
  const timestamp = new Date(upper).toISOString();
  return RFC_3339.test(timestamp) ? timestamp : undefined;
}
