/** A card as the graph knows it: by the fingerprint of its number, across tokens and customers. */

import { trustQuery } from '../devices/trust-query.ts';
import type { AttemptNode } from './records.ts';

/**
 * Every attempt `a` on the card behind the method `p`, own and reported: those with its number, and those of the method
 * itself whose number is not known. A method whose number has changed has a new history.
 * The index on number and time is used only if the statement names both.
 */
export const ATTEMPTS_ON_CARD = `
  CALL (p) {
    MATCH (a:ChargeAttempt {payment_method_id: p.id}) WHERE a.instrument_fingerprint IS NULL RETURN a
    UNION
    MATCH (a:ChargeAttempt {instrument_fingerprint: p.instrument_fingerprint})
    WHERE a.claimed_at IS NOT NULL RETURN a
  }`;

/** Whether the card behind the method `p` is compromised, under any token of any customer. */
export const IS_COMPROMISED = `
    EXISTS {
      MATCH (same:PaymentMethod {instrument_fingerprint: p.instrument_fingerprint})
      WHERE same.status = 'compromised'
    }`;

export const readCardQuery = trustQuery(
  (isTrusted) => `
  MATCH (c:Customer {id: $customer_id})-[:HAS_PAYMENT_METHOD]->(p:PaymentMethod {id: $payment_method_id})
  RETURN
    p.updated_at.epochMillis AS changed_at,
    EXISTS {
      MATCH (p)-[:USED_ON]->(d:Device)<-[l:LOGGED_IN_FROM]-(c)
      WHERE l.proven AND ${isTrusted}
    } AS on_trusted_device,
    EXISTS {
      MATCH (same:PaymentMethod {instrument_fingerprint: p.instrument_fingerprint})
      WHERE NOT EXISTS { (c)-[:HAS_PAYMENT_METHOD]->(same) }
    } AS shared,
    ${IS_COMPROMISED} AS compromised,
    COLLECT {
      ${ATTEMPTS_ON_CARD}
      RETURN properties(a) ORDER BY a.claimed_at, a.key
    } AS history`,
);

export interface CardRow {
  /** When the method was added, or its details or status last changed, epoch milliseconds. */
  changed_at: number;
  on_trusted_device: boolean;
  /** Whether other customers hold the same card. */
  shared: boolean;
  /** Whether it is compromised under any token of any customer. */
  compromised: boolean;
  /** Every attempt on this card, across tokens and customers. */
  history: AttemptNode[];
}
