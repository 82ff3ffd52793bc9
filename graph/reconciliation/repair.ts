/** Repairs invariants that no command breaks, but a bug or a change by other means does (docs/reference/graph.md, 'Invariants' 1 and 3). */

import type { StreamKind } from '../../domain/events/event.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { WRITE_VERSION } from '../kernel/streams.ts';
import { openWallet } from '../wallet/wallet.ts';

// An index on two properties is used only if both are in the condition: hence seq.
const LAST_SEQ = `
  MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.seq > 0
  RETURN e.seq AS seq ORDER BY e.stream_id DESC, e.seq DESC LIMIT 1`;
/** What the reconciliation compares. */
type ReconciledKind = Extract<StreamKind, 'customer' | 'device'>;

/**
 * Sets the version of a stream's node to the `seq` of its last event. It appends no event, because the version counts
 * events.
 *
 * @returns whether it was wrong
 * @throws PersonaError customer_not_found, device_not_found
 */
export function repairVersion(
  graph: Graph,
  header: CommandHeader,
  stream: { kind: ReconciledKind; id: string },
): Promise<boolean> {
  const { kind, id } = stream;
  return runCommand(graph, header, 'repairVersion', stream, async (tx: CommandTx) => {
    const { version } = kind === 'customer' ? await tx.lockCustomer(id) : await tx.lockDevice(id);
    const [last] = await tx.read<{ seq: number }>(LAST_SEQ, { id });
    if (last === undefined || last.seq === version) return false;
    tx.send(WRITE_VERSION[kind], { id, version: last.seq });
    return true;
  });
}

/**
 * Sets the default that a wallet must have, and no other.
 *
 * @returns whether the wallet had a different one, none or several
 * @throws PersonaError customer_not_found
 */
export function repairDefault(
  graph: Graph,
  header: CommandHeader,
  input: { customer_id: string },
): Promise<boolean> {
  const { customer_id } = input;
  return runCommand(graph, header, 'repairDefault', input, async (tx) => {
    await tx.lockCustomer(customer_id);
    return (await openWallet(tx, customer_id)).repairDefault('reconciliation');
  });
}
