import { isHidden } from '../../domain/erasure/visibility.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { CustomerStatus } from '../../domain/events/customer.ts';
import type { IdentifierDetails } from '../../domain/onboarding/types.ts';
import type { DataKey } from '../../security/data-key.ts';
import type { Graph } from '../kernel/graph.ts';
import { readWithOpenKey } from '../kernel/key-store.ts';
import { withoutNulls } from '../kernel/values.ts';

/** The profile as the customer sees it (docs/reference/interfaces.md, 'Shapes of responses'). */
export interface CustomerProfile {
  customer_id: string;
  segment: string;
  status: CustomerStatus;
  locale?: string;
  identifiers: {
    identifier_id: string;
    type: IdentifierDetails['type'];
    value: string;
    is_verified: boolean;
  }[];
  behavioral_profile_ref?: string;
  payment_method_count: number;
  device_count: number;
  version: number;
  changed_seq: number;
}

const PROFILE = `
  MATCH (c:Customer {id: $id})
  OPTIONAL MATCH (c)-[:HAS_BEHAVIORAL_PROFILE]->(b:BehavioralProfile)
  WITH c, b ORDER BY b.last_updated DESC LIMIT 1
  RETURN c.id AS customer_id, c.segment AS segment, c.status AS status, c.locale AS locale,
    c.version AS version, c.changed_seq AS changed_seq, b.baseline_data_ref AS behavioral_profile_ref,
    COLLECT {
      MATCH (c)-[h:HAS_DIGITAL_IDENTIFIER]->(i:DigitalIdentifier)
      RETURN {identifier_id: i.id, type: i.type, value: i.value, is_verified: i.is_verified}
      ORDER BY h.linked_at, i.id
    } AS identifiers,
    COUNT {
      MATCH (c)-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod) WHERE h.proven AND p.removed_at IS NULL
    } AS payment_method_count,
    COUNT { MATCH (c)-[l:LOGGED_IN_FROM]->(:Device) WHERE l.proven } AS device_count`;

/** @throws PersonaError customer_not_found */
export async function getCustomerProfile(
  graph: Graph,
  input: { customer_id: string },
): Promise<CustomerProfile> {
  const owner = { label: 'CustomerKey', id: input.customer_id } as const;
  const { row, key } = await readWithOpenKey<CustomerProfile>(graph, owner, { cypher: PROFILE });
  if (row === undefined || isHidden(row.status) || key === undefined) {
    throw new PersonaError('customer_not_found', `there is no customer ${input.customer_id}`);
  }
  const identifiers = row.identifiers.map((identifier) => ({
    ...identifier,
    value: openIdentifier(key, identifier),
  }));
  return withoutNulls({ ...row, identifiers });
}

function openIdentifier(key: DataKey, identifier: { identifier_id: string; value: string }): string {
  return key.open(identifier.value, 'DigitalIdentifier', identifier.identifier_id, 'value');
}
