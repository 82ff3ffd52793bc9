/** Payment methods of all customers, page after page, in the order of an index: a million of them take bounded memory. */

import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import type { Reader } from '../graph.ts';

export interface ScannedMethod {
  payment_method_id: string;
  customer_id: string;
  status: PaymentMethodStatus;
  /** `YYYY-MM-DD`; null for what does not expire. */
  expires_on: string | null;
  is_default: boolean;
  use_count: number;
  /** RFC 3339 in UTC. */
  last_used: string;
}

const SHOWN = `
  p.id AS payment_method_id, c.id AS customer_id, p.status AS status, p.expires_on AS expires_on,
  h.is_default AS is_default, h.use_count AS use_count, h.last_used AS last_used`;

// In the order of ids, which is an index's: about every second method is a default, so nothing is sorted or wasted.
const DEFAULTS = `
  MATCH (p:PaymentMethod) WHERE p.id > $after
  MATCH (p)<-[h:HAS_PAYMENT_METHOD {is_default: true}]-(c:Customer)
  RETURN ${SHOWN} ORDER BY p.id LIMIT $limit`;

/**
 * Every customer's default method.
 * @param input.after the last id of the page before
 */
export async function getAllDefaultPaymentMethods(
  reader: Reader,
  input: { limit: number; after?: string },
): Promise<ScannedMethod[]> {
  return reader.read<ScannedMethod>(DEFAULTS, { limit: input.limit, after: input.after ?? '' });
}

const EXPIRING = `
  MATCH (p:PaymentMethod)
  USING INDEX p:PaymentMethod(expires_on, id)
  WHERE p.expires_on >= date($from) AND p.expires_on <= date($to) AND p.id >= ''
    AND (p.expires_on > date($from) OR p.id > $after)
  MATCH (p)<-[h:HAS_PAYMENT_METHOD]-(c:Customer)
  WHERE p.status = 'active' AND h.proven AND c.status IN ['active', 'suspended']
    AND (h.is_default OR (h.use_count >= $frequent_use_count AND h.last_used >= datetime($used_since)))
  RETURN ${SHOWN} ORDER BY p.expires_on, p.id LIMIT $limit`;

/**
 * The active cards whose last day lies between two days, both included: defaults, and those that are used often and
 * lately.
 * @param input.from `YYYY-MM-DD`, as `to`
 * @param input.used_since RFC 3339
 * @param input.after the last one of the page before
 */
export async function getExpiringPaymentMethods(
  reader: Reader,
  input: {
    from: string;
    to: string;
    frequent_use_count: number;
    used_since: string;
    limit: number;
    after?: { expires_on: string; payment_method_id: string };
  },
): Promise<ScannedMethod[]> {
  const { after, ...parameters } = input;
  return reader.read<ScannedMethod>(EXPIRING, {
    ...parameters,
    from: after?.expires_on ?? parameters.from,
    after: after?.payment_method_id ?? '',
  });
}
