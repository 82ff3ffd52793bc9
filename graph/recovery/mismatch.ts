import type { FieldProblem } from '../../domain/errors.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import type { ObligationNode } from './records.ts';

/** Which field of a report says something else than what is known of its payment. */
export function mismatch(
  obligation: Pick<ObligationNode, 'customer_id' | 'amount' | 'currency'>,
  failure: PaymentFailed,
): FieldProblem | undefined {
  if (obligation.customer_id !== failure.customer_id) {
    return { field: 'customer_id', message: 'is not the customer who owes this payment' };
  }
  if (obligation.amount !== undefined && obligation.amount !== failure.amount) {
    return { field: 'amount', message: `must be ${obligation.amount}, as it is known of this payment` };
  }
  if (obligation.currency !== undefined && obligation.currency !== failure.currency) {
    return { field: 'currency', message: `must be ${obligation.currency}, as it is known of this payment` };
  }
  return undefined;
}
