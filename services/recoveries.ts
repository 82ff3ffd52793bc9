import { invalid, PersonaError } from '../domain/errors.ts';
import { getGatewayCustomer } from '../graph/index.ts';
import { getRecoveries as readRecoveries, getRecovery as readRecovery } from '../graph/recovery/index.ts';
import { askRecovery } from '../temporal/starts.ts';
import type { ServiceDeps } from './deps.ts';
import { readCursor, writeCursor } from './pages.ts';
import { toRecoveryView } from './recovery-text.ts';
import type { PageRequest } from './services.ts';
import type { Page, RecoveryView } from './views.ts';

/**
 * A recovery: while it runs, as its process tells of itself; otherwise, and long after, as the graph knows it.
 *
 * @param ids.customer_id only this customer's
 * @throws PersonaError recovery_not_found, graph_unavailable
 */
export async function getRecovery(
  { graph, temporal }: ServiceDeps,
  { payment_id, customer_id }: { payment_id: string; customer_id?: string },
): Promise<RecoveryView> {
  const status = await readRecovery(graph, payment_id);
  if (status === undefined || (customer_id !== undefined && status.customer_id !== customer_id))
    throw new PersonaError('recovery_not_found', `there is no recovery of payment ${payment_id}`);
  const live = status.state === 'done' ? undefined : await askRecovery(temporal, payment_id);
  return toRecoveryView(live ?? status);
}

/**
 * A page of a customer's recoveries, the newest first.
 *
 * @throws PersonaError customer_not_found, invalid_argument (the cursor), graph_unavailable
 */
export async function getRecoveries(
  { graph }: ServiceDeps,
  { customer_id, limit, cursor }: PageRequest,
): Promise<Page<RecoveryView>> {
  const before = cursor === undefined ? undefined : readPosition(cursor);
  const [found] = await Promise.all([
    // One more than asked for tells whether there is a next page.
    readRecoveries(graph, { customer_id, limit: limit + 1, before }),
    getGatewayCustomer(graph, { customer_id }),
  ]);
  const items = found.slice(0, limit).map(toRecoveryView);
  const last = items.at(-1);
  return found.length > limit && last !== undefined
    ? { items, next_cursor: writeCursor([last.opened_at, last.payment_id]) }
    : { items };
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;

function readPosition(cursor: string): { opened_at: string; payment_id: string } {
  const [opened_at = '', payment_id = ''] = readCursor(cursor);
  // Only what the graph takes for a time, too.
  if (!ISO_TIME.test(opened_at) || Number.isNaN(Date.parse(opened_at)))
    throw invalid([{ field: 'cursor', message: 'must be the next_cursor of the page before' }]);
  return { opened_at, payment_id };
}
