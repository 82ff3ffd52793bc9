/** The executions of one customer's processes, found by `PersonaCustomerId`. */

import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import {
  CUSTOMER_GONE,
  onboardingWorkflowId,
  SearchAttribute,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import { toPersonaError } from './failures.ts';

/** Executions that a page lists, or one sweep deletes. */
const PAGE = 200;
/** Executions that one request lists. */
const LARGEST_PAGE = 1_000;

const OF_CUSTOMER = (customerId: string) => `${SearchAttribute.customerId} = '${customerId}'`;

/**
 * Asks every open process of a customer to end, except recoveries, which are cancelled by signal. What a process has begun
 * at the gateway it completes: only those that wait for others are cancelled.
 *
 * @returns how many are open. Temporal's list is eventually consistent: one that has just ended may still be counted
 * @throws PersonaError temporal_unavailable
 */
export async function endExecutions(client: Client, customerId: string): Promise<number> {
  let open = 0;
  try {
    const query = `${OF_CUSTOMER(customerId)} AND ExecutionStatus = 'Running'`;
    for await (const { workflowId, runId, type } of client.workflow.list({ query, pageSize: PAGE })) {
      open += 1;
      if (CANCELLED.has(type)) await wasFound(client.workflow.getHandle(workflowId, runId).cancel());
    }
  } catch (error) {
    throw toPersonaError(error);
  }
  return open;
}

/** They wait for a profile, a decision or a receiver that no longer matters. */
const CANCELLED: ReadonlySet<string> = new Set([
  WorkflowName.onboardCustomer,
  WorkflowName.applyFraudOutcome,
  WorkflowName.reviewContest,
  WorkflowName.sendNotice,
  WorkflowName.reportFraud,
]);

/**
 * Deletes the closed executions of a customer.
 *
 * @param onProgress called before each; may throw to end it
 * @returns how many were open or had to be deleted; 0: none is left
 * @throws PersonaError temporal_unavailable
 */
export const deleteClosedExecutions = (
  client: Client,
  customerId: string,
  onProgress: () => void,
): Promise<number> => deleteClosed(client, OF_CUSTOMER(customerId), { onProgress });

/**
 * Deletes a page of executions that ended because their customer is unknown: their histories hold what was said about
 * someone who is erased.
 *
 * @returns how many had to be deleted
 * @throws PersonaError temporal_unavailable
 */
export const deleteExecutionsOfGone = (client: Client): Promise<number> =>
  deleteClosed(client, `${SearchAttribute.outcome} = '${CUSTOMER_GONE}' AND ExecutionStatus != 'Running'`, {
    limit: PAGE,
  });

async function deleteClosed(
  client: Client,
  query: string,
  { limit = Number.POSITIVE_INFINITY, onProgress = () => {} }: { limit?: number; onProgress?: () => void },
): Promise<number> {
  const { namespace } = client.options;
  let left = 0;
  try {
    for await (const { workflowId, runId, status } of client.workflow.list({ query, pageSize: PAGE })) {
      onProgress();
      const isOpen = status.name === 'RUNNING';
      const request = { namespace, workflowExecution: { workflowId, runId } };
      // The list shows a deleted one for a while longer.
      const isFound = isOpen || (await wasFound(client.workflowService.deleteWorkflowExecution(request)));
      if (isFound) left += 1;
      if (left >= limit) break;
    }
  } catch (error) {
    throw toPersonaError(error);
  }
  return left;
}

/**
 * The transactions of running onboardings that name no customer yet, page by page: one that recognises its customer shows
 * whom only after its command, and a worker that dies between the two leaves it without. While an import runs there are
 * many.
 * @throws PersonaError temporal_unavailable
 */
export async function* listAnonymousOnboardings(client: Client): AsyncGenerator<string[]> {
  const query = `WorkflowType = '${WorkflowName.onboardCustomer}' AND ExecutionStatus = 'Running' AND ${SearchAttribute.customerId} IS NULL`;
  const prefix = onboardingWorkflowId('');
  let page: string[] = [];
  try {
    for await (const { workflowId } of client.workflow.list({ query, pageSize: LARGEST_PAGE })) {
      if (workflowId.startsWith(prefix)) page.push(workflowId.slice(prefix.length));
      if (page.length < LARGEST_PAGE) continue;
      yield page;
      page = [];
    }
  } catch (error) {
    throw toPersonaError(error);
  }
  yield page;
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/**
 * The customers of all executions that Temporal still has, and every other id in the executions' own, with repetitions:
 * one that has not shown its customer yet may be named after them.
 * @throws PersonaError temporal_unavailable
 */
export async function* listNamedIds(client: Client): AsyncGenerator<string> {
  const { namespace } = client.options;
  try {
    for (let nextPageToken: Uint8Array | undefined; ; ) {
      // Not the client's own list: it would open each memo, which needs the codec's keys.
      const page = await client.workflowService.listWorkflowExecutions({
        ...{ namespace, pageSize: LARGEST_PAGE },
        ...(nextPageToken && { nextPageToken }),
      });
      for (const { execution, searchAttributes } of page.executions ?? []) {
        const shown = searchAttributes?.indexedFields?.[SearchAttribute.customerId];
        if (shown != null) yield defaultPayloadConverter.fromPayload<string>(shown);
        yield* execution?.workflowId?.match(UUID) ?? [];
      }
      nextPageToken = page.nextPageToken ?? undefined;
      if (!nextPageToken?.length) return;
    }
  } catch (error) {
    throw toPersonaError(error);
  }
}

const NOT_FOUND = 5;

async function wasFound(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    const isGone = error instanceof WorkflowNotFoundError || (error as { code?: unknown }).code === NOT_FOUND;
    if (!isGone) throw error;
    return false;
  }
}
