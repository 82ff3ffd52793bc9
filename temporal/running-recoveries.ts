/** Which recoveries are running, as Temporal lists them. */

import type { Client } from '@temporalio/client';
import { recoveryWorkflowId, WorkflowName } from '../domain/workflow-contracts.ts';
import { toPersonaError } from './failures.ts';

/** As many as the server gives at once. */
const PAGE = 1_000;

/**
 * Asks for the whole range of ids at once: a page of payments costs a request, not one each. Mostly all of them are
 * running, and to count them takes Temporal a tenth of the time, or less, that listing them takes.
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
  const paymentIdByWorkflowId = new Map(
    paymentIds.map((paymentId) => [recoveryWorkflowId(paymentId), paymentId]),
  );
  const range =
    `WorkflowType = '${WorkflowName.recoverPayment}' AND ExecutionStatus = 'Running' ` +
    `AND WorkflowId BETWEEN '${recoveryWorkflowId(first)}' AND '${recoveryWorkflowId(last)}'`;
  if ((await countRunning(client, range, [...paymentIdByWorkflowId.keys()])) === paymentIdByWorkflowId.size)
    return new Set(paymentIds);
  const running = new Set<string>();
  try {
    for await (const { workflowId } of client.workflow.list({ query: range, pageSize: PAGE })) {
      const paymentId = paymentIdByWorkflowId.get(workflowId);
      if (paymentId !== undefined) running.add(paymentId);
      // A full page is followed by another request.
      if (running.size === paymentIdByWorkflowId.size) break;
    }
  } catch (error) {
    throw toPersonaError(error);
  }
  return running;
}

/**
 * How many of these are in the range: others may be as well. The list also answers whatever keeps Temporal from counting.
 * Ids alone would have its database look at everything that runs.
 */
async function countRunning(client: Client, range: string, workflowIds: readonly string[]) {
  const query = `${range} AND WorkflowId IN (${workflowIds.map((id) => `'${id}'`).join(', ')})`;
  const counted = await client.workflow.count(query).catch(() => undefined);
  return counted?.count;
}
