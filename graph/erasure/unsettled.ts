import { restrictingDisputes } from '../../domain/disputes.ts';
import type { ErasureWait } from '../../domain/erasure/steps.ts';
import type { Reader } from '../kernel/reader.ts';
import { UNRESOLVED } from '../recovery/records.ts';

// A refund that was accepted is on its way at the gateway, and needs nothing from here.
const UNSETTLED = `
  MATCH (c:Customer {id: $customer_id})
  RETURN
    EXISTS { MATCH (c)-[:OWES]->(o:Obligation) WHERE o.state IN ['open', 'needs_review'] }
      OR EXISTS { MATCH (a:ChargeAttempt {customer_id: $customer_id}) WHERE a.state IN $unresolved AND a.source = 'recovery' } AS charge,
    EXISTS { MATCH (c)-[:OWES]->(o:Obligation) WHERE o.refunds_due IS NOT NULL OR o.refunds_failed IS NOT NULL } AS refund,
    EXISTS { MATCH (:AcceptedReport {customer_id: $customer_id}) } AS report,
    COLLECT { MATCH (c)-[h:HAS_PAYMENT_METHOD]->(:PaymentMethod) WHERE h.disputes IS NOT NULL RETURN h.disputes } AS disputes`;

interface UnsettledRow extends Record<'charge' | 'refund' | 'report', boolean> {
  disputes: string[][];
}

/**
 * What forbids destroying a customer's key: money that is owed or in doubt in either direction, and messages that say so
 * and are not recorded yet. Empty for an unknown customer.
 */
export async function findUnsettled(reader: Reader, customer_id: string): Promise<ErasureWait[]> {
  const [row] = await reader.read<UnsettledRow>(UNSETTLED, { customer_id, unresolved: UNRESOLVED });
  if (row === undefined) return [];
  const { disputes, ...found } = row;
  const isDisputed = disputes.some((stored) =>
    restrictingDisputes(stored).some(({ state }) => state === 'open'),
  );
  const waits = (['charge', 'refund', 'report'] as const).filter((name) => found[name]);
  return isDisputed ? [...waits, 'dispute'] : waits;
}
