/** E-mail addresses and phone numbers of an onboarding request, in every form that callers may use. */

import { isBlocked } from '../blocked-values.ts';
import type { FieldReader } from '../validation.ts';
import { readOrEmpty, omitUndefined } from '../validation.ts';
import type { IdentifierDetails } from './types.ts';

type Type = IdentifierDetails['type'];
/** A further problem of a value with a valid shape; `undefined`: none. */
type ValidateValue = (type: Type, value: string) => string | undefined;

const LIST = 'digital_identifiers';
export const MAX_IDENTIFIERS = 20;
/** RFC 5321: the longest address; no phone number is longer. */
const MAX_IDENTIFIER = 254;
const EMAIL_SHAPE = /^[^\s@]+@[^\s@]+\.[^\s@.]+$/;
const PHONE_SHAPE = /^[\p{Cf}\s(]*[+＋]?[\p{Nd}\p{Cf}\p{Pd}\s()./]{5,40}$/u;

/**
 * Reads the list and the short forms next to it: `email` and `phone` are short forms (docs/reference/interfaces.md, 'OnboardingRequest'), which
 * callers write as a type (`{type: 'phone', value}`), as an entry (`{phone: '+49…'}`), or at the top level of the
 * request. All are accepted.
 */
export function readIdentifiers(
  fields: FieldReader,
  validateValue: ValidateValue,
): IdentifierDetails[] | undefined {
  const listed = fields
    .objects(LIST, MAX_IDENTIFIERS)
    .flatMap((entry) =>
      entry.has('type') || entry.has('value')
        ? [readIdentifier(entry, validateValue)]
        : readShortForm(entry, true, validateValue),
    );
  const all = [...listed, ...readShortForm(fields, false, validateValue)];
  const hasTooMany = all.length > MAX_IDENTIFIERS && !fields.problems.some(({ field }) => field === LIST);
  if (hasTooMany)
    fields.refuse(LIST, `must have at most ${MAX_IDENTIFIERS} entries, including the short forms`);
  return all.length > 0 || fields.has(LIST) ? all : undefined;
}

function readIdentifier(fields: FieldReader, validateValue: ValidateValue): IdentifierDetails {
  const rawType = fields.requiredOneOf('type', ['email', 'phone_number', 'phone']);
  const type = rawType === 'phone' ? 'phone_number' : rawType;
  return omitUndefined({
    type,
    value: readIdentifierValue(fields, 'value', type, validateValue),
    is_verified: fields.boolean('is_verified'),
  });
}

function readShortForm(
  fields: FieldReader,
  required: boolean,
  validateValue: ValidateValue,
): IdentifierDetails[] {
  const found = (
    [
      ['email', 'email'],
      ['phone', 'phone_number'],
    ] as const
  ).filter(([field]) => fields.has(field));
  if (found.length === 0 && required) {
    fields.refuse('type', 'is required');
    fields.refuse('value', 'is required');
  }
  const isVerified = required ? fields.boolean('is_verified') : undefined;
  return found.map(([field, type]) =>
    omitUndefined({
      type,
      value: readIdentifierValue(fields, field, type, validateValue),
      is_verified: isVerified,
    }),
  );
}

/** A placeholder (`null`, `anonymous`) is not refused: guest checkouts send it, and no identifier is created for it. */
export function readIdentifierValue(
  fields: FieldReader,
  field: string,
  type: Type,
  validateValue: ValidateValue,
): string {
  const value = readOrEmpty(fields, field, { max: MAX_IDENTIFIER }).trim();
  if (isBlocked(type, value, [])) return value;
  const problem = shapeProblem(type, value) ?? validateValue(type, value);
  if (problem !== undefined) fields.refuse(field, problem);
  return value;
}

function shapeProblem(type: Type, value: string): string | undefined {
  if (type === 'email') return EMAIL_SHAPE.test(value) ? undefined : 'must be an e-mail address';
  return PHONE_SHAPE.test(value) ? undefined : 'must be a phone number';
}
