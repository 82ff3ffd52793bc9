import { PersonaError } from '../domain/errors.ts';
import { getEventDetails, getTimeline as readTimeline } from '../graph/index.ts';
import { firstPageOf, type Page, type PageRequest, readCursor, refuseCursor } from './pages.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { EventView, TimelineView } from './views.ts';

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

/**
 * One event with all that its customer may see of it.
 *
 * @param request.seq its position in the customer's stream, from 1
 * @throws PersonaError customer_not_found, event_not_found, graph_unavailable
 */
export async function getTimelineEvent(
  { graph }: Pick<ServiceDependencies, 'graph'>,
  { customer_id, seq }: { customer_id: string; seq: number },
): Promise<EventView> {
  const [found] = await getEventDetails(graph, { customer_id, after: seq - 1, limit: 1 });
  if (found?.seq === seq) return found;
  throw new PersonaError('event_not_found', `customer ${customer_id} has no event ${seq}`);
}

function readTimelineCursor(cursor: string): number {
  const [seq = '', ...more] = readCursor(cursor);
  return /^\d{1,15}$/.test(seq) && more.length === 0 ? Number(seq) : refuseCursor();
}
