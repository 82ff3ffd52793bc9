import type { CustomerStatus } from '../../domain/events/customer.ts';
import { PersonaError } from '../../domain/errors.ts';
import { workflowCaller, WorkflowName } from '../../domain/workflow-contracts.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { getOpenObligations } from '../recovery/queries.ts';
import { readErasureSubject } from './erasures.ts';

/** Who requests a step, for the event's actor. */
export type ErasureRequester = Pick<CommandHeader, 'actor' | 'correlationId'>;

const HIDDEN = `
  MATCH (e:Erasure {id: $erasure_id})
  SET e.status_before = $status, e.hidden_at = datetime($now)`;
const STATE = 'MATCH (e:Erasure {id: $erasure_id}) RETURN e.state AS state';
const STATUS_BEFORE = 'MATCH (e:Erasure {id: $erasure_id}) RETURN e.status_before AS status';
const TAKEN_BACK = `
  MATCH (e:Erasure {id: $erasure_id})
  SET e.state = 'cancelled', e.finished_at = datetime($now)
  REMOVE e.customer_id, e.waiting_for, e.status_before`;

/** A step acts once however often it is run: its key is the erasure's. */
const headerOf = (graph: Graph, key: string, { actor, correlationId }: ErasureRequester): CommandHeader => ({
  ...{ caller: workflowCaller(WorkflowName.eraseCustomer), idempotencyKey: key, actor, correlationId },
  occurredAt: new Date(graph.now()).toISOString(),
});

/**
 * From now on every edge answers as for an unknown id, unless the erasure was taken back meanwhile.
 * @returns the payments whose open recoveries are to be cancelled
 * @throws PersonaError customer_not_found, graph_unavailable
 */
export async function hideCustomer(
  graph: Graph,
  { erasure_id, customer_id, by }: { erasure_id: string; customer_id: string; by: ErasureRequester },
): Promise<string[]> {
  const header = headerOf(graph, `erasure:${erasure_id}:hide`, by);
  await runCommand(graph, header, 'hideCustomer', { erasure_id }, async (tx) => {
    const { status } = await tx.lockCustomer(customer_id);
    if (status === 'erasing') return null;
    // Taken back since the caller has read it: nothing would make the customer visible again.
    const [erasure] = await tx.read<{ state: string }>(STATE, { erasure_id });
    if (erasure?.state !== 'running') return null;
    tx.append({
      stream: 'customer',
      stream_id: customer_id,
      type: 'CustomerStatusChanged',
      data: { old_status: status, new_status: 'erasing', reason: 'erasure requested' },
    });
    tx.send(HIDDEN, { erasure_id, status, now: tx.recordedAt });
    return null;
  });
  return getOpenObligations(graph, customer_id);
}

/**
 * Takes an erasure back before anything is settled: the customer is as before.
 * @throws PersonaError erasure_not_found; illegal_transition: it has gone further
 */
export async function takeBackErasure(
  graph: Graph,
  { erasure_id, by }: { erasure_id: string; by: ErasureRequester },
): Promise<void> {
  const { customer_id, done_at, state } = await readErasureSubject(graph, erasure_id);
  if (customer_id === undefined || state !== 'running' || done_at.settled !== undefined)
    throw new PersonaError('illegal_transition', 'this erasure can no longer be taken back');
  const header = headerOf(graph, `erasure:${erasure_id}:take-back`, by);
  await runCommand(graph, header, 'takeBackErasure', { erasure_id }, async (tx) => {
    const customer = await tx.lockCustomer(customer_id);
    // Read again under the lock that every step takes.
    const again = await readErasureSubject(tx, erasure_id);
    if (again.state !== 'running' || again.done_at.settled !== undefined)
      throw new PersonaError('illegal_transition', 'this erasure can no longer be taken back');
    const [row] = await tx.read<{ status: CustomerStatus | null }>(STATUS_BEFORE, { erasure_id });
    if (customer.status === 'erasing')
      tx.append({
        stream: 'customer',
        stream_id: customer_id,
        type: 'CustomerStatusChanged',
        data: { old_status: 'erasing', new_status: row?.status ?? 'active', reason: 'erasure taken back' },
      });
    tx.send(TAKEN_BACK, { erasure_id, now: tx.recordedAt });
    return null;
  });
}

/**
 * The last event of the customer's stream, by which other agents learn to delete what they have.
 * @throws PersonaError customer_not_found, graph_unavailable
 */
export async function announceErasure(
  graph: Graph,
  { erasure_id, customer_id }: { erasure_id: string; customer_id: string },
): Promise<void> {
  const by = { actor: 'persona', correlationId: erasure_id };
  const header = headerOf(graph, `erasure:${erasure_id}:announce`, by);
  await runCommand(graph, header, 'announceErasure', { erasure_id }, async (tx) => {
    await tx.lockCustomer(customer_id);
    tx.append({ stream: 'customer', stream_id: customer_id, type: 'ErasureAnnounced', data: {} });
    return null;
  });
}
