import type { Projections } from './projection.ts';

type IdentifierEventType =
  | 'DigitalIdentifierAdded'
  | 'DigitalIdentifierVerified'
  | 'DigitalIdentifierRemoved';

// Identifiers are part of the profile: each of these events changes it.
export const identifierProjections: Projections<IdentifierEventType> = {
  DigitalIdentifierAdded: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      SET c.changed_seq = $seq
      CREATE (i:DigitalIdentifier {
        id: $data.identifier_id, type: $data.type, value: $data.value, value_hash: $value_hash,
        is_verified: $data.is_verified, created_at: datetime($recorded_at), updated_at: datetime($recorded_at)
      })
      CREATE (c)-[:HAS_DIGITAL_IDENTIFIER {linked_at: datetime($occurred_at)}]->(i)`,
    derived: ({ data }, { key, blindIndex }) => ({
      value_hash: blindIndex.hash(
        data.type,
        key.open(data.value, 'DigitalIdentifier', data.identifier_id, 'value'),
      ),
    }),
  },

  // What was linked through the unverified identifier becomes proven.
  DigitalIdentifierVerified: {
    cypher: `
      MATCH (i:DigitalIdentifier {id: $data.identifier_id})
      SET i.is_verified = true, i.updated_at = datetime($recorded_at)
      WITH i
      MATCH (c:Customer {id: $stream_id})
      SET c.changed_seq = $seq
      WITH c, i
      OPTIONAL MATCH (c)-[e:HAS_PAYMENT_METHOD|LOGGED_IN_FROM|SHIPPED_TO {awaits_identifier_id: i.id}]->()
      SET e.proven = true, e.awaits_identifier_id = null`,
  },

  // What awaited the identifier's verification no longer does, and remains unproven until the customer claims it.
  DigitalIdentifierRemoved: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      SET c.changed_seq = $seq
      WITH c
      OPTIONAL MATCH (c)-[e:HAS_PAYMENT_METHOD|LOGGED_IN_FROM|SHIPPED_TO {
        awaits_identifier_id: $data.identifier_id
      }]->()
      SET e.awaits_identifier_id = null
      WITH DISTINCT c
      MATCH (i:DigitalIdentifier {id: $data.identifier_id})
      DETACH DELETE i`,
  },
};
