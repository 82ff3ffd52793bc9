/**
 * Onboarding: the data that a checkout sends about a customer, and the validation of its shape (docs/reference/interfaces.md,
 * 'OnboardingRequest'). Workflow-safe: identifiers are normalised elsewhere (`domain/identity.ts`).
 */

import { isCountry } from '../countries.ts';
import type { FieldReader, ValidationFailure } from '../validation.ts';
import { validate, EXTERNAL_ID, isRecord, omitUndefined } from '../validation.ts';
import {
  readAddress,
  readDevice,
  readMetadata,
  readPaymentMethod,
  readBehavioralSnapshot,
  TOKEN,
} from './fields.ts';
import { readIdentifiers } from './identifiers.ts';
import type { FormatRules, OnboardingRequest } from './types.ts';

/**
 * The normalised request (times in UTC, UUIDs in lower case, codes in upper case, identifiers in one list) without
 * unknown fields, or all problems. Only `transaction_id` and `occurred_at` are required, but each part that is present
 * must be complete: a card has a token, an address a country.
 * @param formats - further checks of an entry point; a workflow lacks the tables for them
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
 * A snapshot is validated twice, as an object at the entry point and as text in the workflow, and both must have the
 * same result: in the text, its measurements and ids would look like card numbers.
 */
function withParsedSnapshot(input: unknown): unknown {
  if (!isRecord(input) || typeof input.behavioral_data_snapshot !== 'string') return input;
  return { ...input, behavioral_data_snapshot: parseSnapshot(input.behavioral_data_snapshot) };
}

/**
 * Parses a JSON text, keeping all digits of its integers; returns any other text unchanged. A text nested more deeply
 * than the engine's stack allows is parsed without that, only to be refused for its depth.
 */
function parseSnapshot(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  const keepDigits = (_: string, value: unknown, { source = '' }: { source?: string }) =>
    typeof value === 'number' && /^-?\d+$/.test(source) ? source : value;
  try {
    return JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown);
  } catch (error) {
    return error instanceof RangeError ? JSON.parse(text) : text;
  }
}
