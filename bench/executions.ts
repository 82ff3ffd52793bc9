/** Reads the history of one execution in Temporal. */

import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';

/** The SDK's marker for an activity that ran within a workflow task. */
const LOCAL_ACTIVITY = 'core_local_activity';

export interface ExecutionTrace {
  events: number;
  /** The result of each activity, by its name. */
  answers: Record<string, unknown>;
}

export async function readTrace(client: Client, workflowId: string): Promise<ExecutionTrace> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const all = events ?? [];
  const answers: Record<string, unknown> = {};
  const decoded = (payloads: Payload[]) =>
    decodeArrayFromPayloads(client.options.loadedDataConverter, payloads);
  for (const {
    activityTaskCompletedEventAttributes: completed,
    markerRecordedEventAttributes: marker,
  } of all) {
    if (marker?.markerName === LOCAL_ACTIVITY) {
      const { data, result } = marker.details ?? {};
      const { activity_type } = JSON.parse(Buffer.from(data?.payloads?.[0]?.data ?? '').toString());
      [answers[activity_type]] = await decoded(result?.payloads ?? []);
    }
    if (!completed) continue;
    const scheduled = all.find(({ eventId }) => String(eventId) === String(completed.scheduledEventId));
    const name = scheduled?.activityTaskScheduledEventAttributes?.activityType?.name ?? '';
    const payloads = completed.result?.payloads ?? [];
    [answers[name]] = await decoded(payloads);
  }
  return { events: all.length, answers };
}

/** Time from a signal's arrival to the start of the charge, in milliseconds by the server's clock. */
export async function timeToCharge(client: Client, workflowId: string, signal: string): Promise<number> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const all = events ?? [];
  const signalReceived = all.find(
    ({ workflowExecutionSignaledEventAttributes: signaled }) => signaled?.signalName === signal,
  );
  const chargeScheduled = all.find(
    ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name === 'charge',
  );
  const chargeStarted = all.find(
    ({ activityTaskStartedEventAttributes: started }) =>
      started && String(started.scheduledEventId) === String(chargeScheduled?.eventId),
  );
  if (!signalReceived?.eventTime || !chargeStarted?.eventTime)
    throw new Error(`${workflowId} has not charged after ${signal}`);
  return tsToMs(chargeStarted.eventTime) - tsToMs(signalReceived.eventTime);
}

/** Schedule-to-start latencies of an execution's workflow tasks and these activities, in milliseconds (server's clock). */
export async function scheduleToStartLatencies(
  client: Client,
  workflowId: string,
  activities: readonly string[],
): Promise<number[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const all = events ?? [];
  return all.flatMap((event) => {
    const started = event.workflowTaskStartedEventAttributes ?? event.activityTaskStartedEventAttributes;
    const scheduled = all.find(
      ({ eventId }) => started && String(eventId) === String(started.scheduledEventId),
    );
    const activity = scheduled?.activityTaskScheduledEventAttributes?.activityType?.name;
    if (!event.eventTime || !scheduled?.eventTime) return [];
    if (typeof activity === 'string' && !activities.includes(activity)) return [];
    return [tsToMs(event.eventTime) - tsToMs(scheduled.eventTime)];
  });
}
