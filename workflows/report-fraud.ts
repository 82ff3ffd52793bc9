/** Tells Chimera of a suspicion, however long Chimera is away, beside the process that found it. */

import { proxyActivities } from '@temporalio/workflow';

export interface FraudReportInput {
  /** Chimera's deduplication key. */
  event_id: string;
  customer_id: string;
  payment_method_id: string;
  payment_id: string;
  code?: string;
  occurred_at: string;
}

export interface ChimeraActivities {
  reportSuspectedFraud(input: FraudReportInput): Promise<void>;
}

const { reportSuspectedFraud } = proxyActivities<ChimeraActivities>({
  startToCloseTimeout: '10s',
  // A suspicion that is a week old has been decided by other means.
  scheduleToCloseTimeout: '7d',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
});

export async function reportFraud(input: FraudReportInput): Promise<void> {
  await reportSuspectedFraud(input);
}
