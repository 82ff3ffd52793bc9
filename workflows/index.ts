/** Entry point of the workflow bundle: exports every workflow, and nothing else. */

import { setWorkflowOptions, workflowInfo } from '@temporalio/workflow';
import { VERSIONED_DEPLOYMENT } from '../domain/workflow-contracts.ts';
import { addPaymentMethod } from './add-payment-method.ts';
import { applyFraudOutcome } from './apply-fraud-outcome.ts';
import { applyRetention } from './apply-retention.ts';
import { eraseCustomer } from './erase-customer.ts';
import { followGateway } from './follow-gateway.ts';
import { monitorExpiringCards } from './monitor-expiring-cards.ts';
import { onboardCustomer } from './onboard-customer.ts';
import { reconcilePaymentMethods } from './reconcile-payment-methods.ts';
import { recoverPayment } from './recover-payment.ts';
import { refundPayment } from './refund-payment.ts';
import { relayOutbox } from './relay-outbox.ts';
import { removePaymentMethod } from './remove-payment-method.ts';
import { reportFraud } from './report-fraud.ts';
import { reviewContest } from './review-contest.ts';
import { sendNotice } from './send-notice.ts';
import { sweepObligations } from './sweep-obligations.ts';
import { updatePaymentMethod } from './update-payment-method.ts';

// With versioned workers these workflows are pinned: they end within a day, on the build that they started on. The others
// may run for weeks and move to the current build; changes of their commands are guarded by `patched()`. Without versioned
// workers the server rejects a versioning behaviour.
pin(applyRetention);
pin(monitorExpiringCards);
pin(reconcilePaymentMethods);
pin(sweepObligations);

function pin<A extends unknown[], R>(workflow: (...args: A) => Promise<R>): void {
  setWorkflowOptions(() => (isVersioned() ? { versioningBehavior: 'PINNED' } : {}), workflow);
}

function isVersioned(): boolean {
  return workflowInfo().currentDeploymentVersion?.deploymentName === VERSIONED_DEPLOYMENT;
}

export {
  addPaymentMethod,
  applyFraudOutcome,
  applyRetention,
  eraseCustomer,
  followGateway,
  monitorExpiringCards,
  onboardCustomer,
  reconcilePaymentMethods,
  recoverPayment,
  refundPayment,
  relayOutbox,
  removePaymentMethod,
  reportFraud,
  reviewContest,
  sendNotice,
  sweepObligations,
  updatePaymentMethod,
};
