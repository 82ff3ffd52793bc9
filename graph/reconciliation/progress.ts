/** The progress of the reconciliation, which outlives Temporal's data. Exempt from the event log, like receipts. */

import type { Pass } from '../../domain/reconciliation/pace.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader } from '../kernel/reader.ts';

const READ =
  'MATCH (r:Reconciliation {id: $id}) RETURN r.began_at AS began_at, r.after AS after, r.done AS done';
const WRITE = `
  MERGE (r:Reconciliation {id: $id})
  SET r.began_at = $began_at, r.after = $after, r.done = $done, r.until = $until`;
const READ_UNTIL = 'MATCH (r:Reconciliation {id: $id}) RETURN r.until AS until';

/** `undefined`: none has started. */
export async function getPass(reader: Reader): Promise<Pass | undefined> {
  const [pass] = await reader.read<Pass>(READ, { id: 'wallets' });
  return pass;
}

/** The time until which charges have been compared, epoch milliseconds; `undefined`: never. */
export async function getComparedUntil(reader: Reader): Promise<number | undefined> {
  const [row] = await reader.read<{ until: number }>(READ_UNTIL, { id: 'charges' });
  return row?.until;
}

export async function savePass(graph: Graph, header: CommandHeader, pass: Pass): Promise<void> {
  await saveProgress(graph, header, 'savePass', { id: 'wallets', ...pass, until: null });
}

export async function saveComparedUntil(graph: Graph, header: CommandHeader, until: number): Promise<void> {
  const state = { id: 'charges', began_at: null, after: null, done: null, until };
  await saveProgress(graph, header, 'saveComparedUntil', state);
}

/** A charge for one of Persona's obligations that was being processed when it was compared. */
export interface PendingCharge {
  charge_ref: string;
  /** Epoch milliseconds. */
  made_at: number;
}

// Found by the common prefix of their ids, with the constraint's index.
const PENDING = 'pending:';
const SAVE_PENDING = 'MERGE (r:Reconciliation {id: $id}) SET r.made_at = $made_at';
const READ_PENDING = `
  MATCH (r:Reconciliation) WHERE r.id STARTS WITH $prefix
  RETURN substring(r.id, size($prefix)) AS charge_ref, r.made_at AS made_at ORDER BY made_at, charge_ref LIMIT $limit`;
const DELETE_PENDING = 'MATCH (r:Reconciliation {id: $id}) DELETE r';

/** Oldest first. */
export function getPendingCharges(reader: Reader, input: { limit: number }): Promise<PendingCharge[]> {
  return reader.read<PendingCharge>(READ_PENDING, { prefix: PENDING, ...input });
}

/** Stores a charge to be compared again: a later comparison by creation time would not find it. */
export async function savePendingCharge(
  graph: Graph,
  header: CommandHeader,
  { charge_ref, made_at }: PendingCharge,
): Promise<void> {
  await write(graph, header, 'savePendingCharge', SAVE_PENDING, { id: PENDING + charge_ref, made_at });
}

export async function deletePendingCharge(
  graph: Graph,
  header: CommandHeader,
  { charge_ref }: Pick<PendingCharge, 'charge_ref'>,
): Promise<void> {
  await write(graph, header, 'deletePendingCharge', DELETE_PENDING, { id: PENDING + charge_ref });
}

async function saveProgress(
  graph: Graph,
  header: CommandHeader,
  name: string,
  state: Record<string, unknown>,
): Promise<void> {
  await write(graph, header, name, WRITE, state);
}

async function write(
  graph: Graph,
  header: CommandHeader,
  name: string,
  cypher: string,
  state: Record<string, unknown>,
): Promise<void> {
  await runCommand(graph, header, name, state, async (tx) => {
    tx.discardReceipt();
    tx.send(cypher, { ...state });
  });
}
