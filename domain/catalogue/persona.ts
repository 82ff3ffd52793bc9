/**
 * The personas of the ecosystem's agents: who Cerebrum, Chimera, Synapse, Oracle and their sub-agents are
 * (docs/reference/graph.md, 'The catalogue').
 */

import type { Policy } from '../policy.ts';
import { type FieldReader, REASON, type TextRule, validate, type ValidationFailure } from '../validation.ts';

/** What an operator writes. `null`: none. */
export interface PersonaContent {
  display_name: string;
  role: string;
  system_prompt: string;
  context: string | null;
  expertise: string[];
  response_format: string | null;
  persona_type: string;
}

export interface PersonaState extends PersonaContent {
  is_active: boolean;
}

/** The fields of `PersonaState`, in the order in which differences are listed. */
export const PERSONA_FIELDS = [
  'display_name',
  'role',
  'system_prompt',
  'context',
  'expertise',
  'response_format',
  'persona_type',
  'is_active',
] as const satisfies readonly (keyof PersonaState)[];

/** The types that exist without any policy. */
export const PERSONA_TYPES = [
  'standard',
  'enhanced-development',
  'meta-orchestration',
  'metrics-intelligence',
] as const;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A persona's name, which is also its stream's id. */
export const PERSONA_NAME: TextRule = {
  max: 100,
  pattern: /^[a-z0-9-]+$/,
  requirement: 'consist of a–z, 0–9 and "-"',
};
/** A configuration's key, which is also its stream's id: the dot distinguishes it from every persona's name. */
export const CONFIGURATION_KEY: TextRule = {
  max: 100,
  pattern: /^[a-z0-9-]+(\.[a-z0-9-]+)+$/,
  requirement: 'consist of at least two parts of a–z, 0–9 and "-", joined by dots, such as metrics.window',
};
/** Characters of a configuration's value in JSON. */
const MAX_VALUE = 16_000;

const LINE = { pattern: /^[^\p{Cc}\p{Cs}]+$/u, requirement: 'be a single line of text' };
const PARAGRAPHS = {
  // Besides line breaks and tabs, control characters have no meaning in a text.
  pattern: /^(?:[\n\r\t]|[^\p{Cc}\p{Cs}])*$/u,
  requirement: 'contain no control characters but line breaks and tabs',
};
const DISPLAY_NAME: TextRule = { max: 200, ...LINE };
const ROLE: TextRule = { max: 300, ...LINE };
const PROMPT: TextRule = { max: 32_000, ...PARAGRAPHS };
const FURTHER_TEXT: TextRule = { max: 16_000, ...PARAGRAPHS };
const EXPERTISE: TextRule = { max: 100, ...LINE };
const MAX_EXPERTISE = 50;
/** Of the whole content as JSON in UTF-8: with name and reason it fits into any request, whatever its script. */
const MAX_BYTES = 60_000;
/** What the catalogue sets, and shows with the content. */
const SET_BY_CATALOGUE = ['version', 'created_at', 'updated_at'];
const READ_ONLY = ['is_active', ...SET_BY_CATALOGUE];

/** A persona as an operator puts it. */
export interface PersonaInput {
  name: string;
  content: PersonaContent;
  reason: string | null;
}

/**
 * Reads an untrusted persona.
 * @param name where it is put; a name in the input must be the same. Absent: the input has it
 */
export function readPersona(
  input: unknown,
  policy: Pick<Policy, 'catalogue'>,
  name?: string,
): { ok: true; value: PersonaInput } | ValidationFailure {
  return validate(input, (fields) => {
    fields.refuseReadOnly(READ_ONLY);
    return readInput(fields, policy, name);
  });
}

/** A persona as a file has it. */
export interface PersonaEntry extends PersonaInput {
  /** Absent: as it is; a new one is active. */
  is_active?: boolean;
}

