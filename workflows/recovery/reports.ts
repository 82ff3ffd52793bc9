/** What an edge has kept of the messages that a run takes in, and when that may be forgotten. */

import { ActivityFailure, log } from '@temporalio/workflow';
import type { ReportId } from '../../domain/workflow-contracts.ts';
import { validatePaymentFailed } from '../../domain/recovery/payment-failed.ts';
import type { RecoveryState } from '../../domain/recovery/state.ts';
import { clearReports as forgetReports } from './activities.ts';
import type { Message } from './inbox.ts';

/**
 * The report of a message that is acted on step by step, or that is refused unread. Absent where the message has none:
 * a failure's is forgotten by the transaction that records the failure.
 */
export function reportOf({ signal, payload }: Message): ReportId | undefined {
  const kind = signal === 'chargeResult' ? 'charge_result' : signal === 'paymentSettled' && 'payment_settled';
  const refused = signal === 'paymentFailed' && !validatePaymentFailed(payload).ok && 'payment_failed';
  const event_id = 'event_id' in payload ? payload.event_id : undefined;
  const of = kind || refused;
  return of && typeof event_id === 'string' ? { kind: of, event_id } : undefined;
}

/**
 * Does the graph hold all that the messages so far have brought about? An ending that is not written down, and a charge
 * that the gateway is still to be asked about, stand in the run alone.
 */
export function isFullyRecorded({ ending, closed, recheck }: RecoveryState): boolean {
  return (ending === undefined || closed) && recheck === undefined;
}

/** Forgets the reports of messages that were acted on, and empties the list. What stays behind the sweep sends again. */
export async function clearReports(payment_id: string, handledReports: ReportId[]): Promise<void> {
  const reports = handledReports.splice(0);
  try {
    await forgetReports({ payment_id, reports });
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.warn('What an edge has kept of messages could not be forgotten; they come again', { reports });
  }
}
