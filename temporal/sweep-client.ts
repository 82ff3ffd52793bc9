/** The operations of Temporal that the sweep and erasures use, bound to a client. */

import type { Client } from '@temporalio/client';
import type { Report, SendNoticeInput } from '../domain/workflow-contracts.ts';
import {
  deleteClosedExecutions,
  deleteExecutionsOfGone,
  endExecutions,
  listAnonymousOnboardings,
} from './customer-executions.ts';
import { listRunningRecoveries } from './running-recoveries.ts';
import {
  resumeFraudCase,
  resumeRecovery,
  sendReport,
  startErasure,
  startContest,
  startNotice,
  startRefund,
} from './workflow-client.ts';

export function createSweepClient(client: Client) {
  return {
    listRunningRecoveries: (paymentIds: readonly string[]) => listRunningRecoveries(client, paymentIds),
    resumeRecovery: (paymentId: string) => resumeRecovery(client, paymentId),
    resumeFraudCase: (caseId: string) => resumeFraudCase(client, caseId),
    startContest: (contestId: string) => startContest(client, contestId),
    startRefund: (paymentId: string) => startRefund(client, paymentId),
    sendReport: (report: Report) => sendReport(client, report),
    startNotice: (notice: SendNoticeInput) => startNotice(client, notice),
    startErasure: (erasureId: string) => startErasure(client, erasureId),
    endExecutions: (customerId: string) => endExecutions(client, customerId),
    listAnonymousOnboardings: () => listAnonymousOnboardings(client),
    deleteExecutionsOfGone: () => deleteExecutionsOfGone(client),
    deleteClosedExecutions: (customerId: string, onProgress: () => void) =>
      deleteClosedExecutions(client, customerId, onProgress),
  };
}
