import type { Report } from '../domain/workflow-contracts.ts';
import { type Reader, runCommand } from '../graph/index.ts';
import { acceptReport } from '../graph/recovery/index.ts';
import { sendReport } from '../temporal/workflow-client.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { Caller } from './caller.ts';
import { eventHeader, type ReportedEvent } from './event-header.ts';

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
  { graph, temporal, policy }: Pick<ServiceDependencies, 'graph' | 'temporal' | 'policy'>,
  caller: Pick<Caller, 'actor' | 'correlationId'>,
  commandMeta: { command: string } & Omit<ReportedEvent, 'event_id'>,
  report: Report<'payment_failed' | 'payment_settled' | 'fraud_outcome'>,
  validateAgainstGraph: (reader: Reader) => Promise<void>,
): Promise<{ workflow_id: string }> {
  const { command, ...event } = commandMeta;
  const { message } = report;
  const header = eventHeader(policy, caller, { ...event, event_id: message.event_id });
  await runCommand(graph, header, command, message, async (tx) => {
    await validateAgainstGraph(tx);
    await acceptReport(tx, report, message.customer_id);
    return null;
  });
  // Also for a repeat, so that it need not wait for the sweep. The process ignores duplicates.
  return { workflow_id: await sendReport(temporal, report) };
}
