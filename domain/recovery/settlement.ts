/** Evaluates the payment that a settlement names (docs/reference/workflows.md, 'Settlements and external payments'). */

import type { GatewayPayment } from '../ports.ts';
import { PAYMENT_REVERSED, PAYMENT_NOT_CANCELLABLE } from './status.ts';

/** Rule of a review: a settlement names a payment that cannot have settled this obligation. */
export const SETTLEMENT_MISMATCH = 'settlement_mismatch';

/**
 * Whether a review by this rule remains when a settlement would set another one. It already says as much, or that the
 * obligation is ending. Any other cause may pass or be fixed for many payments together; a settlement needs an operator.
 */
export function outranksSettlementReview(rule: string): boolean {
  return [SETTLEMENT_MISMATCH, PAYMENT_REVERSED, PAYMENT_NOT_CANCELLABLE].includes(rule);
}

/**
 * `word`: only the reporter's claim, because it names no payment, or none that the gateway knows. `paid`: the gateway
 * confirms it. `reversed`: it succeeded and was refunded, disputed or partly captured since. `not_paid`: the gateway
 * knows the payment, and it has not succeeded. `of_another`: of another customer, amount, currency or obligation.
 */
export type SettlementEvidence = 'word' | 'paid' | 'reversed' | 'not_paid' | 'of_another';

/** The properties that an obligation's payment must have; absent: not known yet. */
export interface ExpectedPayment {
  payment_id: string;
  /** Minor units. */
  amount?: number;
  currency?: string;
  /** The obligation's own payment. */
  gateway_ref?: string;
  gateway_customer_ref?: string;
  /** When its failure opened it, RFC 3339. */
  opened_at?: string;
}

/** A payment charged this long before the failure was for something else: last month's, with the same amount. */
const MAX_CHARGE_AGE_MS = 86_400_000;

/** @param payment as the gateway has it now; `undefined`: none is named, or it is unknown at the gateway */
export function evidenceOf(
  payment: GatewayPayment | undefined,
  expected: ExpectedPayment,
): SettlementEvidence {
  if (payment === undefined) return 'word';
  if (!isOwn(payment, expected) && !matchesExpected(payment, expected)) return 'of_another';
  if (payment.state !== 'succeeded') return 'not_paid';
  return payment.reversal === undefined ? 'paid' : 'reversed';
}

/** Its customer may have had another reference when it was created. */
function isOwn(payment: GatewayPayment, { gateway_ref }: ExpectedPayment): boolean {
  return payment.gateway_ref === gateway_ref;
}

function matchesExpected(payment: GatewayPayment, expected: ExpectedPayment): boolean {
  const namesObligation = payment.payment_id === expected.payment_id;
  // A payment link may charge a guest: then the metadata must name the obligation.
  const customer = payment.gateway_customer_ref;
  const isSameCustomer =
    customer === undefined ? namesObligation : customer === expected.gateway_customer_ref;
  return (
    isSameCustomer &&
    (payment.payment_id === undefined || namesObligation) &&
    (expected.amount === undefined || payment.amount === expected.amount) &&
    (expected.currency === undefined || payment.currency.toUpperCase() === expected.currency) &&
    (namesObligation || !isTooOld(payment, expected))
  );
}

/** Metadata that names the obligation outweighs the age. */
function isTooOld({ charged_at }: GatewayPayment, { opened_at }: ExpectedPayment): boolean {
  if (charged_at === undefined || opened_at === undefined) return false;
  return charged_at < Date.parse(opened_at) - MAX_CHARGE_AGE_MS;
}
