/** How far the comparison with the gateway has come: it outlives Temporal's data. Exempt from the event log, like receipts. */

import type { Pass } from '../../domain/reconciliation/pace.ts';
import { type CommandHeader, runCommand } from '../command.ts';
import type { Graph, Reader } from '../graph.ts';

const READ =
  'MATCH (r:Reconciliation {id: $id}) RETURN r.began_at AS began_at, r.after AS after, r.done AS done';
const WRITE = `
  MERGE (r:Reconciliation {id: $id})
  SET r.began_at = $began_at, r.after = $after, r.done = $done, r.until = $until`;
const READ_UNTIL = 'MATCH (r:Reconciliation {id: $id}) RETURN r.until AS until';

/** `undefined`: none has begun. */
export async function getPass(reader: Reader): Promise<Pass | undefined> {
  const [pass] = await reader.read<Pass>(READ, { id: 'wallets' });
  return pass;
}

/** Until when charges have been compared, epoch milliseconds; `undefined`: never. */
export async function getComparedUntil(reader: Reader): Promise<number | undefined> {
  const [row] = await reader.read<{ until: number }>(READ_UNTIL, { id: 'charges' });
  return row?.until;
}

export async function keepPass(graph: Graph, header: CommandHeader, pass: Pass): Promise<void> {
  await keep(graph, header, { id: 'wallets', ...pass, until: null });
}

export async function keepComparedUntil(graph: Graph, header: CommandHeader, until: number): Promise<void> {
  await keep(graph, header, { id: 'charges', began_at: null, after: null, done: null, until });
}

async function keep(graph: Graph, header: CommandHeader, state: Record<string, unknown>): Promise<void> {
  await runCommand(graph, header, 'keepReconciliation', state, async (tx) => {
    tx.forget();
    tx.send(WRITE, { ...state });
  });
}
