/** One at a time, for ever: publishes the events of the log to Kafka (docs/reference/workflows.md, 'relayOutbox'). */

import { ActivityCancellationType, continueAsNew, proxyActivities } from '@temporalio/workflow';
import { WorkflowName } from '../domain/workflow-contracts.ts';
import { show } from './visibility.ts';

export interface RelayActivities {
  /** Publishes what is unpublished, and waits for more, for up to five minutes or ten thousand events. */
  relayEvents(): Promise<{ published: number }>;
}

const { relayEvents } = proxyActivities<RelayActivities>({
  // Five minutes, and the page in progress. The first one of an installation labels the whole log and may need longer:
  // its next attempt continues where it was.
  startToCloseTimeout: '10m',
  // It reports all the time, also while it waits, and the SDK sends that after four fifths of this: another worker takes
  // over quickly, and a busy machine does not count as dead.
  heartbeatTimeout: '20s',
  // No limit for all attempts: Kafka may be away for days, and nothing must be given up.
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
  // The next relay would only repeat what the previous one is publishing.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

export interface RelayOutboxInput {
  /** Events published by earlier runs of the chain. */
  published?: number;
}

export async function relayOutbox({ published: before = 0 }: RelayOutboxInput = {}): Promise<void> {
  show({ process: WorkflowName.relayOutbox, state: 'running' }, `Published ${before} events so far`);
  const { published } = await relayEvents();
  await continueAsNew<typeof relayOutbox>({ published: before + published });
}
