import type { SealedAddress } from '../../../domain/events.ts';
import { openSealedAddress } from '../../addresses/seal-address.ts';
import { BlindValue, nodeRef } from '../model.ts';
import { type FoldSecrets, type Folds, utcTime } from './fold.ts';

export const addressFolds: Folds<'AddressAdded' | 'AddressUpdated' | 'AddressRemoved'> = {
  AddressAdded(model, { stream_id, seq, occurred_at, recorded_at, data }, secrets) {
    const { address_id: id, type, is_default, is_verified, proven, awaits_identifier_id } = data;
    model.createNode(nodeRef('Address', id), {
      id,
      type,
      ...addressProperties(id, data, secrets),
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

  AddressUpdated(model, { stream_id, seq, recorded_at, data }, secrets) {
    const { address_id: id, last_shipped, proven, place, ...changes } = data;
    const ref = nodeRef('Address', id);
    const address = model.node(ref);
    const shipped = model.edge(nodeRef('Customer', stream_id), 'SHIPPED_TO', ref);
    if (!address || !shipped) return;
    Object.assign(address, changes, { changed_seq: seq, updated_at: utcTime(recorded_at) });
    if (place !== undefined) Object.assign(address, addressProperties(id, place, secrets));
    if (last_shipped !== undefined) shipped.last_shipped = utcTime(last_shipped);
    if (proven !== undefined) shipped.proven = proven;
    if (proven === true) shipped.awaits_identifier_id = null;
  },

  AddressRemoved(model, { data }) {
    model.removeNode(nodeRef('Address', data.address_id));
  },
};

function addressProperties(id: string, place: SealedAddress, { key, blindIndex }: FoldSecrets) {
  const { street1, street2, state, country } = place;
  const { city, zip_code, key: text } = openSealedAddress(key, id, place);
  const address_hash = new BlindValue(blindIndex, 'address', text);
  return { street1, street2, state, country, city, zip_code, address_hash };
}
