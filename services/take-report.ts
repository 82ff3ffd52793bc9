import type { RecoverySignals } from '../domain/processes.ts';
import { runCommand } from '../graph/index.ts';
import { signalRecovery } from '../temporal/starts.ts';
import type { ServiceDeps } from './deps.ts';
import type { Caller } from './request.ts';

/**
 * Remembers what an agent reports about a payment, once it was found to fit, and tells the payment's recovery of it.
 *
 * @param receipt the name that it is remembered by, and the scope of its event's id; `occurredAt`: RFC 3339
 * @throws PersonaError idempotency_key_reused, graph_unavailable, temporal_unavailable
 */
export async function takeReport<Name extends 'paymentFailed' | 'paymentSettled'>(
  { graph, temporal }: ServiceDeps,
  { caller, actor, correlationId }: Caller,
  receipt: { command: string; scope: string; occurredAt: string },
  signal: Name,
  message: RecoverySignals[Name],
): Promise<{ workflow_id: string }> {
  const { command, scope, occurredAt } = receipt;
  const idempotencyKey = `${scope}:${message.event_id}`;
  const header = { caller, idempotencyKey, actor, correlationId, occurredAt };
  await runCommand(graph, header, command, message, async () => null);
  // Also for a repeat: the first report may have got no further than its receipt. The recovery knows duplicates.
  return { workflow_id: await signalRecovery(temporal, signal, message) };
}
