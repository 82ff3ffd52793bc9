/** The schedules: created if missing, updated if they differ, deleted if no longer wanted, put back if they are lost. */

import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import {
  EXPIRY_MONITOR,
  OBLIGATION_SWEEP,
  RECEIPT_EXPIRY,
  RECONCILIATION,
  SearchAttribute,
  TaskQueue,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import { toPersonaError } from './failures.ts';
import { ensureSearchAttributes } from './search-attributes.ts';

type Schedule = Pick<ScheduleOptions, 'spec' | 'policies'> & {
  action: ScheduleOptions['action'] & { workflowType: string };
};

const HOUR_MS = 3_600_000;

/** What Persona runs by the clock, by the schedule's id. */
const SCHEDULES: Readonly<Record<string, Schedule>> = {
  [OBLIGATION_SWEEP.id]: {
    spec: { intervals: [{ every: OBLIGATION_SWEEP.everyMs }] },
    action: {
      type: 'startWorkflow',
      workflowType: WorkflowName.sweepObligations,
      workflowId: OBLIGATION_SWEEP.id,
      taskQueue: TaskQueue.maintenance,
      // Overlap is skipped: without it one run that is stuck would be the last one.
      workflowRunTimeout: HOUR_MS,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: OBLIGATION_SWEEP.everyMs },
  },
  [EXPIRY_MONITOR.id]: {
    spec: {
      intervals: [{ every: EXPIRY_MONITOR.everyMs, offset: EXPIRY_MONITOR.offsetMs }],
      jitter: EXPIRY_MONITOR.jitterMs,
    },
    action: {
      type: 'startWorkflow',
      workflowType: WorkflowName.monitorExpiringCards,
      workflowId: EXPIRY_MONITOR.id,
      taskQueue: TaskQueue.expiry,
      // The whole chain of a run that continues as new: the next day's begins in any case.
      workflowExecutionTimeout: 20 * HOUR_MS,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: EXPIRY_MONITOR.everyMs },
  },
  [RECONCILIATION.id]: {
    spec: { intervals: [{ every: RECONCILIATION.everyMs }], jitter: HOUR_MS },
    action: {
      type: 'startWorkflow',
      workflowType: WorkflowName.reconcilePaymentMethods,
      workflowId: RECONCILIATION.id,
      taskQueue: TaskQueue.maintenance,
      // Of all its runs together: what waits for the gateway longer than that gives way to the next day's.
      workflowExecutionTimeout: RECONCILIATION.everyMs - HOUR_MS,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: RECONCILIATION.everyMs },
  },
  [RECEIPT_EXPIRY.id]: {
    spec: { intervals: [{ every: RECEIPT_EXPIRY.everyMs }], jitter: RECEIPT_EXPIRY.everyMs / 4 },
    action: {
      type: 'startWorkflow',
      workflowType: WorkflowName.expireReceipts,
      workflowId: RECEIPT_EXPIRY.id,
      taskQueue: TaskQueue.maintenance,
      workflowRunTimeout: 2 * HOUR_MS,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: RECEIPT_EXPIRY.everyMs },
  },
};

const PROCESS = defineSearchAttributeKey(SearchAttribute.process, 'KEYWORD');

/** Says which process it runs, and with that that it is Persona's: others in the namespace are left alone. */
function processAttributes({ action }: Schedule): SearchAttributePair[] {
  return [{ key: PROCESS, value: action.workflowType }];
}

/** A schedule as it stands at the server. Times are RFC 3339. */
export interface ScheduleStatus {
  id: string;
  workflow: string;
  paused: boolean;
  /** The newest start, and the execution that it started. */
  last?: { at: string; workflow_id: string };
  next?: string;
}

/**
 * Puts every schedule into place. Several workers may do so at once. Paused ones stay paused.
 *
 * @throws PersonaError temporal_unavailable
 */
export async function ensureSchedules(client: Client): Promise<void> {
  try {
    const created = await createSchedules(client);
    for (const [id, schedule] of Object.entries(SCHEDULES)) {
      if (created.includes(id)) continue;
      const typedSearchAttributes = processAttributes(schedule);
      await client.schedule
        .getHandle(id)
        .update((known) => ({ ...schedule, typedSearchAttributes, state: known.state }));
    }
    for await (const { scheduleId, typedSearchAttributes } of client.schedule.list()) {
      const isOurs = typedSearchAttributes?.get(PROCESS) !== undefined;
      if (isOurs && !(scheduleId in SCHEDULES)) await deleteSchedule(client, scheduleId);
    }
  } catch (error) {
    throw toPersonaError(error);
  }
}

/** @returns the ids of those that were missing */
async function createSchedules(client: Client): Promise<string[]> {
  const created: string[] = [];
  for (const [scheduleId, schedule] of Object.entries(SCHEDULES)) {
    try {
      const typedSearchAttributes = processAttributes(schedule);
      await client.schedule.create({ scheduleId, ...schedule, typedSearchAttributes });
      created.push(scheduleId);
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    }
  }
  return created;
}

/** Another worker may have deleted it a moment ago. */
async function deleteSchedule(client: Client, id: string): Promise<void> {
  try {
    await client.schedule.getHandle(id).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}

/**
 * Looks again and again whether every schedule is there: when Temporal loses its data under running workers, nobody else
 * would put them back, and lost recoveries would stay lost. One that is there stays as it is, so that workers of two
 * releases do not take turns at changing it. Search attributes are lost with the schedules, and come back before them.
 *
 * @param options.everyMs how often; `onFailure`: hears of a look that failed, which the next one makes good
 * @returns ends it
 */
export function maintainSchedules(
  client: Client,
  options: { everyMs: number; onFailure: (error: unknown) => void },
): () => void {
  const restoreMissing = async () => {
    await ensureSearchAttributes(client);
    await createSchedules(client);
  };
  const timer = setInterval(() => void restoreMissing().catch(options.onFailure), options.everyMs);
  return () => clearInterval(timer);
}

/**
 * Persona's schedules as they stand, in the order in which they are declared; one that is missing is left out.
 *
 * @throws PersonaError temporal_unavailable
 */
export async function scheduleStatuses(client: Client): Promise<ScheduleStatus[]> {
  const found = await Promise.all(Object.keys(SCHEDULES).map((id) => statusOf(client, id)));
  return found.filter((status) => status !== undefined);
}

async function statusOf(client: Client, id: string): Promise<ScheduleStatus | undefined> {
  try {
    const { action, state, info } = await client.schedule.getHandle(id).describe();
    const last = info.recentActions.at(-1);
    const next = info.nextActionTimes[0];
    return {
      id,
      workflow: action.workflowType,
      paused: state.paused,
      ...(last && {
        last: { at: last.takenAt.toISOString(), workflow_id: last.action.workflow.workflowId },
      }),
      ...(next && !state.paused && { next: next.toISOString() }),
    };
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw toPersonaError(error);
  }
}
