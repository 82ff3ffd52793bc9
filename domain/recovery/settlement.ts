/** What the payment is worth that a settlement names (specification: workflows 2, `paymentSettled`). */

import type { GatewayPayment } from '../ports.ts';
import { PAYMENT_CAME_BACK, PAYMENT_NOT_CANCELLABLE } from './status.ts';

/** Rule of a review: a settlement names a payment that cannot have settled this obligation. */
export const SETTLEMENT_MISMATCH = 'settlement_mismatch';

/**
 * Does a review by this rule stay when a settlement leads to another one? It says as much already, or that the obligation
 * is to end. Any other reason may pass, or be mended for many payments at once; the settlement only a person can judge.
 */
export function outranksSettlementReview(rule: string): boolean {
  return [SETTLEMENT_MISMATCH, PAYMENT_CAME_BACK, PAYMENT_NOT_CANCELLABLE].includes(rule);
}

/**
 * `word`: the reporter's word alone, because it names no payment, or none that our gateway knows. `paid`: the gateway
 * confirms it. `came_back`: it has succeeded, and was refunded, disputed or captured in part since. `not_paid`: the gateway knows the payment, and it has not succeeded. `of_another`: of another customer,
 * amount, currency or obligation.
 */
export type SettlementEvidence = 'word' | 'paid' | 'came_back' | 'not_paid' | 'of_another';

/** What an obligation asks of a payment; absent: not known yet. */
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

/** A payment that was charged so long before the failure was for something else: last month's, of the same amount. */
const MAX_CHARGE_AGE_MS = 86_400_000;

/** @param payment as the gateway has it now; `undefined`: none is named, or the gateway does not know it */
export function evidenceOf(
  payment: GatewayPayment | undefined,
  expected: ExpectedPayment,
): SettlementEvidence {
  if (payment === undefined) return 'word';
  if (!isOwn(payment, expected) && !matchesExpected(payment, expected)) return 'of_another';
  if (payment.state !== 'succeeded') return 'not_paid';
  return payment.came_back === undefined ? 'paid' : 'came_back';
}

/** Its customer may have had another reference when it was made. */
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

/** Metadata that name the obligation say more than its age. */
function isTooOld({ charged_at }: GatewayPayment, { opened_at }: ExpectedPayment): boolean {
  if (charged_at === undefined || opened_at === undefined) return false;
  return charged_at < Date.parse(opened_at) - MAX_CHARGE_AGE_MS;
}
