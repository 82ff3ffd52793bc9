import type { FraudChanges } from '../../domain/fraud/events.ts';
import type { Reader } from '../graph.ts';

// Few rows: the query starts at the index on the customer, whose lock every case takes.
const CASES = `
  MATCH (f:FraudCase {customer_id: $customer_id})
  WHERE f.case_id <> $except
  RETURN f.applied AS applied`;

/** The changes by a customer's cases that have not been undone. @param except a case to exclude */
export async function readCaseChanges(
  reader: Reader,
  { customer_id, except = '' }: { customer_id: string; except?: string },
): Promise<FraudChanges[]> {
  const cases = await reader.read<{ applied: string }>(CASES, { customer_id, except });
  return cases.map(({ applied }) => JSON.parse(applied) as FraudChanges);
}

/** The change by which one of these cases holds a method in its current status; `undefined`: none does. */
export function findHold(
  cases: readonly FraudChanges[],
  { payment_method_id, status_seq }: { payment_method_id: string; status_seq: number },
): FraudChanges['payment_methods'][number] | undefined {
  return cases
    .flatMap(({ payment_methods }) => payment_methods)
    .find((change) => change.payment_method_id === payment_method_id && change.seq === status_seq);
}

const IN_REVIEW = `
  MATCH (f:FraudCase {customer_id: $customer_id})
  WHERE f.state = 'needs_review'
  RETURN f.applied AS applied`;

/** Whether one of these methods is suspected in a case of the customer that is under review. */
export async function isUnderReview(
  reader: Reader,
  { customer_id, methods }: { customer_id: string; methods: readonly string[] },
): Promise<boolean> {
  const cases = await reader.read<{ applied: string }>(IN_REVIEW, { customer_id });
  return cases
    .flatMap(({ applied }) => (JSON.parse(applied) as FraudChanges).payment_methods)
    .some(({ payment_method_id }) => methods.includes(payment_method_id));
}
