import { RELATIONSHIP_ENDS, RELATIONSHIP_TIMES } from '../../../domain/relationships.ts';
import { isInternalProperty, setsTime } from '../../../domain/edit-events.ts';
import { nodeRef } from '../model.ts';
import { type Folds, utcTime } from './fold.ts';

type EditEventType = 'RelationshipAdded' | 'RelationshipAttributeChanged' | 'NodePropertyChanged';

export const editFolds: Folds<EditEventType> = {
  RelationshipAdded(model, { occurred_at, data }) {
    const times = { first_use: utcTime(occurred_at), last_use: utcTime(occurred_at) };
    model.createEdge(
      nodeRef('PaymentMethod', data.source_id),
      'USED_ON',
      nodeRef('Device', data.target_id),
      times,
    );
  },

  // Methods and addresses are returned with this time, so their version changes.
  RelationshipAttributeChanged(model, { seq, data }) {
    const { type, source_id, target_id, value } = data;
    const [source, target] = RELATIONSHIP_ENDS[type];
    const edge = model.edge(nodeRef(source, source_id), type, nodeRef(target, target_id));
    if (edge) edge[RELATIONSHIP_TIMES[type]] = utcTime(value);
    if (type !== 'HAS_PAYMENT_METHOD' && type !== 'SHIPPED_TO') return;
    const node = model.node(nodeRef(target, target_id));
    if (node) node.changed_seq = seq;
  },

  NodePropertyChanged(model, { stream_id, seq, recorded_at, data }) {
    const node = model.node(nodeRef(data.label, data.id));
    if (!node) return;
    node[data.property] = setsTime(data) ? utcTime(String(data.value)) : data.value;
    if (isInternalProperty(data)) return;
    if (data.label === 'Obligation') {
      node.changed_seq = seq;
      return;
    }
    node.updated_at = utcTime(recorded_at);
    if (data.label === 'PaymentMethod') {
      node.changed_seq = seq;
      return;
    }
    const customer = model.node(nodeRef('Customer', stream_id));
    if (customer) customer.changed_seq = seq;
  },
};
