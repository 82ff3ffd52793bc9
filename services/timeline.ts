import { invalid } from '../domain/errors.ts';
import { getTimeline as readTimeline } from '../graph/index.ts';
import type { ServiceDeps } from './deps.ts';
import { readCursor, writeCursor } from './pages.ts';
import type { PageRequest } from './services.ts';
import type { Page, TimelineView } from './views.ts';

/**
 * A page of what happened to a customer, in words, the newest first.
 *
 * @throws PersonaError customer_not_found, invalid_argument (the cursor), graph_unavailable
 */
export async function getTimeline(
  { graph }: Pick<ServiceDeps, 'graph'>,
  { customer_id, limit, cursor }: PageRequest,
): Promise<Page<TimelineView>> {
  const before = cursor === undefined ? undefined : readPosition(cursor);
  // One more than asked for tells whether there is a next page.
  const found = await readTimeline(graph, { customer_id, limit: limit + 1, before });
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return found.length > limit && last !== undefined
    ? { items, next_cursor: writeCursor([String(last.seq)]) }
    : { items };
}

function readPosition(cursor: string): number {
  const [seq = '', ...more] = readCursor(cursor);
  if (!/^\d{1,15}$/.test(seq) || more.length > 0)
    throw invalid([{ field: 'cursor', message: 'must be the next_cursor of the page before' }]);
  return Number(seq);
}
