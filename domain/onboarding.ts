/**
 * Onboarding: what a checkout sends about a customer, and the checks of its shape (specification: interfaces, 'The two
 * objects'). Workflow-safe: identifiers are brought into their one form elsewhere (`domain/identity.ts`).
 */

import type { FieldReader, ValidationFailure } from './validation.ts';
import { validate, EXTERNAL_ID, isRecord, omitUndefined } from './validation.ts';
import { isCountry } from './countries.ts';
import {
  readAddress,
  readDevice,
  readMetadata,
  readPaymentMethod,
  readBehavioralSnapshot,
  TOKEN,
} from './onboarding-fields.ts';
import { readIdentifiers } from './onboarding-identifiers.ts';
import type { FormatRules, OnboardingRequest } from './onboarding-types.ts';

export type * from './onboarding-types.ts';

/**
 * The request with its forms unified (times in UTC, UUIDs in lower case, codes in capitals, identifiers in one list),
 * unknown fields left out; or every problem at once. Nothing but `transaction_id` and `occurred_at` is required, but
 * what is there must be whole: a card has a token, an address a country.
 * @param formats - what else an entrance asks; a workflow has no tables for it
 */
export function validateOnboarding(
  input: unknown,
  formats: FormatRules = {},
): { ok: true; request: OnboardingRequest } | ValidationFailure {
  const checked = validate(input, (fields) => readRequest(fields, formats), withParsedSnapshot(input));
  return checked.ok ? { ok: true, request: checked.value } : checked;
}

function readRequest(fields: FieldReader, formats: FormatRules): OnboardingRequest {
  const address_details = readIfPresent(fields.object('address_details'), readAddress);
  const country = isCountry(address_details?.country ?? '') ? address_details?.country : undefined;
  return omitUndefined({
    transaction_id: fields.requiredText('transaction_id', EXTERNAL_ID),
    customer_id: fields.uuid('customer_id'),
    gateway_customer_ref: fields.text('gateway_customer_ref', TOKEN),
    customer_metadata: readIfPresent(fields.object('customer_metadata'), (metadata) =>
      readMetadata(metadata, formats),
    ),
    payment_method_details: readIfPresent(fields.object('payment_method_details'), readPaymentMethod),
    device_details: readIfPresent(fields.object('device_details'), readDevice),
    address_details,
    digital_identifiers: readIdentifiers(fields, (type, value) => formats.identifier?.(type, value, country)),
    behavioral_data_snapshot: readBehavioralSnapshot(fields),
    occurred_at: fields.requiredTimestamp('occurred_at'),
  });
}

function readIfPresent<T>(fields: FieldReader | undefined, read: (fields: FieldReader) => T): T | undefined {
  return fields === undefined ? undefined : read(fields);
}

/**
 * A snapshot is checked twice, as an object at the door and as the text that the process is given, and must fare the
 * same: in the text its measurements and ids would look like card numbers.
 */
function withParsedSnapshot(input: unknown): unknown {
  if (!isRecord(input) || typeof input.behavioral_data_snapshot !== 'string') return input;
  return { ...input, behavioral_data_snapshot: parseSnapshot(input.behavioral_data_snapshot) };
}

/** What a JSON text says, its whole numbers with all their digits; any other text as it is. */
function parseSnapshot(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  const keepDigits = (_: string, value: unknown, { source = '' }: { source?: string }) =>
    typeof value === 'number' && /^-?\d+$/.test(source) ? source : value;
  try {
    return JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown);
  } catch {
    return text;
  }
}
