/** What a customer changes of a payment method: which part the gateway is asked for, and when consent counts. */

import { validate, type ValidationFailure, omitUndefined } from './validation.ts';
import { validationError, PersonaError } from './errors.ts';
import { readExpiry } from './onboarding-fields.ts';
import { expiresOn, isExpired, type PaymentMethodStatus, type PaymentMethodType } from './payment-method.ts';
import { assertConsentAllowed } from './wallet.ts';

/** Absent: as it is. Month and year come together. */
export interface MethodChange {
  expiry_month?: number;
  expiry_year?: number;
  off_session_consent?: boolean;
}

/** What decides whether a method may be changed so. */
export interface ChangeableMethod {
  payment_method_id: string;
  type: PaymentMethodType;
  status: PaymentMethodStatus;
  proven: boolean;
  consent_source: string | null;
}

export interface ChangePlan {
  /** The gateway is to give the card this date: `YYYY-MM`. */
  expiry?: string;
  /** To be written before anything else. */
  consent_now?: boolean;
  /** Consent that is given with the new date, once the gateway has taken it. */
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
      fields.refuse('', 'must change expiry_month and expiry_year, off_session_consent, or all of them');
    return change;
  });
}

/**
 * Consent that is withdrawn counts at once, whatever becomes of the rest; consent that is given with a new date is given
 * to the card with that date.
 *
 * @param source whose consent it is
 * @param now epoch milliseconds
 * @throws PersonaError invalid_argument (a date that is over, or of what has none), illegal_transition (it is being
 *   verified; it can have no consent)
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
    throw validationError([{ field: 'expiry_year', message: 'must be of a date that is not over' }]);
  if (status === 'unverified')
    throw new PersonaError(
      'illegal_transition',
      `payment method ${payment_method_id} is being verified: change it once it is active`,
    );
  return lastDay.slice(0, 'YYYY-MM'.length);
}

/** A `YYYY-MM` as the gateway is asked for it. */
export function parseExpiry(yearMonth: string): { expiry_month: number; expiry_year: number } {
  const [year, month] = yearMonth.split('-').map(Number);
  return { expiry_month: month ?? 0, expiry_year: year ?? 0 };
}

/** A change is made within seconds; one that is not by then waits for the gateway, or its run was lost. */
const CHANGE_GRACE_MS = 3_600_000;

/**
 * Is a date still wanted that the gateway should have had long ago?
 * @param now epoch milliseconds
 */
export function isExpiryChangeOverdue(
  { expiry_wanted_at: at }: { expiry_wanted_at: string | null },
  now: number,
): boolean {
  return at !== null && now - Date.parse(at) >= CHANGE_GRACE_MS;
}

/**
 * What is to be done at the gateway with a method that was removed here. Nothing if it has come back meanwhile, or if it
 * is not attached to this customer any more: somebody else detached it, and it may be another customer's by now.
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
