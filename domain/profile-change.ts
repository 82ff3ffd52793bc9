/** What customers change about themselves, and what is stated about their identifiers. */

import { isBlocked } from './blocked-values.ts';
import { LOCALE } from './onboarding/fields.ts';
import { MAX_IDENTIFIERS, readIdentifierValue } from './onboarding/identifiers.ts';
import type { FormatRules, IdentifierDetails } from './onboarding/types.ts';
import {
  type FieldReader,
  omitUndefined,
  type TextRule,
  validate,
  type ValidationFailure,
} from './validation.ts';

/** Absent: unchanged. */
export interface ProfileChange {
  locale?: string;
  /** The complete list. */
  identifiers?: Pick<IdentifierDetails, 'type' | 'value'>[];
}

/** The other fields of a profile, and those of its customer that services see (docs/reference/interfaces.md, 'Shapes of responses'). */
const READ_ONLY = [
  ...['customer_id', 'segment', 'status', 'ltv', 'ltv_currency', 'is_vip', 'acquisition_date'],
  ...['behavioral_profile_ref', 'gateway_customer_ref', 'payment_method_count', 'device_count'],
  ...['version', 'changed_seq'],
];
/** A customer who could set `is_verified` would prove every address of others to be their own. */
const READ_ONLY_IN_IDENTIFIERS = ['identifier_id', 'is_verified', 'linked_at'];

/**
 * Reads an untrusted change of a profile by its customer.
 * @param formats - further checks of an entry point
 */
export function readProfileChange(
  input: unknown,
  formats: FormatRules,
): { ok: true; value: ProfileChange } | ValidationFailure {
  return validate(input, (fields) => {
    fields.refuseReadOnly(READ_ONLY);
    const change = omitUndefined({
      locale: fields.text('locale', LOCALE)?.replaceAll('_', '-'),
      identifiers: readIdentifiers(fields, formats),
    });
    if (Object.keys(change).length === 0 && fields.problems.length === 0)
      fields.refuse('', 'must contain locale, identifiers, or both');
    return change;
  });
}

function readIdentifiers(fields: FieldReader, formats: FormatRules): ProfileChange['identifiers'] {
  if (fields.rawValue('identifiers') === undefined) return undefined;
  return fields.objects('identifiers', MAX_IDENTIFIERS).map((entry) => {
    entry.refuseReadOnly(READ_ONLY_IN_IDENTIFIERS);
    const type = entry.requiredOneOf('type', ['email', 'phone_number']);
    const value = readIdentifierValue(entry, 'value', type, (_, text) =>
      formats.identifier?.(type, text, undefined),
    );
    const isPlaceholder = isBlocked(type, value, []) && entry.has('value');
    if (isPlaceholder) entry.refuse('value', 'must not be a placeholder or blocked value');
    return { type, value };
  });
}

const EVIDENCE: TextRule = {
  max: 1000,
  pattern: /^[^\p{Cc}\p{Cs}]+$/u,
  requirement: 'be a single line of text',
};

/** Reads an untrusted statement that an identifier is verified. */
export function readIdentifierVerification(
  input: unknown,
): { ok: true; value: { evidence: string } } | ValidationFailure {
  return validate(input, (fields) => ({ evidence: fields.requiredText('evidence', EVIDENCE) }));
}