/** Reads an untrusted persona of a file, which says what the catalogue should be like. */
export function readPersonaEntry(
  input: unknown,
  policy: Pick<Policy, 'catalogue'>,
): { ok: true; value: PersonaEntry } | ValidationFailure {
  return validate(input, (fields) => {
    fields.refuseReadOnly(SET_BY_CATALOGUE);
    const is_active = fields.boolean('is_active');
    return { ...readInput(fields, policy), ...(is_active !== undefined && { is_active }) };
  });
}

function readInput(fields: FieldReader, policy: Pick<Policy, 'catalogue'>, name?: string): PersonaInput {
  const own = name === undefined || fields.has('name') ? fields.requiredText('name', PERSONA_NAME) : name;
  if (name !== undefined && own !== '' && own !== name) fields.refuse('name', `must be ${name}, or absent`);
  const placed = name ?? own;
  // Its stream could be that of a customer or a device.
  if (UUID.test(placed)) fields.refuse('name', 'must not be a UUID');
  const content = readContent(fields, policy);
  if (new TextEncoder().encode(JSON.stringify(content)).length > MAX_BYTES)
    fields.refuse('system_prompt', `must be shorter: all texts together may have ${MAX_BYTES} bytes`);
  return { name: placed, content, reason: readReason(fields) };
}

function readContent(fields: FieldReader, policy: Pick<Policy, 'catalogue'>): PersonaContent {
  const types = [...PERSONA_TYPES, ...policy.catalogue.additionalTypes];
  return {
    display_name: fields.requiredText('display_name', DISPLAY_NAME),
    role: fields.requiredText('role', ROLE),
    system_prompt: fields.requiredText('system_prompt', PROMPT),
    context: fields.text('context', FURTHER_TEXT) ?? null,
    expertise: fields.texts('expertise', EXPERTISE, MAX_EXPERTISE),
    response_format: fields.text('response_format', FURTHER_TEXT) ?? null,
    persona_type: fields.oneOf('persona_type', types) ?? 'standard',
  };
}

/** Reads an untrusted activation (`version`: of whose content) or deactivation. */
export function readActivation(
  input: unknown,
): { ok: true; value: { version: number | undefined; reason: string | null } } | ValidationFailure {
  return validate(input, (fields) => ({ version: fields.integer('version', 1), reason: readReason(fields) }));
}

/** Reads an untrusted configuration: any JSON but null. @param key where it is put */
export function readConfiguration(
  input: unknown,
  key: string,
): { ok: true; value: { key: string; value: string; reason: string | null } } | ValidationFailure {
  return validate(input, (fields) => {
    let isExact = true;
    const value =
      JSON.stringify(fields.rawValue('value'), (_, part: unknown) => {
        // As JSON it would be null.
        isExact &&= typeof part !== 'number' || Number.isFinite(part);
        return part;
      }) ?? '';
    if (value === '') fields.refuse('value', 'is required');
    if (!isExact) fields.refuse('value', 'must not have numbers beyond 1.8e308');
    if (value.length > MAX_VALUE) fields.refuse('value', `must have at most ${MAX_VALUE} characters of JSON`);
    return { key, value, reason: readReason(fields) };
  });
}

const readReason = (fields: FieldReader) => fields.text('reason', REASON) ?? null;

/** Whether two personas say the same. */
export function isSamePersona(a: PersonaContent, b: PersonaContent): boolean {
  return personaDifferences({ ...a, is_active: true }, { ...b, is_active: true }).length === 0;
}

export interface PersonaDifference {
  field: (typeof PERSONA_FIELDS)[number];
  from: unknown;
  to: unknown;
}

/** The fields in which two states differ. */
export function personaDifferences(from: PersonaState, to: PersonaState): PersonaDifference[] {
  return PERSONA_FIELDS.flatMap((field) => {
    const [before, after] = [from[field] ?? null, to[field] ?? null];
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ field, from: before, to: after }];
  });
}
