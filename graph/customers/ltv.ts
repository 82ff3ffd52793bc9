import type { CommandTx, CustomerNode } from '../kernel/command-tx.ts';

/** A change of a customer's lifetime value: an addition, or a new total. Minor units of the reporting currency, ≥ 0. */
export type LtvChange = { add_minor: number } | { total_minor: number };

/**
 * Changes the lifetime value of a locked customer, as of the command's `occurredAt`. Of totals the newest is kept, in
 * whichever order they arrive; a payment from before it is part of it, and not added again.
 * @returns whether anything changed
 */
export function changeLtv(tx: CommandTx, customer: CustomerNode, change: LtvChange, reason: string): boolean {
  const { ltv_minor: before, ltv_observed_at = '' } = customer;
  const { occurredAt } = tx.header;
  if (occurredAt < ltv_observed_at) return false;
  const isTotal = 'total_minor' in change;
  const after = isTotal ? change.total_minor : before + change.add_minor;
  if (!isTotal && after === before) return false;
  tx.append({
    stream: 'customer',
    stream_id: customer.id,
    type: 'LtvAdjusted',
    data: {
      old_ltv_minor: before,
      new_ltv_minor: after,
      reason,
      ...(isTotal && { observed_at: occurredAt }),
    },
  });
  return true;
}
