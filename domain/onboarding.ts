/**
 * Onboarding: what a checkout sends about a customer, and the checks of its shape (specification: interfaces, 'The two
 * objects'). Workflow-safe: identifiers are brought into their one form elsewhere (`domain/identity.ts`).
 */

import type { FieldReader, Refused } from './checks.ts';
import { check, FOREIGN_ID, withoutAbsent } from './checks.ts';
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
import type { IdentifierDetails, OnboardingRequest } from './onboarding-types.ts';

export type * from './onboarding-types.ts';

/** What an entrance also asks of the forms (`domain/onboarding-forms.ts`): each gives a problem, `undefined` is none. */
export interface FormRules {
  /** @param country - of the request's address, if it is one */
  identifier?(
    type: IdentifierDetails['type'],
    value: string,
    country: string | undefined,
  ): string | undefined;
  ltv?(amount: string): string | undefined;
}

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
  const checked = check(input, (fields) => readRequest(fields, forms));
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
