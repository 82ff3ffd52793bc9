import { nodeRef } from '../model.ts';
import { type Folds, moment } from './fold.ts';

export const addressFolds: Folds<'AddressAdded' | 'AddressUpdated' | 'AddressRemoved'> = {
  AddressAdded(model, { stream_id, seq, occurred_at, recorded_at, data }, { key }) {
    const { address_id: id, city, zip_code, proven, awaits_identifier_id, ...rest } = data;
    model.createNode(nodeRef('Address', id), {
      id,
      ...rest,
      city: key.open(city, 'Address', id, 'city'),
      zip_code: key.open(zip_code, 'Address', id, 'zip_code'),
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

  AddressUpdated(model, { stream_id, seq, recorded_at, data }, { key }) {
    const { address_id: id, last_shipped, proven, city, zip_code, ...plain } = data;
    const ref = nodeRef('Address', id);
    const address = model.node(ref);
    const shipped = model.edge(nodeRef('Customer', stream_id), 'SHIPPED_TO', ref);
    if (!address || !shipped) return;
    Object.assign(address, plain, { changed_seq: seq, updated_at: moment(recorded_at) });
    if (city !== undefined) address.city = key.open(city, 'Address', id, 'city');
    if (zip_code !== undefined) address.zip_code = key.open(zip_code, 'Address', id, 'zip_code');
    if (last_shipped !== undefined) shipped.last_shipped = moment(last_shipped);
    if (proven !== undefined) shipped.proven = proven;
    if (proven === true) shipped.awaits_identifier_id = null;
  },

  AddressRemoved(model, { data }) {
    model.removeNode(nodeRef('Address', data.address_id));
  },
};
