/**
 * Onboarding: what a checkout sends about a customer, and the checks of its shape (specification: interfaces, 'The two
 * objects'). Workflow-safe: identifiers are brought into their one form elsewhere (`domain/identity.ts`).
 */

import type { FieldReader, Refused } from './checks.ts';
import { check, FOREIGN_ID, isRecord, withoutAbsent } from './checks.ts';
import { isCountry } from './countries.ts';
import {
  readAddress,
  readDevice,
  readMetadata,
  readPaymentMethod,
  readSnapshot,
  TOKEN,
} from './onboarding-fields.ts';
import { readIdentifiers } from './onboarding-identifiers.ts';
import type { FormRules, OnboardingRequest } from './onboarding-types.ts';

export type * from './onboarding-types.ts';

/**
 * The request with its forms unified (times in UTC, UUIDs in lower case, codes in capitals, identifiers in one list),
 * unknown fields left out; or every problem at once. Nothing but `transaction_id` and `occurred_at` is required, but
 * what is there must be whole: a card has a token, an address a country.
 * @param forms - what else an entrance asks; a workflow has no tables for it
 */
export function validateOnboarding(
  input: unknown,
  forms: FormRules = {},
): { ok: true; request: OnboardingRequest } | Refused {
  const checked = check(input, (fields) => readRequest(fields, forms), withSnapshotOpened(input));
  return checked.ok ? { ok: true, request: checked.value } : checked;
}

function readRequest(fields: FieldReader, forms: FormRules): OnboardingRequest {
  const address_details = whole(fields.object('address_details'), readAddress);
  const country = isCountry(address_details?.country ?? '') ? address_details?.country : undefined;
  return withoutAbsent({
    transaction_id: fields.requiredText('transaction_id', FOREIGN_ID),
    customer_id: fields.uuid('customer_id'),
    gateway_customer_ref: fields.text('gateway_customer_ref', TOKEN),
    customer_metadata: whole(fields.object('customer_metadata'), (metadata) => readMetadata(metadata, forms)),
    payment_method_details: whole(fields.object('payment_method_details'), readPaymentMethod),
    device_details: whole(fields.object('device_details'), readDevice),
    address_details,
    digital_identifiers: readIdentifiers(fields, (type, value) => forms.identifier?.(type, value, country)),
    behavioral_data_snapshot: readSnapshot(fields),
    occurred_at: fields.requiredTimestamp('occurred_at'),
  });
}

function whole<T>(fields: FieldReader | undefined, read: (fields: FieldReader) => T): T | undefined {
  return fields === undefined ? undefined : read(fields);
}

/**
 * A snapshot is checked twice, as an object at the door and as the text that the process is given, and must fare the
 * same: in the text its measurements and ids would look like card numbers.
 */
function withSnapshotOpened(input: unknown): unknown {
  if (!isRecord(input) || typeof input.behavioral_data_snapshot !== 'string') return input;
  return { ...input, behavioral_data_snapshot: opened(input.behavioral_data_snapshot) };
}

/** What a JSON text says, its whole numbers with all their digits; any other text as it is. */
function opened(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  const digits = (_: string, value: unknown, { source = '' }: { source?: string }) =>
    typeof value === 'number' && /^-?\d+$/.test(source) ? source : value;
  try {
    return JSON.parse(text, digits as (key: string, value: unknown) => unknown);
  } catch {
    return text;
  }
}
