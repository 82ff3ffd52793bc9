/** The default payment method of a customer (docs/reference/graph.md, 'Default and consent'). */

import { PersonaError } from './errors.ts';
import type { PaymentMethodStatus } from './payment-method.ts';
import { isQuarantined, type Mismatch } from './reconciliation/mismatches.ts';

/** The properties by which the default is selected. */
export interface DefaultCandidate {
  payment_method_id: string;
  status: PaymentMethodStatus;
  proven: boolean;
  /** A charge on it is disputed. */
  disputed?: boolean;
  /** How the gateway's data differ. */
  gateway_mismatch?: Mismatch | null;
  is_default: boolean;
  off_session_consent: boolean;
  /** RFC 3339 in UTC, all with the same number of digits: they compare as text. */
  last_used: string;
}

/** Whether a method is eligible as the default. */
export function mayBeDefault(
  method: Pick<DefaultCandidate, 'status' | 'proven' | 'disputed' | 'gateway_mismatch'>,
): boolean {
  return method.status === 'active' && method.proven && method.disputed !== true && !isQuarantined(method);
}

/**
 * Selects the default: the current one while it is eligible, else the most recently used eligible method, with consent
 * before without, ties by id; `null` if none is eligible.
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

/** Whether the wallet's only default is the one that it should have. */
export function hasCorrectDefault(methods: readonly DefaultCandidate[]): boolean {
  const expected = selectDefault(methods);
  return methods.every((method) => method.is_default === (method.payment_method_id === expected));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Prefix of the reason of a default that was chosen, not set by a rule: a recovery does not replace it. */
const CHOSEN_BY = 'chosen by ';

/** The reason of a default that the customer or a service chose. */
export function chosenBy(chooser: string): string {
  return `${CHOSEN_BY}${chooser}`;
}

/** Who chose a default, by the reason in its event; `undefined`: a rule set it. */
export function chooserOf(reason: string): string | undefined {
  return reason.startsWith(CHOSEN_BY) ? reason.slice(CHOSEN_BY.length) : undefined;
}

/** Consent source: revoked by the card network or the bank, or by the end of the mandate. */
export const NETWORK_REVOCATION = 'network_revocation';

/** @throws PersonaError illegal_transition: this source cannot give consent to the method */
export function assertConsentAllowed(
  method: { payment_method_id: string; proven: boolean; consent_source: string | null },
  source: string,
): void {
  const { payment_method_id: id } = method;
  // Otherwise another person's card would be charged for this customer once the identifier is verified.
  if (!method.proven) {
    throw new PersonaError(
      'illegal_transition',
      `payment method ${id} cannot have consent: it is not proven to belong to the customer`,
    );
  }
  if (!mayConsent(method, source)) {
    throw new PersonaError(
      'illegal_transition',
      `payment method ${id} cannot have consent from this source: it was revoked and only the customer can give it again`,
    );
  }
}

/** Whether this source may give consent. Once revoked, only the customer can give it again (decline codes). */
export function mayConsent(method: { consent_source: string | null }, source: string): boolean {
  return method.consent_source !== NETWORK_REVOCATION || source === 'customer';
}
