import { validationError } from '../domain/errors.ts';
import { validateRoutingOutcome } from '../domain/inbound/routing-outcome.ts';
import { recordRoutingOutcome as record } from '../graph/recovery/index.ts';
import { signalRecoveries } from '../temporal/workflow-client.ts';
import type { Caller } from './caller.ts';
import { eventHeader } from './event-header.ts';
import type { ServiceDependencies } from './service-dependencies.ts';

/**
 * Records a payment that Cerebrum has routed (docs/reference/interfaces.md, 'RoutingOutcome'). The event id is the
 * idempotency key: a repeated event has no further effect.
 *
 * @throws PersonaError invalid_argument and card_number_refused with all problems, stale_event, customer_not_found,
 *   payment_method_not_found, device_not_found, idempotency_key_reused, graph_unavailable, temporal_unavailable
 */
export async function recordRoutingOutcome(
  { graph, temporal, policy }: Pick<ServiceDependencies, 'graph' | 'temporal' | 'policy'>,
  caller: Pick<Caller, 'actor' | 'correlationId'>,
  input: unknown,
): Promise<void> {
  const checked = validateRoutingOutcome(input);
  if (!checked.ok) throw validationError(checked.problems, checked.type);
  const { message: outcome } = checked;
  const { event_id, occurred_at } = outcome;
  const occurred = { field: 'occurred_at', at: occurred_at };
  const header = eventHeader(policy, caller, { scope: 'routing-outcome', event_id, occurred });
  const { endedRecoveries } = await record(graph, header, { outcome, policy });
  // Also for a repeat, which may follow a crash. Nothing is claimed for them any more, signalled or not.
  await signalRecoveries(temporal, endedRecoveries, 'consentRevoked', { event_id });
}
