import { PersonaError } from '../../domain/errors.ts';
import { isHidden } from '../../domain/erasure/visibility.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import type { Reader } from '../kernel/reader.ts';
import type { KnownOfPayment } from './refusal.ts';

// One statement, because it runs for each report that is accepted.
const READ = `
  MATCH (c:Customer {id: $customer_id})
  RETURN c.status AS status,
    head(COLLECT {
      MATCH (c)-[h:HAS_PAYMENT_METHOD]->(:PaymentMethod {id: $payment_method_id}) RETURN h.proven
    }) AS proven,
    head(COLLECT {
      MATCH (o:Obligation {payment_id: $payment_id})
      RETURN {customer_id: o.customer_id, amount: o.amount, currency: o.currency}
    }) AS obligation`;

interface Row {
  status: string;
  proven: boolean | null;
  obligation: { customer_id: string; amount: number | null; currency: string | null } | null;
}

/**
 * What the graph knows about the payment and the method of a reported failure.
 * @throws PersonaError customer_not_found, also if the customer is being erased
 */
export async function readReportedFailure(
  reader: Reader,
  { customer_id, payment_method_id, payment_id }: PaymentFailed,
): Promise<KnownOfPayment> {
  const [row] = await reader.read<Row>(READ, { customer_id, payment_method_id, payment_id });
  if (row === undefined || isHidden(row.status))
    throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
  const { proven, obligation } = row;
  return {
    isMethodProven: proven === true,
    ...(obligation && {
      obligation: {
        customer_id: obligation.customer_id,
        ...(obligation.amount !== null && { amount: obligation.amount }),
        ...(obligation.currency !== null && { currency: obligation.currency }),
      },
    }),
  };
}
