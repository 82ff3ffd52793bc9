import { validationError } from '../domain/errors.ts';
import type { Report } from '../domain/workflow-contracts.ts';
import { staleEventError, isBeyondRetention } from '../domain/retention.ts';
import { type Reader, runCommand } from '../graph/index.ts';
import { acceptReport, CLOCK_SKEW_MS } from '../graph/recovery/index.ts';
import { sendReport } from '../temporal/workflow-client.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import { BUSINESS_EVENTS, type Caller } from './caller.ts';

/**
 * Accepts an agent's report about a payment or a fraud case, if it is consistent with the graph, and signals its
 * process. Once it is stored, the sweep delivers it even if the signal or the run fails. A repeat gets the first
 * result, and the same event with different content is refused as such, regardless of later changes in the graph.
 *
 * @param commandMeta the command's name in its receipt, the scope of the event id, and the field with the time of the
 *   event (RFC 3339)
 * @param validateAgainstGraph refuses what the process would refuse, so that no process is started for it
 * @throws PersonaError invalid_argument (a time in the future), stale_event, what `validateAgainstGraph` throws,
 *   customer_not_found, idempotency_key_reused, graph_unavailable, temporal_unavailable
 */
export async function receiveReport(
  { graph, temporal, policy }: ServiceDependencies,
  { actor, correlationId }: Caller,
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
  const header = { caller: BUSINESS_EVENTS, idempotencyKey, actor, correlationId, occurredAt: occurred.at };
  await runCommand(graph, header, command, message, async (tx) => {
    await validateAgainstGraph(tx);
    await acceptReport(tx, report, message.customer_id);
    return null;
  });
  // Also for a repeat, so that it need not wait for the sweep. The process ignores duplicates.
  return { workflow_id: await sendReport(temporal, report) };
}
