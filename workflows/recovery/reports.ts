/** The accepted reports of the messages that a run processes, and when they may be deleted. */

import { ActivityFailure, log } from '@temporalio/workflow';
import type { ReportId } from '../../domain/workflow-contracts.ts';
import { validatePaymentFailed } from '../../domain/recovery/payment-failed.ts';
import type { RecoveryState } from '../../domain/recovery/state.ts';
import { clearReports as forgetReports } from './activities.ts';
import type { Message } from './inbox.ts';

/**
 * The report of a message that takes several steps to handle, or that is refused as invalid. Absent if the run does not
 * delete it: the report of a valid failure is deleted by the transaction that records the failure.
 */
export function reportOf({ signal, payload }: Message): ReportId | undefined {
  const kind = signal === 'chargeResult' ? 'charge_result' : signal === 'paymentSettled' && 'payment_settled';
  const refused = signal === 'paymentFailed' && !validatePaymentFailed(payload).ok && 'payment_failed';
  const event_id = 'event_id' in payload ? payload.event_id : undefined;
  const of = kind || refused;
  return of && typeof event_id === 'string' ? { kind: of, event_id } : undefined;
}

/**
 * Whether the graph has all effects of the messages so far. An ending that is not recorded, and a charge that is still
 * to be read at the gateway, exist only in the run.
 */
export function isFullyRecorded({ ending, closed, recheck }: RecoveryState): boolean {
  return (ending === undefined || closed) && recheck === undefined;
}

/** Deletes the reports of handled messages, and empties the list. The sweep sends again those that remain. */
export async function clearReports(payment_id: string, handledReports: ReportId[]): Promise<void> {
  const reports = handledReports.splice(0);
  try {
    await forgetReports({ payment_id, reports });
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.warn('accepted reports not deleted: the sweep will send them again', { reports });
  }
}
