import { validationError } from '../domain/errors.ts';
import { validateAnalyticsFeedback } from '../domain/inbound/analytics-feedback.ts';
import { applyAnalyticsFeedback as apply } from '../graph/index.ts';
import type { Caller } from './caller.ts';
import { eventHeader } from './event-header.ts';
import type { ServiceDependencies } from './service-dependencies.ts';

/**
 * Applies Oracle's valuation of a customer (docs/reference/interfaces.md, 'AnalyticsFeedback'). The event id is the
 * idempotency key: a repeated event has no further effect.
 *
 * @throws PersonaError invalid_argument and card_number_refused with all problems, stale_event, customer_not_found,
 *   idempotency_key_reused, graph_unavailable
 */
export async function applyAnalyticsFeedback(
  { graph, policy }: Pick<ServiceDependencies, 'graph' | 'policy'>,
  caller: Pick<Caller, 'actor' | 'correlationId'>,
  input: unknown,
): Promise<void> {
  const checked = validateAnalyticsFeedback(input, policy.reportingCurrency);
  if (!checked.ok) throw validationError(checked.problems, checked.type);
  const { message: feedback } = checked;
  const { event_id, occurred_at } = feedback;
  const occurred = { field: 'occurred_at', at: occurred_at };
  const header = eventHeader(policy, caller, { scope: 'analytics-feedback', event_id, occurred });
  await apply(graph, header, feedback);
}
