import type { Report } from '../domain/processes.ts';
import { runCommand } from '../graph/index.ts';
import { acceptReport } from '../graph/recovery/index.ts';
import { sendReport } from '../temporal/starts.ts';
import type { ServiceDeps } from './deps.ts';
import type { Caller } from './request.ts';

/**
 * Accepts what an agent reports about a payment or a fraud case, once it was found to fit, and signals its process. From
 * the moment at which it is written down the sweep sends it, whatever becomes of the signal or of the run.
 *
 * @param receipt the name that it is remembered by, and the scope of its event's id; `occurredAt`: RFC 3339
 * @throws PersonaError customer_not_found, idempotency_key_reused, graph_unavailable, temporal_unavailable
 */
export async function takeReport(
  { graph, temporal }: ServiceDeps,
  { caller, actor, correlationId }: Caller,
  receipt: { command: string; scope: string; occurredAt: string },
  report: Report<'payment_failed' | 'payment_settled' | 'fraud_outcome'>,
): Promise<{ workflow_id: string }> {
  const { command, scope, occurredAt } = receipt;
  const { message } = report;
  const idempotencyKey = `${scope}:${message.event_id}`;
  const header = { caller, idempotencyKey, actor, correlationId, occurredAt };
  await runCommand(graph, header, command, message, async (tx) => {
    await acceptReport(tx, report, message.customer_id);
    return null;
  });
  // Also for a repeat: the caller may not wait for the sweep. The process knows duplicates.
  return { workflow_id: await sendReport(temporal, report) };
}
