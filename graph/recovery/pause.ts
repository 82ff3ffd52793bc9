import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { Graph } from '../graph.ts';
import { lockObligation } from './read-obligation.ts';
import { isClosed } from './records.ts';

/**
 * Stores that an operator has paused or resumed a recovery, for a run that takes over. A closed one is left unchanged.
 * @throws PersonaError recovery_not_found
 */
export function setRecoveryPaused(
  graph: Graph,
  header: CommandHeader,
  { payment_id, paused }: { payment_id: string; paused: boolean },
): Promise<void> {
  return runCommand(graph, header, 'setRecoveryPaused', { payment_id, paused }, async (tx) => {
    const { obligation } = await lockObligation(tx, payment_id);
    if (isClosed(obligation) || (obligation.paused ?? false) === paused) return;
    tx.append({
      stream: 'customer',
      stream_id: obligation.customer_id,
      type: 'NodePropertyChanged',
      data: { label: 'Obligation', id: payment_id, property: 'paused', value: paused ? true : null },
    });
  });
}
