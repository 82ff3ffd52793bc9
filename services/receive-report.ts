import { validationError } from '../domain/errors.ts';
import type { Report } from '../domain/workflow-contracts.ts';
import { staleEventError, isBeyondRetention } from '../domain/retention.ts';
import { type Reader, runCommand } from '../graph/index.ts';
import { acceptReport, CLOCK_SKEW_MS } from '../graph/recovery/index.ts';
import { sendReport } from '../temporal/workflow-client.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { Caller } from './caller.ts';

/**
 * Accepts what an agent reports about a payment or a fraud case, if it fits what the graph holds, and signals its
 * process. From the moment at which it is written down the sweep sends it, whatever becomes of the signal or of the run.
 * A repeat is answered as the first was, and the same event with another content is refused as such, whatever the graph
 * has learned meanwhile.
 *
 * @param commandMeta the name that it is remembered by, the scope of its event's id, and the field that says when it
 *   happened (RFC 3339)
 * @param validateAgainstGraph refuses what the process would refuse, so that nothing is started for it
 * @throws PersonaError invalid_argument (a time in the future), stale_event, what `validateAgainstGraph` refuses, customer_not_found,
 *   idempotency_key_reused, graph_unavailable, temporal_unavailable
 */
export async function receiveReport(
  { graph, temporal, policy }: ServiceDependencies,
  { caller, actor, correlationId }: Caller,
  commandMeta: { command: string; scope: string; occurred: { field: string; at: string } },
  report: Report<'payment_failed' | 'payment_settled' | 'fraud_outcome'>,
  validateAgainstGraph: (reader: Reader) => Promise<void>,
): Promise<{ workflow_id: string }> {
  const { command, scope, occurred } = commandMeta;
  if (Date.parse(occurred.at) > Date.now() + CLOCK_SKEW_MS)
    throw validationError([{ field: occurred.field, message: 'must not be in the future' }]);
  if (isBeyondRetention(occurred.at, Date.now(), policy)) throw staleEventError(occurred.field);
  const { message } = report;
  const idempotencyKey = `${scope}:${message.event_id}`;
  const header = { caller, idempotencyKey, actor, correlationId, occurredAt: occurred.at };
  await runCommand(graph, header, command, message, async (tx) => {
    await validateAgainstGraph(tx);
    await acceptReport(tx, report, message.customer_id);
    return null;
  });
  // Also for a repeat: the caller may not wait for the sweep. The process knows duplicates.
  return { workflow_id: await sendReport(temporal, report) };
}
