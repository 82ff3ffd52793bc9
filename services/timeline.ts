import { getTimeline as readTimeline } from '../graph/index.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import { firstPageOf, readCursor, refuseCursor } from './pages.ts';
import type { PageRequest } from './services.ts';
import type { Page, TimelineView } from './views.ts';

/**
 * A page of a customer's events in plain words, newest first.
 *
 * @throws PersonaError customer_not_found, invalid_argument (the cursor), graph_unavailable
 */
export async function getTimeline(
  { graph }: Pick<ServiceDependencies, 'graph'>,
  { customer_id, limit, cursor }: PageRequest,
): Promise<Page<TimelineView>> {
  const before = cursor === undefined ? undefined : readTimelineCursor(cursor);
  const found = await readTimeline(graph, { customer_id, limit: limit + 1, before });
  return firstPageOf(found, ({ seq }) => [String(seq)], limit);
}

function readTimelineCursor(cursor: string): number {
  const [seq = '', ...more] = readCursor(cursor);
  return /^\d{1,15}$/.test(seq) && more.length === 0 ? Number(seq) : refuseCursor();
}
