import type { IdentifierEvents } from '../../domain/events/identifiers.ts';
import { utcTime, type Effects } from './effect.ts';
import { BlindValue, type GraphModel, nodeRef, type Properties } from './model.ts';
import { foldProven, setProven } from './proof.ts';

// Identifiers are part of the profile: each of these events changes it.
export const identifierEffects: Effects<IdentifierEvents> = {
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
    fold(model, { stream_id, seq, occurred_at, recorded_at, data }, { key, blindIndex }) {
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
      SET ${setProven('e', 'true')}, e.awaits_identifier_id = null`,
    // What was added by the identifier while it was unverified is proven from now on.
    fold(model, { stream_id, seq, recorded_at, data }) {
      const identifier = model.node(nodeRef('DigitalIdentifier', data.identifier_id));
      if (identifier) Object.assign(identifier, { is_verified: true, updated_at: utcTime(recorded_at) });
      const node = model.node(nodeRef('Customer', stream_id));
      if (node) node.changed_seq = seq;
      for (const edge of waitingFor(model, stream_id, data.identifier_id)) {
        foldProven(edge, true);
        edge.awaits_identifier_id = null;
      }
    },
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
    fold(model, { stream_id, seq, data }) {
      model.removeNode(nodeRef('DigitalIdentifier', data.identifier_id));
      const node = model.node(nodeRef('Customer', stream_id));
      if (node) node.changed_seq = seq;
      for (const edge of waitingFor(model, stream_id, data.identifier_id)) edge.awaits_identifier_id = null;
    },
  },
};

function waitingFor(model: GraphModel, customerId: string, identifierId: string): Properties[] {
  return ['HAS_PAYMENT_METHOD', 'LOGGED_IN_FROM', 'SHIPPED_TO']
    .flatMap((type) => model.edgesFrom(nodeRef('Customer', customerId), type))
    .map(({ properties }) => properties)
    .filter(({ awaits_identifier_id }) => awaits_identifier_id === identifierId);
}
