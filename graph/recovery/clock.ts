import type { CommandHeader } from '../kernel/command-header.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { lockObligation } from './read-obligation.ts';
import { isClosed } from './records.ts';

/**
 * Stores the state of a recovery's clock, for a run that takes over and for notices that name the day. The clock of a
 * closed obligation is left unchanged.
 *
 * @param input.closes_at when the window ends if the clock runs on, and `stopped_at` since when it is stopped: RFC 3339
 * @throws PersonaError recovery_not_found
 */
export function storeClock(
  graph: Graph,
  header: CommandHeader,
  input: { payment_id: string; closes_at: string; stopped_at?: string },
): Promise<void> {
  return runCommand(graph, header, 'storeClock', input, async (tx) => {
    const { payment_id: id, closes_at, stopped_at = null } = input;
    const { obligation } = await lockObligation(tx, id);
    if (isClosed(obligation)) return;
    const event = {
      stream: 'customer',
      stream_id: obligation.customer_id,
      type: 'NodePropertyChanged',
    } as const;
    const common = { label: 'Obligation', id } as const;
    if (obligation.closes_at !== closes_at) {
      tx.append({ ...event, data: { ...common, property: 'closes_at', value: closes_at } });
    }
    if ((obligation.clock_stopped_at ?? null) !== stopped_at) {
      tx.append({ ...event, data: { ...common, property: 'clock_stopped_at', value: stopped_at } });
    }
  });
}
