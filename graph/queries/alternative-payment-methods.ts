import { isPermanentlyForbidden, type PastOutcome } from '../../domain/decline/ceilings.ts';
import type { Policy } from '../../domain/policy.ts';
import { OTHER_OWNER } from '../../domain/reconciliation/mismatches.ts';
import { trustQuery, trustParameters } from '../devices/trust-query.ts';
import type { Reader } from '../kernel/reader.ts';
import { ATTEMPTS_ON_CARD } from '../recovery/card.ts';

// The trusted device is a condition in EXISTS and not in an OPTIONAL MATCH as in the blueprint, which filters nothing.
// The device has no label here: with one, the planner could start at the index of all trusted devices.
const alternativesQuery = trustQuery(
  (isTrusted) => `
  MATCH (c:Customer {id: $customer_id})-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
  WHERE p.id <> $failed_payment_method_id AND p.status = 'active' AND p.removed_at IS NULL
    AND h.proven AND h.off_session_consent AND NOT coalesce(h.disputed, false)
    AND coalesce(p.gateway_mismatch, '') <> $other_owner
    AND (p.expires_on IS NULL OR p.expires_on >= date($today))
    AND (NOT $require_trusted_device OR EXISTS {
      MATCH (p)-[:USED_ON]->(d)<-[l:LOGGED_IN_FROM]-(c)
      WHERE l.proven AND ${isTrusted}
    })
  RETURN p.id AS payment_method_id, h.last_used AS last_used,
    EXISTS {
      MATCH (failed:PaymentMethod {id: $failed_payment_method_id})
      WHERE failed.instrument_fingerprint = p.instrument_fingerprint
    } AS is_failed_card, COLLECT {
      ${ATTEMPTS_ON_CARD}
      WITH a WHERE a.state = 'declined'
      RETURN {
        state: a.state, rule: a.rule, network: a.network, card_dead: a.card_dead,
        at: coalesce(a.resolved_at, a.claimed_at).epochMillis
      }
    } AS declines
  ORDER BY last_used DESC, payment_method_id`,
);

interface AlternativeRow {
  payment_method_id: string;
  /** The method is another token of the card that failed. */
  is_failed_card: boolean;
  /** The declines of its card. */
  declines: PastOutcome[];
}

const HOUR = 3_600_000;

/**
 * The methods that may be charged instead of the failed one, in the order in which to try them (docs/reference/graph.md, 'Queries',
 * `getAlternativePaymentMethods`): active, proven, with consent, not disputed, not another customer's at the gateway,
 * not expired, used on a trusted device; not another token of the failed card, nor a card that its history forbids
 * permanently; most recently used first.
 * @param input.now - epoch milliseconds
 * @returns their ids
 */
export async function getAlternativePaymentMethods(
  reader: Reader,
  input: {
    customer_id: string;
    failed_payment_method_id: string;
    policy: { trust: Policy['trust']; recovery: Pick<Policy['recovery'], 'requireTrustedDevice'> };
    now: number;
  },
): Promise<string[]> {
  const rows = await reader.read<AlternativeRow>(alternativesQuery(input.policy.trust), {
    customer_id: input.customer_id,
    failed_payment_method_id: input.failed_payment_method_id,
    require_trusted_device: input.policy.recovery.requireTrustedDevice,
    ...trustParameters(input.policy.trust, input.now),
    other_owner: OTHER_OWNER,
    // A card is valid until its last day is over everywhere on earth, at UTC−12.
    today: new Date(input.now - 12 * HOUR).toISOString().slice(0, 10),
  });
  return rows
    .filter((row) => !row.is_failed_card && !isPermanentlyForbidden(row.declines))
    .map((row) => row.payment_method_id);
}
