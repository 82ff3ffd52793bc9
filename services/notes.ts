import { validationError } from '../domain/errors.ts';
import { REASON, validate } from '../domain/validation.ts';
import { annotateEvent } from '../graph/index.ts';
import type { Caller } from './caller.ts';
import { requestHeader } from './request-header.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { NoteView } from './views.ts';

/**
 * Adds the customer's note to one of their events.
 *
 * @param request.body untrusted: `{text}`
 * @throws PersonaError invalid_argument, card_number_refused, idempotency_key_required, idempotency_key_reused,
 *   customer_not_found, event_not_found, graph_unavailable
 */
export async function annotateTimelineEvent(
  { graph }: Pick<ServiceDependencies, 'graph'>,
  caller: Caller,
  { customer_id, seq, body }: { customer_id: string; seq: number; body: unknown },
): Promise<NoteView> {
  const read = validate(body, (fields) => ({ text: fields.requiredText('text', REASON) }));
  if (!read.ok) throw validationError(read.problems, read.type);
  const { text } = read.value;
  const { noted_at } = await annotateEvent(graph, requestHeader(caller), { customer_id, seq, text });
  return { text, noted_at };
}
