/** Readers for the parts of an onboarding request, each validated on its own. */

import type { FieldReader, TextRule } from './validation.ts';
import { readOrEmpty, omitUndefined } from './validation.ts';
import { isCountry } from './countries.ts';
import { isIpAddress } from './ip-address.ts';
import type {
  AddressDetails,
  CustomerMetadata,
  DeviceDetails,
  FormatRules,
  PaymentMethodDetails,
} from './onboarding-types.ts';
import { PAYMENT_METHOD_TYPES } from './payment-method.ts';

const LONG_TEXT: TextRule = { max: 200, pattern: /^\P{Cc}*$/u, requirement: 'be a single line of text' };
export const SHORT_TEXT: TextRule = {
  max: 64,
  pattern: /^\P{Cc}*$/u,
  requirement: 'be a single line of text',
};
export const TOKEN: TextRule = {
  max: 255,
  pattern: /^[\x21-\x7e]+$/,
  requirement: 'be printable ASCII without spaces',
};
const FINGERPRINT: TextRule = { max: 512, pattern: /^\P{Cc}*$/u, requirement: 'be a single line of text' };
const USER_AGENT: TextRule = { max: 1024, pattern: /^\P{Cc}*$/u, requirement: 'be a single line of text' };
export const SEGMENT: TextRule = {
  max: 64,
  pattern: /^[A-Za-z0-9_]+$/,
  requirement: 'consist of A–Z, 0–9 and "_"',
};
export const LOCALE: TextRule = {
  max: 35,
  pattern: /^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$/,
  requirement: 'be a language tag such as de-DE',
};
const LAST_FOUR: TextRule = { max: 4, pattern: /^\d{4}$/, requirement: 'be four digits' };
const DECIMAL = /^\d{1,12}(\.\d{1,4})?$/;
/** The range of expiry years of cards in use. */
const FIRST_YEAR = 2000;
const LAST_YEAR = 2099;

export function readMetadata(fields: FieldReader, formats: FormatRules): CustomerMetadata {
  return omitUndefined({
    segment: fields.text('segment', SEGMENT)?.toUpperCase(),
    locale: fields.text('locale', LOCALE)?.replaceAll('_', '-'),
    ltv: readDecimal(fields, 'ltv', formats),
  });
}

/** A card's expiry date: month and year, or neither. */
export function readExpiry(fields: FieldReader): Pick<PaymentMethodDetails, 'expiry_month' | 'expiry_year'> {
  for (const [one, other] of [
    ['expiry_month', 'expiry_year'],
    ['expiry_year', 'expiry_month'],
  ] as const) {
    if (fields.rawValue(one) !== undefined && fields.rawValue(other) === undefined)
      fields.refuse(other, `is required with ${one}`);
  }
  return {
    expiry_month: fields.integer('expiry_month', 1, 12),
    expiry_year: fields.integer('expiry_year', FIRST_YEAR, LAST_YEAR),
  };
}

export function readPaymentMethod(fields: FieldReader): PaymentMethodDetails {
  return omitUndefined({
    type: fields.requiredOneOf('type', PAYMENT_METHOD_TYPES),
    token: fields.requiredText('token', TOKEN),
    brand: fields.text('brand', SHORT_TEXT),
    network: fields.text('network', SHORT_TEXT)?.toLowerCase(),
    last_four: fields.text('last_four', LAST_FOUR),
    ...readExpiry(fields),
    instrument_fingerprint: fields.text('instrument_fingerprint', TOKEN),
    off_session_consent: fields.boolean('off_session_consent'),
    consent_source: fields.text('consent_source', SHORT_TEXT),
  });
}

export function readDevice(fields: FieldReader): DeviceDetails {
  const ip = fields.text('ip', SHORT_TEXT);
  if (ip !== undefined && !isIpAddress(ip)) fields.refuse('ip', 'must be an IPv4 or IPv6 address');
  return omitUndefined({
    fingerprint: readOrEmpty(fields, 'fingerprint', FINGERPRINT),
    ip,
    user_agent: fields.text('user_agent', USER_AGENT),
    trust_score: fields.number('trust_score', 0, 1),
  });
}

export function readAddress(fields: FieldReader): AddressDetails {
  const country = fields.requiredText('country', SHORT_TEXT).toUpperCase();
  if (country !== '' && !isCountry(country))
    fields.refuse('country', 'must be an ISO 3166-1 alpha-2 country code');
  return omitUndefined({
    street1: fields.requiredText('street1', LONG_TEXT),
    street2: fields.text('street2', LONG_TEXT),
    city: fields.requiredText('city', LONG_TEXT),
    state: fields.text('state', SHORT_TEXT),
    zip_code: fields.requiredText('zip_code', SHORT_TEXT),
    country,
    type: fields.requiredOneOf('type', ['shipping', 'billing']),
    is_verified: fields.boolean('is_verified'),
  });
}

function readDecimal(fields: FieldReader, field: string, formats: FormatRules): string | undefined {
  const value = fields.rawValue(field);
  if (value === undefined) return undefined;
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  if (!DECIMAL.test(text)) return fields.refuse(field, 'must be a non-negative amount, such as 1250.00');
  const problem = formats.ltv?.(text);
  return problem === undefined ? text : fields.refuse(field, problem);
}

export function readBehavioralSnapshot(fields: FieldReader): string | undefined {
  const value = fields.rawValue('behavioral_data_snapshot');
  if (value === undefined || typeof value === 'string') return value;
  if (typeof value === 'object') return JSON.stringify(value);
  return fields.refuse('behavioral_data_snapshot', 'must be a string or an object');
}
