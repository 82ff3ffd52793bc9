/** E-mail addresses and phone numbers of an onboarding request, in every way that callers may write them. */

import { isBlocked } from './blocked-values.ts';
import type { FieldReader } from './checks.ts';
import { readOrEmpty, withoutAbsent } from './checks.ts';
import type { IdentifierDetails } from './onboarding-types.ts';

const MAX_IDENTIFIERS = 20;
/** RFC 5321: the longest address; no phone number is longer. */
const MAX_IDENTIFIER = 254;
const EMAIL_SHAPE = /^[^\s@]+@[^\s@]+\.[^\s@.]+$/;
const PHONE_SHAPE = /^\+?[\p{Nd}\s()./-]{5,40}$/u;

/**
 * The list, and what stands beside it: the specification allows `email` and `phone` 'as short forms', which callers
 * write as a type (`{type: 'phone', value}`), as an entry (`{phone: '+49…'}`), or at the top of the request. All are
 * read.
 */
export function readIdentifiers(fields: FieldReader): IdentifierDetails[] | undefined {
  const listed = fields
    .objects('digital_identifiers', MAX_IDENTIFIERS)
    .flatMap((entry) =>
      entry.has('type') || entry.has('value') ? [readIdentifier(entry)] : readShort(entry, true),
    );
  const all = [...listed, ...readShort(fields, false)];
  return all.length > 0 || fields.has('digital_identifiers') ? all : undefined;
}

function readIdentifier(fields: FieldReader): IdentifierDetails {
  const written = fields.requiredOneOf('type', ['email', 'phone_number', 'phone']);
  const type = written === 'phone' ? 'phone_number' : written;
  return withoutAbsent({
    type,
    value: readIdentifierValue(fields, 'value', type),
    is_verified: fields.boolean('is_verified'),
  });
}

function readShort(fields: FieldReader, required: boolean): IdentifierDetails[] {
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
    withoutAbsent({ type, value: readIdentifierValue(fields, field, type), is_verified: isVerified }),
  );
}

/** A placeholder (`null`, `anonymous`) is not refused: guests' checkouts send it, and it becomes no identifier. */
function readIdentifierValue(fields: FieldReader, field: string, type: IdentifierDetails['type']): string {
  const value = readOrEmpty(fields, field, { max: MAX_IDENTIFIER }).trim();
  if (isBlocked(type, value, [])) return value;
  if (type === 'email' && !EMAIL_SHAPE.test(value)) fields.refuse(field, 'must be an e-mail address');
  if (type === 'phone_number' && !PHONE_SHAPE.test(value)) fields.refuse(field, 'must be a phone number');
  return value;
}
