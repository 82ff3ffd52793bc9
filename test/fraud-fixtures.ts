/** What Chimera reports of fraud cases. */

import { randomUUID } from 'node:crypto';
import type { FraudOutcomeReport } from '../domain/fraud/messages.ts';

/** A report of now, of a case of its own unless the changes name one. */
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
