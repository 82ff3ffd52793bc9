/** The SDK's log fields in our names, so that one search finds a process's lines wherever they come from. */

import { activityInfo, type Info } from '@temporalio/activity';

const NAMES: Readonly<Record<string, string>> = {
  workflowId: 'workflow_id',
  runId: 'run_id',
  workflowType: 'workflow_type',
  activityType: 'activity_type',
  taskQueue: 'task_queue',
};
/** Too long, or said by others already. */
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
    // Where no request is known, what belongs together is the process.
    ...(typeof workflowId === 'string' && { correlation_id: workflowId, ...subjectOf(workflowId) }),
    ...Object.fromEntries(included.map(([name, value]) => [NAMES[name] ?? name, value])),
  };
}

/** Which activity the caller runs in, and of which process; nothing outside of one. */
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

/** What a process's id says it is about. */
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
