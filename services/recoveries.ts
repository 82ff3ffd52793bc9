import { PersonaError } from '../domain/errors.ts';
import { requireVisibleCustomer } from '../graph/index.ts';
import { getRecoveries as readRecoveries, getRecovery as readRecovery } from '../graph/recovery/index.ts';
import { queryRecovery } from '../temporal/workflow-client.ts';
import { firstPageOf, readTimeCursor, type Page, type PageRequest } from './pages.ts';
import { toRecoveryView } from './recovery-text.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { RecoveryView } from './views.ts';

/**
 * A recovery: from its process while that runs, otherwise from the graph, also long after it ended.
 *
 * @param ids.customer_id if given, the recovery must belong to this customer
 * @throws PersonaError recovery_not_found, graph_unavailable
 */
export async function getRecovery(
  { graph, temporal }: ServiceDependencies,
  { payment_id, customer_id }: { payment_id: string; customer_id?: string },
): Promise<RecoveryView> {
  const status = await readRecovery(graph, payment_id);
  if (
    status === undefined ||
    (customer_id !== undefined && status.customer_id !== customer_id) ||
    (await isHiddenCustomer(graph, status.customer_id))
  )
    // Without the id: what a caller sends in its place may be anything.
    throw new PersonaError('recovery_not_found', 'this payment has no recovery');
  const live = status.state === 'done' ? undefined : await queryRecovery(temporal, payment_id);
  return toRecoveryView({ ...(live ?? status), changed_seq: status.changed_seq });
}

/**
 * A page of a customer's recoveries, newest first.
 *
 * @throws PersonaError customer_not_found, invalid_argument (the cursor), graph_unavailable
 */
export async function getRecoveries(
  { graph }: ServiceDependencies,
  { customer_id, limit, cursor }: PageRequest,
): Promise<Page<RecoveryView>> {
  const before = cursor === undefined ? undefined : readRecoveryCursor(cursor);
  const [found] = await Promise.all([
    readRecoveries(graph, { customer_id, limit: limit + 1, before }),
    requireVisibleCustomer(graph, { customer_id }),
  ]);
  const recoveries = found.map(toRecoveryView);
  return firstPageOf(recoveries, ({ opened_at, payment_id }) => [opened_at, payment_id], limit);
}

function readRecoveryCursor(cursor: string): { opened_at: string; payment_id: string } {
  const { time, id } = readTimeCursor(cursor);
  return { opened_at: time, payment_id: id };
}

/** Erased, or being erased: their payments are unknown to every edge. */
async function isHiddenCustomer(graph: ServiceDependencies['graph'], customer_id: string): Promise<boolean> {
  return requireVisibleCustomer(graph, { customer_id }).then(
    () => false,
    (error: unknown) => {
      if (error instanceof PersonaError && error.type === 'customer_not_found') return true;
      throw error;
    },
  );
}
