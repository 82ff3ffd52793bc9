/** What one execution left behind in Temporal. */

import type { Client } from '@temporalio/client';
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
