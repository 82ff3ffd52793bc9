import type { Policy } from '../../domain/policy.ts';
import type { Reader } from '../graph.ts';

// `trusted_device` sits in the pattern, not behind OPTIONAL: the blueprint's optional match filters nothing.
const ALTERNATIVES = `
  MATCH (c:Customer {id: $customer_id})-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
  WHERE p.id <> $failed_payment_method_id AND p.status = 'active' AND p.removed_at IS NULL
    AND h.proven AND h.off_session_consent
    AND (p.expires_on IS NULL OR p.expires_on >= date($today))
    AND (NOT $require_trusted_device OR EXISTS {
      MATCH (p)-[:USED_ON]->(d:Device)<-[l:LOGGED_IN_FROM]-(c)
      WHERE l.proven AND d.trust_score >= $threshold
    })
  RETURN p.id AS payment_method_id
  ORDER BY h.last_used DESC, payment_method_id`;

const HOUR = 3_600_000;

/**
 * The methods that may be charged in place of the failed one, in the order in which to try them (specification: graph,
 * `getAlternativePaymentMethods`): active, proven, with consent, not expired, used on a trusted device; the last used
 * first.
 * @param input.now - epoch milliseconds
 * @returns their ids
 */
export async function alternativesOf(
  reader: Reader,
  input: {
    customer_id: string;
    failed_payment_method_id: string;
    policy: { trust: Policy['trust']; recovery: Pick<Policy['recovery'], 'requireTrustedDevice'> };
    now: number;
  },
): Promise<string[]> {
  const rows = await reader.read<{ payment_method_id: string }>(ALTERNATIVES, {
    customer_id: input.customer_id,
    failed_payment_method_id: input.failed_payment_method_id,
    require_trusted_device: input.policy.recovery.requireTrustedDevice,
    threshold: input.policy.trust.threshold,
    // A card is good until its last day is over everywhere on earth, at UTC−12.
    today: new Date(input.now - 12 * HOUR).toISOString().slice(0, 10),
  });
  return rows.map((row) => row.payment_method_id);
}
