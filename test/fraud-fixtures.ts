/** Chimera's reports of fraud cases. */

import { randomUUID } from 'node:crypto';
import type { FraudOutcomeReport } from '../domain/fraud/messages.ts';

/** A report with the current time, for a new case unless `changes` names one. */
export function fraudReport(
  changes: Pick<FraudOutcomeReport, 'customer_id' | 'outcome'> & Partial<FraudOutcomeReport>,
): FraudOutcomeReport {
  return {
    event_id: randomUUID(),
    case_id: `case-${randomUUID()}`,
    reason: 'test',
    occurred_at: new Date().toISOString(),
    ...changes,
  };
}
