import type { ErrorType, FieldProblem } from '../../domain/errors.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import type { ObligationNode } from './records.ts';

/** How far clocks of other systems may run ahead; a later time would make every genuine report look older. */
export const CLOCK_SKEW_MS = 10 * 60_000;

/** What the graph knows about a payment that is reported as failed. */
export interface KnownOfPayment {
  /** The named method is this customer's, and proven to be. */
  readonly isMethodProven: boolean;
  /** Absent: the payment is unknown. */
  readonly obligation?: Pick<ObligationNode, 'customer_id' | 'amount' | 'currency'> | undefined;
}

/**
 * Why a report of a failure is refused, and nothing of it written: its method is not, or not proven to be, this
 * customer's; it contradicts the known customer, amount or currency of the payment; or it lies in the future.
 *
 * @param now epoch milliseconds
 */
export function refusalOf(
  failure: PaymentFailed,
  { isMethodProven, obligation }: KnownOfPayment,
  now: number,
): { type: ErrorType; problem: FieldProblem } | undefined {
  // An unproven method was added under an identity that was merely claimed: it must not make the real customer pay.
  if (!isMethodProven) {
    const problem = { field: 'payment_method_id', message: 'must be a payment method of this customer' };
    return { type: 'payment_method_not_found', problem };
  }
  if (Date.parse(failure.occurred_at) > now + CLOCK_SKEW_MS) {
    return {
      type: 'invalid_argument',
      problem: { field: 'occurred_at', message: 'must not be in the future' },
    };
  }
  const problem = obligation && mismatch(obligation, failure);
  return problem && { type: 'obligation_mismatch', problem };
}

function mismatch(
  obligation: Pick<ObligationNode, 'customer_id' | 'amount' | 'currency'>,
  failure: PaymentFailed,
): FieldProblem | undefined {
  if (obligation.customer_id !== failure.customer_id) {
    return { field: 'customer_id', message: 'must be the customer who owes this payment' };
  }
  if (obligation.amount !== undefined && obligation.amount !== failure.amount) {
    return { field: 'amount', message: `must be ${obligation.amount}, the known amount of this payment` };
  }
  if (obligation.currency !== undefined && obligation.currency !== failure.currency) {
    return {
      field: 'currency',
      message: `must be ${obligation.currency}, the known currency of this payment`,
    };
  }
  return undefined;
}
