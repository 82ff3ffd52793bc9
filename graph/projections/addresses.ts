import type { Projections } from './projection.ts';

export const addressProjections: Projections<'AddressAdded' | 'AddressUpdated' | 'AddressRemoved'> = {
  AddressAdded: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      CREATE (a:Address {
        id: $data.address_id, type: $data.type, street1: $data.street1, street2: $data.street2, city: $city,
        state: $data.state, zip_code: $zip_code, country: $data.country, is_default: $data.is_default,
        is_verified: $data.is_verified, changed_seq: $seq,
        created_at: datetime($recorded_at), updated_at: datetime($recorded_at)
      })
      CREATE (c)-[:SHIPPED_TO {
        first_shipped: datetime($occurred_at), last_shipped: datetime($occurred_at), proven: $data.proven,
        awaits_identifier_id: $data.awaits_identifier_id
      }]->(a)`,
    derived: ({ data }, { key }) => ({
      city: key.open(data.city, 'Address', data.address_id, 'city'),
      zip_code: key.open(data.zip_code, 'Address', data.address_id, 'zip_code'),
    }),
  },

  // Only what the event names is changed, on the node and on the edge.
  AddressUpdated: {
    cypher: `
      MATCH (a:Address {id: $data.address_id})
      MATCH (c:Customer {id: $stream_id})-[s:SHIPPED_TO]->(a)
      SET a += $changes, a.changed_seq = $seq, a.updated_at = datetime($recorded_at),
        s.last_shipped = coalesce(datetime($data.last_shipped), s.last_shipped),
        s.proven = coalesce($data.proven, s.proven),
        s.awaits_identifier_id = CASE WHEN $data.proven THEN null ELSE s.awaits_identifier_id END`,
    derived: ({ data }, { key }) => {
      const { address_id: id, last_shipped: _, proven: __, city, zip_code, ...changes } = data;
      return {
        changes: {
          ...changes,
          ...(city === undefined ? {} : { city: key.open(city, 'Address', id, 'city') }),
          ...(zip_code === undefined ? {} : { zip_code: key.open(zip_code, 'Address', id, 'zip_code') }),
        },
      };
    },
  },

  AddressRemoved: { cypher: 'MATCH (a:Address {id: $data.address_id}) DETACH DELETE a' },
};
