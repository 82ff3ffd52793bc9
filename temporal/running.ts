/** Which recoveries are running, as Temporal lists them. */

import type { Client } from '@temporalio/client';
import { recoveryWorkflowId, WorkflowName } from '../domain/processes.ts';
import { toPersonaError } from './failures.ts';

/** As many as the server gives at once. */
const PAGE = 1_000;

/**
 * Asks for the whole range of ids at once: a page of payments costs a request, not one each.
 *
 * The list lags behind by a moment, and its database may order ids in another way than the graph: an id that is left out
 * is not proven to have no run.
 *
 * @param paymentIds sorted
 * @returns those of them whose recovery is listed as running
 * @throws PersonaError temporal_unavailable
 */
export async function listRunningRecoveries(
  client: Client,
  paymentIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const first = paymentIds[0];
  const last = paymentIds.at(-1);
  if (first === undefined || last === undefined) return new Set();
  const asked = new Map(paymentIds.map((paymentId) => [recoveryWorkflowId(paymentId), paymentId]));
  const query =
    `WorkflowType = '${WorkflowName.recoverPayment}' AND ExecutionStatus = 'Running' ` +
    `AND WorkflowId BETWEEN '${recoveryWorkflowId(first)}' AND '${recoveryWorkflowId(last)}'`;
  const running = new Set<string>();
  try {
    for await (const { workflowId } of client.workflow.list({ query, pageSize: PAGE })) {
      const paymentId = asked.get(workflowId);
      if (paymentId !== undefined) running.add(paymentId);
    }
  } catch (error) {
    throw toPersonaError(error);
  }
  return running;
}
