/** What other systems report about a payment. */

import { randomUUID } from 'node:crypto';
import type { PaymentFailed, PaymentSettled } from '../../domain/recovery/messages.ts';

/** A recurring payment of 49.00 USD failed just now. */
export const paymentFailed = (
  details: Pick<PaymentFailed, 'customer_id' | 'payment_method_id'> & Partial<PaymentFailed>,
): PaymentFailed => ({
  event_id: randomUUID(),
  payment_id: `invoice-${randomUUID()}`,
  amount: 4900,
  currency: 'USD',
  kind: 'recurring',
  occurred_at: new Date().toISOString(),
  decline_code: 'insufficient_funds',
  ...details,
});

/** A payment was settled just now. */
export const paymentSettled = (
  details: Pick<PaymentSettled, 'payment_id' | 'customer_id'> & Partial<PaymentSettled>,
): PaymentSettled => ({ event_id: randomUUID(), settled_at: new Date().toISOString(), ...details });
