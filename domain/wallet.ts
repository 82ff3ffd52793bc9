/** The default payment method of a customer (specification: graph, invariant 1). */

import { PersonaError } from './errors.ts';
import type { PaymentMethodStatus } from './payment-method.ts';
import { isQuarantined, type Mismatch } from './reconciliation/mismatches.ts';

/** What decides whether a method may be the default, and which one is next. */
export interface DefaultCandidate {
  payment_method_id: string;
  status: PaymentMethodStatus;
  proven: boolean;
  /** A charge on it is contested. */
  disputed?: boolean;
  /** What the gateway has differently. */
  gateway_mismatch?: Mismatch | null;
  is_default: boolean;
  off_session_consent: boolean;
  /** RFC 3339 in UTC, all with the same number of digits: they compare as text. */
  last_used: string;
}

/** May it be the default at all? */
export function mayBeDefault(
  method: Pick<DefaultCandidate, 'status' | 'proven' | 'disputed' | 'gateway_mismatch'>,
): boolean {
  return method.status === 'active' && method.proven && method.disputed !== true && !isQuarantined(method);
}

/**
 * Which method has to be the default now: the present one while it may be, else the most recently used that may be,
 * one with consent before one without, ties by id; `null` when none may be.
 */
export function selectDefault(methods: readonly DefaultCandidate[]): string | null {
  const eligible = methods.filter(mayBeDefault);
  const current = eligible.find((method) => method.is_default);
  if (current !== undefined) return current.payment_method_id;
  const [next] = eligible.sort(
    (a, b) =>
      Number(b.off_session_consent) - Number(a.off_session_consent) ||
      compare(b.last_used, a.last_used) ||
      compare(a.payment_method_id, b.payment_method_id),
  );
  return next?.payment_method_id ?? null;
}

/** Has the wallet the default that it has to have, and no other one? */
export function hasCorrectDefault(methods: readonly DefaultCandidate[]): boolean {
  const expected = selectDefault(methods);
  return methods.every((method) => method.is_default === (method.payment_method_id === expected));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** How the reason of a default begins that was chosen, and set by no rule: a recovery leaves it as it is. */
const CHOSEN_BY = 'chosen by ';

/** The reason of a default that the customer or a service has chosen. */
export function chosenBy(chooser: string): string {
  return `${CHOSEN_BY}${chooser}`;
}

/** Who chose a default, by the reason in its event; `undefined`: a rule set it. */
export function chooserOf(reason: string): string | undefined {
  return reason.startsWith(CHOSEN_BY) ? reason.slice(CHOSEN_BY.length) : undefined;
}

/** Whose word withdrew a consent: the card network's, the bank's, or the mandate's end. */
export const NETWORK_REVOCATION = 'network_revocation';

/**
 * @throws PersonaError illegal_transition: this source can give no consent to the method
 */
export function assertConsentAllowed(
  method: { payment_method_id: string; proven: boolean; consent_source: string | null },
  source: string,
): void {
  const { payment_method_id: id } = method;
  // Once its identifier is verified, a stranger's card would be charged for this customer.
  if (!method.proven) {
    throw new PersonaError(
      'illegal_transition',
      `payment method ${id} can have no consent: it is not proven to be the customer’s`,
    );
  }
  if (!mayConsent(method, source)) {
    throw new PersonaError(
      'illegal_transition',
      `payment method ${id} can have no consent but the customer’s own: it was revoked`,
    );
  }
}

/** May this source give consent? One that was revoked returns only by the customer's own act (decline codes). */
export function mayConsent(method: { consent_source: string | null }, source: string): boolean {
  return method.consent_source !== NETWORK_REVOCATION || source === 'customer';
}
