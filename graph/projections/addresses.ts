import type { SealedAddress } from '../../domain/events.ts';
import { openSealedAddress } from '../addresses/seal-address.ts';
import type { ProjectionSecrets, Projections } from './projection.ts';

export const addressProjections: Projections<'AddressAdded' | 'AddressUpdated' | 'AddressRemoved'> = {
  AddressAdded: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      CREATE (a:Address {
        id: $data.address_id, type: $data.type, is_default: $data.is_default, is_verified: $data.is_verified,
        changed_seq: $seq, created_at: datetime($recorded_at), updated_at: datetime($recorded_at)
      })
      SET a += $place
      CREATE (c)-[:SHIPPED_TO {
        first_shipped: datetime($occurred_at), last_shipped: datetime($occurred_at), proven: $data.proven,
        awaits_identifier_id: $data.awaits_identifier_id
      }]->(a)`,
    derived: ({ data }, secrets) => ({ place: addressProperties(data.address_id, data, secrets) }),
  },

  // Only the properties in the event are changed, on the node and on the edge.
  AddressUpdated: {
    cypher: `
      MATCH (a:Address {id: $data.address_id})
      MATCH (c:Customer {id: $stream_id})-[s:SHIPPED_TO]->(a)
      SET a += $changes, a.changed_seq = $seq, a.updated_at = datetime($recorded_at),
        s.last_shipped = coalesce(datetime($data.last_shipped), s.last_shipped),
        s.proven = coalesce($data.proven, s.proven),
        s.awaits_identifier_id = CASE WHEN $data.proven THEN null ELSE s.awaits_identifier_id END`,
    derived: ({ data }, secrets) => {
      const { address_id, last_shipped: _, proven: __, place, ...changes } = data;
      return {
        changes:
          place === undefined ? changes : { ...changes, ...addressProperties(address_id, place, secrets) },
      };
    },
  },

  AddressRemoved: { cypher: 'MATCH (a:Address {id: $data.address_id}) DETACH DELETE a' },
};

/** The location properties as stored on the node. */
function addressProperties(id: string, place: SealedAddress, { key, blindIndex }: ProjectionSecrets) {
  const { street1, street2, state, country } = place;
  const { city, zip_code, key: text } = openSealedAddress(key, id, place);
  const address_hash = blindIndex.hash('address', text);
  return { street1, street2, city, state, zip_code, country, address_hash };
}
