import { isInternalProperty, setsTime } from '../../domain/edit-events.ts';
import type { Projections } from './projection.ts';

type EditEventType = 'RelationshipAdded' | 'RelationshipAttributeChanged' | 'NodePropertyChanged';

export const editProjections: Projections<EditEventType> = {
  RelationshipAdded: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.source_id})
      MATCH (d:Device {id: $data.target_id})
      CREATE (p)-[:USED_ON {first_use: datetime($occurred_at), last_use: datetime($occurred_at)}]->(d)`,
  },

  // Ends that this type of edge does not have are null, and match nothing.
  RelationshipAttributeChanged: {
    cypher: `
      OPTIONAL MATCH (p:PaymentMethod {id: $held_id})
      OPTIONAL MATCH (:Customer {id: $stream_id})-[h:HAS_PAYMENT_METHOD]->(p)
      OPTIONAL MATCH (d:Device {id: $device_id})
      OPTIONAL MATCH (:Customer {id: $stream_id})-[l:LOGGED_IN_FROM]->(d)
      OPTIONAL MATCH (a:Address {id: $address_id})
      OPTIONAL MATCH (:Customer {id: $stream_id})-[s:SHIPPED_TO]->(a)
      OPTIONAL MATCH (m:PaymentMethod {id: $used_id})
      OPTIONAL MATCH (m)-[u:USED_ON]->(:Device {id: $data.target_id})
      SET h.last_used = datetime($data.value), p.changed_seq = $seq,
        l.last_login = datetime($data.value),
        s.last_shipped = datetime($data.value), a.changed_seq = $seq,
        u.last_use = datetime($data.value)`,
    derived: ({ data: { type, source_id, target_id } }) => ({
      held_id: type === 'HAS_PAYMENT_METHOD' ? target_id : null,
      device_id: type === 'LOGGED_IN_FROM' ? target_id : null,
      address_id: type === 'SHIPPED_TO' ? target_id : null,
      used_id: type === 'USED_ON' ? source_id : null,
    }),
  },

  // A time is set as a datetime; a removed one is null like any other property.
  NodePropertyChanged: {
    cypher: `
      OPTIONAL MATCH (o:Obligation {payment_id: $payment_id})
      OPTIONAL MATCH (i:DigitalIdentifier {id: $identifier_id})
      OPTIONAL MATCH (c:Customer {id: $profile_id})
      OPTIONAL MATCH (p:PaymentMethod {id: $payment_method_id})
      OPTIONAL MATCH (n:Customer {id: $customer_id})
      SET n += $changes, o += $changes, o.changed_seq = $seq,
        o.closes_at = coalesce(datetime($closes_at), o.closes_at),
        o.clock_stopped_at = coalesce(datetime($clock_stopped_at), o.clock_stopped_at),
        i += $changes, i.updated_at = datetime($recorded_at), c.changed_seq = $seq,
        p += $changes, p.expiry_wanted_at = coalesce(datetime($expiry_wanted_at), p.expiry_wanted_at),
        p.changed_seq = CASE WHEN $is_kept_beside THEN p.changed_seq ELSE $seq END,
        p.updated_at = CASE WHEN $is_kept_beside THEN p.updated_at ELSE datetime($recorded_at) END`,
    derived: ({ data, stream_id }) => ({
      customer_id: data.label === 'Customer' ? data.id : null,
      payment_method_id: data.label === 'PaymentMethod' ? data.id : null,
      is_kept_beside: isInternalProperty(data),
      payment_id: data.label === 'Obligation' ? data.id : null,
      identifier_id: data.label === 'DigitalIdentifier' ? data.id : null,
      profile_id: data.label === 'DigitalIdentifier' ? stream_id : null,
      closes_at: data.property === 'closes_at' ? data.value : null,
      clock_stopped_at: data.property === 'clock_stopped_at' ? data.value : null,
      expiry_wanted_at: data.property === 'expiry_wanted_at' ? data.value : null,
      changes: setsTime(data) ? {} : { [data.property]: data.value },
    }),
  },
};
