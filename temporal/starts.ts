/** Starting and signalling the processes. Which of Temporal's id policies applies is named here once, by intent. */

import { type Client, WithStartWorkflowOperation } from '@temporalio/client';
import {
  onboardingWorkflowId,
  paymentMethodWorkflowId,
  type RecoverySignalName,
  type RecoverySignals,
  recoveryWorkflowId,
  TaskQueue,
  UpdateName,
  WorkflowName,
} from '../domain/processes.ts';

/**
 * Join the running execution, or begin a new one, also where an earlier one has ended: what the graph remembers
 * (receipts, closed obligations) decides whether anything still happens, never Temporal's retention.
 */
const JOIN_OR_BEGIN = {
  workflowIdConflictPolicy: 'USE_EXISTING',
  workflowIdReusePolicy: 'ALLOW_DUPLICATE',
} as const;
