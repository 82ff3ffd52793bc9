/** Persona's schedules: created if missing, updated at start, deleted when obsolete, and restored if lost. */

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
  RECONCILIATION,
  RETENTION,
  SearchAttribute,
  TaskQueue,
  TRACED_SHARE,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import { toPersonaError } from './failures.ts';
import { updateSchedule } from './schedule-updates.ts';
import { ensureSearchAttributes } from './search-attributes.ts';

type Schedule = Pick<ScheduleOptions, 'spec' | 'policies'> & {
  action: ScheduleOptions['action'] & { workflowType: string };
};

const HOUR_MS = 3_600_000;

/** By the schedule's id. */
const SCHEDULES: Readonly<Record<string, Schedule>> = {
  [OBLIGATION_SWEEP.id]: {
    spec: { intervals: [{ every: OBLIGATION_SWEEP.everyMs }] },
    action: {
      type: 'startWorkflow',
      workflowType: WorkflowName.sweepObligations,
      workflowId: OBLIGATION_SWEEP.id,
      taskQueue: TaskQueue.maintenance,
      // Overlapping runs are skipped: without a timeout, one stuck run would prevent all later ones.
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
      // Covers the whole continue-as-new chain, so that the next day's run always starts.
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
      // Covers all of its runs: one that waits longer for the gateway gives way to the next day's.
      workflowExecutionTimeout: RECONCILIATION.everyMs - HOUR_MS,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: RECONCILIATION.everyMs },
  },
  [RETENTION.id]: {
    spec: { intervals: [{ every: RETENTION.everyMs }], jitter: HOUR_MS },
    action: {
      type: 'startWorkflow',
      workflowType: WorkflowName.applyRetention,
      workflowId: RETENTION.id,
      taskQueue: TaskQueue.maintenance,
      // Covers the whole continue-as-new chain, so that the next day's run always starts.
      workflowExecutionTimeout: RETENTION.everyMs - HOUR_MS,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: RETENTION.everyMs },
  },
};

/** Whether runs of this type are started by a schedule. */
export const isScheduled = (workflowType: string): boolean =>
  Object.values(SCHEDULES).some(({ action }) => action.workflowType === workflowType);

const PROCESS = defineSearchAttributeKey(SearchAttribute.process, 'KEYWORD');

/** As it is stored. Its attribute names the workflow, and marks it as Persona's: others in the namespace are left alone. */
function storedForm({ action, ...schedule }: Schedule, tracedShare: number) {
  const typedSearchAttributes: SearchAttributePair[] = [{ key: PROCESS, value: action.workflowType }];
  return { ...schedule, action: { ...action, memo: { [TRACED_SHARE]: tracedShare } }, typedSearchAttributes };
}

/** A schedule's state at the server. Times are RFC 3339. */
export interface ScheduleStatus {
  id: string;
  workflow: string;
  paused: boolean;
  /** The latest start, and the execution that it started. */
  last?: { at: string; workflow_id: string };
  next?: string;
}

/**
 * Creates, updates and deletes schedules as needed; safe to run concurrently in several workers. Paused schedules stay
 * paused.
 *
 * @param tracedShare of their runs, from 0 to 1
 * @throws PersonaError temporal_unavailable
 */
export async function ensureSchedules(client: Client, tracedShare: number): Promise<void> {
  try {
    const created = await createSchedules(client, tracedShare);
    const known = Object.entries(SCHEDULES).filter(([id]) => !created.includes(id));
    await Promise.all(
      known.map(([id, schedule]) =>
        updateSchedule(client, id, ({ state }) => ({ ...storedForm(schedule, tracedShare), state })),
      ),
    );
    for await (const { scheduleId, typedSearchAttributes } of client.schedule.list()) {
      const isOurs = typedSearchAttributes?.get(PROCESS) !== undefined;
      if (isOurs && !(scheduleId in SCHEDULES)) await deleteSchedule(client, scheduleId);
    }
  } catch (error) {
    throw toPersonaError(error);
  }
}

/** @returns the ids of the schedules that were missing */
async function createSchedules(client: Client, tracedShare: number): Promise<string[]> {
  const created: string[] = [];
  for (const [scheduleId, schedule] of Object.entries(SCHEDULES)) {
    try {
      await client.schedule.create({ scheduleId, ...storedForm(schedule, tracedShare) });
      created.push(scheduleId);
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    }
  }
  return created;
}

/** Tolerates that another worker has just deleted it. */
async function deleteSchedule(client: Client, id: string): Promise<void> {
  try {
    await client.schedule.getHandle(id).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}

/**
 * Periodically recreates missing schedules: if Temporal loses its data under running workers, nothing else would restore
 * them, and lost recoveries would stay lost. Existing schedules are not updated, so that workers of two releases do not
 * keep overwriting each other's. Search attributes are lost with the schedules, and are restored before them.
 *
 * @param options.everyMs the interval; `tracedShare`: as in `ensureSchedules`; `onFailure`: called when a check fails; the
 * next one tries again
 * @returns stops the checks
 */
export function maintainSchedules(
  client: Client,
  options: { everyMs: number; tracedShare: number; onFailure: (error: unknown) => void },
): () => void {
  const restoreMissing = async () => {
    await ensureSearchAttributes(client);
    await createSchedules(client, options.tracedShare);
  };
  const timer = setInterval(() => void restoreMissing().catch(options.onFailure), options.everyMs);
  return () => clearInterval(timer);
}

/**
 * The state of Persona's schedules, in the order of their declaration, without missing ones.
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
