/** The schedules that Persona runs on. */

import { scheduleStatuses } from '../../temporal/schedules.ts';
import type { CommandResult } from '../command-result.ts';
import type { Settings } from '../settings.ts';
import { table, timeText } from '../tables.ts';
import { connectForSignals } from './operator-requests.ts';

/** @throws CliFailure; PersonaError temporal_unavailable */
export async function showSchedules(settings: Settings): Promise<CommandResult> {
  const client = await connectForSignals(settings);
  try {
    const items = await scheduleStatuses(client);
    const rows = items.map(({ id, workflow, paused, last, next }) => [
      id,
      workflow,
      timeText(last?.at),
      paused ? 'paused' : timeText(next),
    ]);
    const empty = 'No schedules: a worker on the queue persona-maintenance creates them when it starts.';
    return {
      document: { items },
      text: table(['schedule', 'workflow', 'last start (UTC)', 'next start (UTC)'], rows, empty),
    };
  } finally {
    await client.connection.close();
  }
}
