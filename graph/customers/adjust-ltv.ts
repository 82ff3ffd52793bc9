import { validationError } from '../../domain/errors.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { Graph } from '../graph.ts';

/** A change of a customer's lifetime value: an addition, or a new total. */
export type LtvChange = { add_minor: number } | { total_minor: number };

/**
 * Changes a customer's lifetime value, once per event of a caller. Additions apply in any order; of totals the newest
 * is kept, in whichever order they arrive.
 * @param header.occurredAt when the value was determined
 * @param input.event_id the event's id at its caller
 * @throws PersonaError invalid_argument (a negative amount), customer_not_found, idempotency_key_reused
 */
export async function adjustLtv(
  graph: Graph,
  header: Omit<CommandHeader, 'idempotencyKey'>,
  input: { customer_id: string; event_id: string; reason: string; change: LtvChange },
): Promise<{ changed: boolean; ltv_minor: number; version: number }> {
  const { customer_id, event_id, reason, change } = input;
  const [field, amount] = Object.entries(change)[0] ?? ['', Number.NaN];
  if (!Number.isSafeInteger(amount) || amount < 0)
    throw validationError([{ field, message: 'must be an integer of minor units, at least 0' }]);
  const keyedHeader = { ...header, idempotencyKey: `ltv:${event_id}` };
  return runCommand(graph, keyedHeader, 'adjustLtv', input, async (tx) => {
    const { ltv_minor: before, ltv_observed_at = '' } = await tx.lockCustomer(customer_id);
    const { occurredAt } = tx.header;
    const isTotal = 'total_minor' in change;
    const after = isTotal ? change.total_minor : before + change.add_minor;
    const isOlder = isTotal && occurredAt < ltv_observed_at;
    const changed = !isOlder && (isTotal || after !== before);
    if (changed) {
      const observation = isTotal ? { observed_at: occurredAt } : {};
      tx.append({
        stream: 'customer',
        stream_id: customer_id,
        type: 'LtvAdjusted',
        data: { old_ltv_minor: before, new_ltv_minor: after, reason, ...observation },
      });
    }
    return { changed, ltv_minor: changed ? after : before, version: tx.versionOf(customer_id) };
  });
}
