/** Finds out from Temporal which recoveries are running. */

import type { Client } from '@temporalio/client';
import { recoveryWorkflowId, WorkflowName } from '../domain/workflow-contracts.ts';
import { toPersonaError } from './failures.ts';

/** The server's largest page. */
const PAGE = 1_000;

/**
 * Queries the whole range of ids, so that a page of payments costs one request instead of one per payment. Usually all
 * of them are running, and counting takes Temporal at most a tenth of the time of listing, so it counts first.
 *
 * Temporal's list is eventually consistent, and its database may order ids differently from the graph: an id that is
 * missing from the result may still have a run.
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
 * How many of these workflows are running; the range may contain others. `undefined` if counting fails: the list is the
 * fallback. Without the range, Temporal's database would scan all running workflows.
 */
async function countRunning(client: Client, range: string, workflowIds: readonly string[]) {
  const query = `${range} AND WorkflowId IN (${workflowIds.map((id) => `'${id}'`).join(', ')})`;
  const counted = await client.workflow.count(query).catch(() => undefined);
  return counted?.count;
}
