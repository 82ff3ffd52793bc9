/** The operations of Temporal that the sweep uses, bound to a client. */

import type { Client } from '@temporalio/client';
import type { Report, SendNoticeInput } from '../domain/workflow-contracts.ts';
import { listRunningRecoveries } from './running-recoveries.ts';
import { resumeFraudCase, resumeRecovery, sendReport, startNotice, startRefund } from './workflow-client.ts';

export function createSweepClient(client: Client) {
  return {
    listRunningRecoveries: (paymentIds: readonly string[]) => listRunningRecoveries(client, paymentIds),
    resumeRecovery: (paymentId: string) => resumeRecovery(client, paymentId),
    resumeFraudCase: (caseId: string) => resumeFraudCase(client, caseId),
    startRefund: (paymentId: string) => startRefund(client, paymentId),
    sendReport: (report: Report) => sendReport(client, report),
    startNotice: (notice: SendNoticeInput) => startNotice(client, notice),
  };
}
