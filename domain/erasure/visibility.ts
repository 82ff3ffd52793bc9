/**
 * Who still knows a customer who is being erased: the edges do not, and answer as for an unknown id; the processes that
 * settle what is open do (docs/decisions/35-erasure.md).
 */

import { workflowCaller, WorkflowName } from '../workflow-contracts.ts';

/** The callers of commands that settle charges, money and what has begun at the gateway. */
const SETTLING_CALLERS: ReadonlySet<string> = new Set([
  ...[
    WorkflowName.eraseCustomer,
    WorkflowName.recoverPayment,
    WorkflowName.refundPayment,
    WorkflowName.followGateway,
    WorkflowName.sweepObligations,
    WorkflowName.reconcilePaymentMethods,
    // They complete what they had begun: what they have created at the gateway must be known to be deleted there.
    WorkflowName.onboardCustomer,
    WorkflowName.addPaymentMethod,
    WorkflowName.updatePaymentMethod,
    WorkflowName.removePaymentMethod,
  ].map(workflowCaller),
  'notices',
]);

/** Whether a read answers as for an unknown id. */
export function isHidden(status: string): boolean {
  return status === 'erasing' || status === 'erased';
}

/**
 * Whether a command may lock a customer.
 * @param status absent: a device, which has none
 * @param caller as in the command's header
 */
export function mayLock(status: string | undefined, caller: string): boolean {
  if (status === 'erased' || status === 'merged') return false;
  return status !== 'erasing' || SETTLING_CALLERS.has(caller);
}
