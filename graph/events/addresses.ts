import type { AddressEvents, SealedAddress } from '../../domain/events/addresses.ts';
import { openSealedAddress } from '../addresses/seal-address.ts';
import { utcTime, type Effects, type EffectSecrets } from './effect.ts';
import { BlindValue, nodeRef } from './model.ts';
import { foldProven, provenOtherwise, setProven } from './proof.ts';

export const addressEffects: Effects<AddressEvents> = {
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
    derived: ({ data }, secrets) => ({ place: placeParameters(data.address_id, data, secrets) }),
    fold(model, { stream_id, seq, occurred_at, recorded_at, data }, secrets) {
      const { address_id: id, type, is_default, is_verified, proven, awaits_identifier_id } = data;
      model.createNode(nodeRef('Address', id), {
        id,
        type,
        ...placeProperties(id, data, secrets),
        is_default,
        is_verified,
        changed_seq: seq,
        created_at: utcTime(recorded_at),
        updated_at: utcTime(recorded_at),
      });
      model.createEdge(nodeRef('Customer', stream_id), 'SHIPPED_TO', nodeRef('Address', id), {
        first_shipped: utcTime(occurred_at),
        last_shipped: utcTime(occurred_at),
        proven,
        awaits_identifier_id,
      });
    },
  },

  // Only the properties in the event are changed, on the node and on the edge.
  AddressUpdated: {
    cypher: `
      MATCH (a:Address {id: $data.address_id})
      MATCH (c:Customer {id: $stream_id})-[s:SHIPPED_TO]->(a)
      SET a += $changes, a.changed_seq = $seq, a.updated_at = datetime($recorded_at),
        s.last_shipped = coalesce(datetime($data.last_shipped), s.last_shipped),
        ${setProven('s', `coalesce($data.proven, ${provenOtherwise('s')})`)},
        s.awaits_identifier_id = CASE WHEN $data.proven THEN null ELSE s.awaits_identifier_id END`,
    derived: ({ data }, secrets) => {
      const { address_id, last_shipped: _, proven: __, place, ...changes } = data;
      return {
        changes:
          place === undefined ? changes : { ...changes, ...placeParameters(address_id, place, secrets) },
      };
    },
    fold(model, { stream_id, seq, recorded_at, data }, secrets) {
      const { address_id: id, last_shipped, proven, place, ...changes } = data;
      const ref = nodeRef('Address', id);
      const address = model.node(ref);
      const shipped = model.edge(nodeRef('Customer', stream_id), 'SHIPPED_TO', ref);
      if (!address || !shipped) return;
      Object.assign(address, changes, { changed_seq: seq, updated_at: utcTime(recorded_at) });
      if (place !== undefined) Object.assign(address, placeProperties(id, place, secrets));
      if (last_shipped !== undefined) shipped.last_shipped = utcTime(last_shipped);
      if (proven !== undefined) foldProven(shipped, proven);
      if (proven === true) shipped.awaits_identifier_id = null;
    },
  },

  AddressRemoved: {
    cypher: 'MATCH (a:Address {id: $data.address_id}) DETACH DELETE a',
    fold(model, { data }) {
      model.removeNode(nodeRef('Address', data.address_id));
    },
  },
};

/** The location properties as stored on the node. */
function placeParameters(id: string, place: SealedAddress, { key, blindIndex }: EffectSecrets) {
  const { street1, street2, state, country } = place;
  const { city, zip_code, key: text } = openSealedAddress(key, id, place);
  const address_hash = blindIndex.hash('address', text);
  return { street1, street2, city, state, zip_code, country, address_hash };
}

function placeProperties(id: string, place: SealedAddress, { key, blindIndex }: EffectSecrets) {
  const { street1, street2, state, country } = place;
  const { city, zip_code, key: text } = openSealedAddress(key, id, place);
  const address_hash = new BlindValue(blindIndex, 'address', text);
  return { street1, street2, state, country, city, zip_code, address_hash };
}
