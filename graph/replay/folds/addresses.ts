import type { SealedPlace } from '../../../domain/events.ts';
import { openPlace } from '../../addresses/place.ts';
import { BlindValue, nodeRef } from '../model.ts';
import { type FoldSecrets, type Folds, moment } from './fold.ts';

export const addressFolds: Folds<'AddressAdded' | 'AddressUpdated' | 'AddressRemoved'> = {
  AddressAdded(model, { stream_id, seq, occurred_at, recorded_at, data }, secrets) {
    const { address_id: id, type, is_default, is_verified, proven, awaits_identifier_id } = data;
    model.createNode(nodeRef('Address', id), {
      id,
      type,
      ...placeOf(id, data, secrets),
      is_default,
      is_verified,
      changed_seq: seq,
      created_at: moment(recorded_at),
      updated_at: moment(recorded_at),
    });
    model.createEdge(nodeRef('Customer', stream_id), 'SHIPPED_TO', nodeRef('Address', id), {
      first_shipped: moment(occurred_at),
      last_shipped: moment(occurred_at),
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
    Object.assign(address, changes, { changed_seq: seq, updated_at: moment(recorded_at) });
    if (place !== undefined) Object.assign(address, placeOf(id, place, secrets));
    if (last_shipped !== undefined) shipped.last_shipped = moment(last_shipped);
    if (proven !== undefined) shipped.proven = proven;
    if (proven === true) shipped.awaits_identifier_id = null;
  },

  AddressRemoved(model, { data }) {
    model.removeNode(nodeRef('Address', data.address_id));
  },
};

function placeOf(id: string, place: SealedPlace, { key, blindIndex }: FoldSecrets) {
  const { street1, street2, state, country } = place;
  const { city, zip_code, key: text } = openPlace(key, id, place);
  const address_hash = new BlindValue(blindIndex, 'address', text);
  return { street1, street2, state, country, city, zip_code, address_hash };
}
