import type { Contest } from '../domain/contests.ts';
import { PersonaError, validationError } from '../domain/errors.ts';
import { REASON, validate } from '../domain/validation.ts';
import { contestEvent as contest, getContests as readContests } from '../graph/index.ts';
import { startContest } from '../temporal/workflow-client.ts';
import type { Caller } from './caller.ts';
import { firstPageOf, type Page, type PageRequest, readCursor, refuseCursor } from './pages.ts';
import { requestHeader } from './request-header.ts';
import type { ServiceDependencies } from './service-dependencies.ts';

/**
 * Contests one of the customer's events, and starts the process that awaits a decision. If Temporal is away, the sweep
 * starts it later: the contest is in the graph.
 *
 * @param request.body untrusted: `{reason}`
 * @throws PersonaError invalid_argument, card_number_refused, idempotency_key_required, idempotency_key_reused,
 *   customer_not_found, event_not_found, event_not_contestable, contest_exists, graph_unavailable
 */
export async function contestEvent(
  { graph, temporal }: Pick<ServiceDependencies, 'graph' | 'temporal'>,
  caller: Caller,
  { customer_id, seq, body }: { customer_id: string; seq: number; body: unknown },
): Promise<{ contest_id: string }> {
  const read = validate(body, (fields) => ({ reason: fields.requiredText('reason', REASON) }));
  if (!read.ok) throw validationError(read.problems, read.type);
  const { reason } = read.value;
  const result = await contest(graph, requestHeader(caller), { customer_id, seq, reason });
  await startContest(temporal, result.contest_id).catch(ignoreOutage);
  return result;
}

function ignoreOutage(error: unknown): void {
  const isOutage =
    error instanceof PersonaError && /^(temporal_unavailable|deadline_exceeded)$/.test(error.type);
  if (!isOutage) throw error;
}

/**
 * A page of a customer's contests, newest first.
 *
 * @throws PersonaError customer_not_found, invalid_argument (the cursor), graph_unavailable
 */
export async function getContests(
  { graph }: Pick<ServiceDependencies, 'graph'>,
  { customer_id, limit, cursor }: PageRequest,
): Promise<Page<Contest>> {
  const before = cursor === undefined ? undefined : readPosition(cursor);
  const found = await readContests(graph, { customer_id, limit: limit + 1, ...(before && { before }) });
  return firstPageOf(found, ({ opened_at, seq }) => [opened_at, String(seq)], limit);
}

function readPosition(cursor: string): { opened_at: string; seq: number } {
  const [opened_at = '', seq = '', ...more] = readCursor(cursor);
  const isPosition = !Number.isNaN(Date.parse(opened_at)) && /^\d{1,15}$/.test(seq) && more.length === 0;
  return isPosition ? { opened_at: new Date(opened_at).toISOString(), seq: Number(seq) } : refuseCursor();
}
