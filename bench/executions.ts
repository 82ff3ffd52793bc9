/** What one execution left behind in Temporal. */

import type { Client } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';

export interface Traces {
  events: number;
  /** What each activity answered, by its name. */
  answers: Record<string, unknown>;
}

export async function readTraces(client: Client, workflowId: string): Promise<Traces> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const all = events ?? [];
  const answers: Record<string, unknown> = {};
  for (const { activityTaskCompletedEventAttributes: completed } of all) {
    if (!completed) continue;
    const scheduled = all.find(({ eventId }) => String(eventId) === String(completed.scheduledEventId));
    const name = scheduled?.activityTaskScheduledEventAttributes?.activityType?.name ?? '';
    const payloads = completed.result?.payloads ?? [];
    [answers[name]] = await decodeArrayFromPayloads(client.options.loadedDataConverter, payloads);
  }
  return { events: all.length, answers };
}

/** How long a signal took to become a charge, in milliseconds by the server's clock: from its arrival to the charge's start. */
export async function timeToCharge(client: Client, workflowId: string, signal: string): Promise<number> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const all = events ?? [];
  const heard = all.find(
    ({ workflowExecutionSignaledEventAttributes: signaled }) => signaled?.signalName === signal,
  );
  const asked = all.find(
    ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name === 'charge',
  );
  const began = all.find(
    ({ activityTaskStartedEventAttributes: started }) =>
      started && String(started.scheduledEventId) === String(asked?.eventId),
  );
  if (!heard?.eventTime || !began?.eventTime)
    throw new Error(`${workflowId} has not charged after ${signal}`);
  return tsToMs(began.eventTime) - tsToMs(heard.eventTime);
}

/** How long each of these activities of an execution waited for a worker, in milliseconds by the server's clock. */
export async function waitsForWorkers(
  client: Client,
  workflowId: string,
  names: readonly string[],
): Promise<number[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const all = events ?? [];
  return all.flatMap(({ eventTime, activityTaskStartedEventAttributes: started }) => {
    const scheduled = all.find(
      ({ eventId }) => started && String(eventId) === String(started.scheduledEventId),
    );
    const name = scheduled?.activityTaskScheduledEventAttributes?.activityType?.name ?? '';
    if (!eventTime || !scheduled?.eventTime || !names.includes(name)) return [];
    return [tsToMs(eventTime) - tsToMs(scheduled.eventTime)];
  });
}
