import { workflowCaller, WorkflowName } from '../../domain/workflow-contracts.ts';
import type { Reader } from '../kernel/reader.ts';

const ONBOARDED = `
  UNWIND $transaction_ids AS transaction_id
  MATCH (r:CommandReceipt {caller: $caller, key: transaction_id}) WHERE r.stream_id = $customer_id
  RETURN true AS found LIMIT 1`;

/** Whether one of these transactions has onboarded, or recognised, this customer. @throws PersonaError graph_unavailable */
export async function isOnboardedBy(
  reader: Reader,
  { customer_id, transaction_ids }: { customer_id: string; transaction_ids: readonly string[] },
): Promise<boolean> {
  if (transaction_ids.length === 0) return false;
  const caller = workflowCaller(WorkflowName.onboardCustomer);
  return (await reader.read(ONBOARDED, { caller, customer_id, transaction_ids })).length > 0;
}
