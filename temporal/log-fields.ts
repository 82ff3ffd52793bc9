/** Renames the SDK's log fields to Persona's, so that one search finds all lines of a process. */

import { activityInfo, type Info } from '@temporalio/activity';

const NAMES: Readonly<Record<string, string>> = {
  workflowId: 'workflow_id',
  runId: 'run_id',
  workflowType: 'workflow_type',
  activityType: 'activity_type',
  taskQueue: 'task_queue',
};
/** Too long, or redundant. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'taskToken',
  'activityId',
  'namespace',
  'isLocal',
  'sdkComponent',
]);

type Fields = Record<string, unknown>;

export function fieldsOf(fields: Fields): Fields {
  const included = Object.entries(fields).filter(([name]) => !LEFT_OUT.has(name));
  const { workflowId } = fields;
  return {
    // Without a request, lines are correlated by process.
    ...(typeof workflowId === 'string' && { correlation_id: workflowId, ...subjectOf(workflowId) }),
    ...Object.fromEntries(included.map(([name, value]) => [NAMES[name] ?? name, value])),
  };
}

/** The fields of the current activity and its process; empty outside an activity. */
export function activityFields(): Record<string, string | number> {
  const info = currentActivity();
  if (info === undefined) return {};
  const { workflowExecution, workflowType = '', activityType, attempt } = info;
  const workflow_id = workflowExecution?.workflowId ?? '';
  return {
    ...subjectOf(workflow_id),
    ...{ workflow_id, workflow_type: workflowType, activity_type: activityType, attempt },
  };
}

/** The payment or transaction that a workflow id names. */
function subjectOf(workflowId: string): Record<string, string> {
  const [, transaction_id] = /^onboarding:(.+)$/.exec(workflowId) ?? [];
  const [, payment_id] = /^recovery:([^:]+)/.exec(workflowId) ?? [];
  return { ...(transaction_id && { transaction_id }), ...(payment_id && { payment_id }) };
}

function currentActivity(): Info | undefined {
  try {
    return activityInfo();
  } catch {
    return undefined;
  }
}
