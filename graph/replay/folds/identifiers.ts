import { BlindValue, type GraphModel, nodeRef, type Properties } from '../model.ts';
import { type Folds, utcTime } from './fold.ts';

type IdentifierEventType =
  | 'DigitalIdentifierAdded'
  | 'DigitalIdentifierVerified'
  | 'DigitalIdentifierRemoved';

export const identifierFolds: Folds<IdentifierEventType> = {
  DigitalIdentifierAdded(model, { stream_id, seq, occurred_at, recorded_at, data }, { key, blindIndex }) {
    const { identifier_id: id, type, value, is_verified } = data;
    model.createNode(nodeRef('DigitalIdentifier', id), {
      id,
      type,
      value,
      value_hash: new BlindValue(blindIndex, type, key.open(value, 'DigitalIdentifier', id, 'value')),
      is_verified,
      created_at: utcTime(recorded_at),
      updated_at: utcTime(recorded_at),
    });
    const customer = nodeRef('Customer', stream_id);
    const linked_at = utcTime(occurred_at);
    model.createEdge(customer, 'HAS_DIGITAL_IDENTIFIER', nodeRef('DigitalIdentifier', id), { linked_at });
    const node = model.node(customer);
    if (node) node.changed_seq = seq;
  },

  // What was added by the identifier while it was unverified is proven from now on.
  DigitalIdentifierVerified(model, { stream_id, seq, recorded_at, data }) {
    const identifier = model.node(nodeRef('DigitalIdentifier', data.identifier_id));
    if (identifier) Object.assign(identifier, { is_verified: true, updated_at: utcTime(recorded_at) });
    const node = model.node(nodeRef('Customer', stream_id));
    if (node) node.changed_seq = seq;
    for (const edge of waitingFor(model, stream_id, data.identifier_id)) {
      edge.proven = true;
      edge.awaits_identifier_id = null;
    }
  },

  DigitalIdentifierRemoved(model, { stream_id, seq, data }) {
    model.removeNode(nodeRef('DigitalIdentifier', data.identifier_id));
    const node = model.node(nodeRef('Customer', stream_id));
    if (node) node.changed_seq = seq;
    for (const edge of waitingFor(model, stream_id, data.identifier_id)) edge.awaits_identifier_id = null;
  },
};

function waitingFor(model: GraphModel, customerId: string, identifierId: string): Properties[] {
  return ['HAS_PAYMENT_METHOD', 'LOGGED_IN_FROM', 'SHIPPED_TO']
    .flatMap((type) => model.edgesFrom(nodeRef('Customer', customerId), type))
    .map(({ properties }) => properties)
    .filter(({ awaits_identifier_id }) => awaits_identifier_id === identifierId);
}
