/** Changes of a payment method: which part is sent to the gateway, and when consent takes effect. */

import { validationError, PersonaError } from './errors.ts';
import { readExpiry } from './onboarding/fields.ts';
import { expiresOn, isExpired, type PaymentMethodStatus, type PaymentMethodType } from './payment-method.ts';
import { validate, type ValidationFailure, omitUndefined } from './validation.ts';
import { assertConsentAllowed } from './wallet.ts';

/** Absent: unchanged. Month and year are given together. */
export interface MethodChange {
  expiry_month?: number;
  expiry_year?: number;
  off_session_consent?: boolean;
}

/** The properties of a method that decide whether a change is allowed. */
export interface ChangeableMethod {
  payment_method_id: string;
  type: PaymentMethodType;
  status: PaymentMethodStatus;
  proven: boolean;
  consent_source: string | null;
}

export interface ChangePlan {
  /** The expiry date to set at the gateway: `YYYY-MM`. */
  expiry?: string;
  /** Consent to be written before anything else. */
  consent_now?: boolean;
  /** Consent is given once the gateway has accepted the new date. */
  consent_afterwards?: true;
}

/** Reads an untrusted change. */
export function readMethodChange(input: unknown): { ok: true; value: MethodChange } | ValidationFailure {
  return validate(input, (fields) => {
    const change = omitUndefined({
      ...readExpiry(fields),
      off_session_consent: fields.boolean('off_session_consent'),
    });
    if (Object.keys(change).length === 0 && fields.problems.length === 0)
      fields.refuse('', 'must contain expiry_month and expiry_year, off_session_consent, or all three');
    return change;
  });
}

/**
 * Withdrawn consent takes effect immediately, whatever becomes of the other changes; consent that is given together with
 * a new date applies to the card with that date.
 *
 * @param source who gives or withdraws consent
 * @param now epoch milliseconds
 * @throws PersonaError invalid_argument (a date in the past, or a method without one), illegal_transition (the method is
 *   being verified, or consent is not allowed)
 */
export function planChange(
  method: ChangeableMethod,
  change: MethodChange,
  { source, now }: { source: string; now: number },
): ChangePlan {
  const { off_session_consent: consent } = change;
  if (consent === true) assertConsentAllowed(method, source);
  const expiry = requestedExpiry(method, change, now);
  if (expiry === undefined) return consent === undefined ? {} : { consent_now: consent };
  if (consent === undefined) return { expiry };
  return consent ? { expiry, consent_afterwards: true } : { expiry, consent_now: false };
}

function requestedExpiry(
  { payment_method_id, type, status }: ChangeableMethod,
  { expiry_month, expiry_year }: MethodChange,
  now: number,
): string | undefined {
  if (expiry_month === undefined || expiry_year === undefined) return undefined;
  if (type === 'bank_account')
    throw validationError([{ field: 'expiry_month', message: 'a bank account has no expiry date' }]);
  const lastDay = expiresOn(expiry_month, expiry_year);
  if (isExpired(lastDay, now))
    throw validationError([{ field: 'expiry_year', message: 'must not be in the past' }]);
  if (status === 'unverified')
    throw new PersonaError(
      'illegal_transition',
      `payment method ${payment_method_id} is being verified and can be changed once it is active`,
    );
  return lastDay.slice(0, 'YYYY-MM'.length);
}

/** Splits a `YYYY-MM` into the gateway's parameters. */
export function parseExpiry(yearMonth: string): { expiry_month: number; expiry_year: number } {
  const [year, month] = yearMonth.split('-').map(Number);
  return { expiry_month: month ?? 0, expiry_year: year ?? 0 };
}

/** A change takes seconds; one that is older than this waits for the gateway, or its run was lost. */
const CHANGE_GRACE_MS = 3_600_000;

/**
 * Whether a requested expiry date is overdue at the gateway.
 * @param now epoch milliseconds
 */
export function isExpiryUpdateOverdue(
  { expiry_wanted_at: at }: { expiry_wanted_at: string | null },
  now: number,
): boolean {
  return at !== null && now - Date.parse(at) >= CHANGE_GRACE_MS;
}

/**
 * Whether a method that was removed here is to be detached at the gateway. Not if it was added again meanwhile, or is no
 * longer attached to this customer: another system detached it, and it may belong to another customer by now.
 */
export function shouldDetach(
  method: { removed_at: string | null } | undefined,
  owner: { gateway_customer_ref?: string },
  found: { gateway_customer_ref?: string } | undefined,
): boolean {
  if (method === undefined || method.removed_at === null) return false;
  const { gateway_customer_ref: holder } = found ?? {};
  return holder !== undefined && holder === owner.gateway_customer_ref;
}
