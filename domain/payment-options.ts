import { isExpired, type PaymentMethodStatus } from './payment-method.ts';
import { isQuarantined, type Mismatch } from './reconciliation/mismatches.ts';

/**
 * Whether a customer who is present at a checkout may pay with a method (docs/reference/interfaces.md, 'Checkout').
 * Consent is not required: it is for charges without the customer. Nor does a dispute count: the charge of a method that
 * is disputed for fraud makes it `compromised`, and any other dispute is about one purchase.
 *
 * @param method.expires_on `YYYY-MM-DD`; `null`: it does not expire
 * @param now epoch milliseconds
 */
export function isPaymentOption(
  method: {
    status: PaymentMethodStatus;
    proven: boolean;
    removed_at: string | null;
    expires_on: string | null;
    gateway_mismatch: Mismatch | null;
  },
  now: number,
): boolean {
  return (
    method.status === 'active' &&
    method.proven &&
    method.removed_at === null &&
    !isQuarantined(method) &&
    (method.expires_on === null || !isExpired(method.expires_on, now))
  );
}
