import type { CustomerEvents } from '../../domain/events/customer.ts';
import { utcTime, type Effects } from './effect.ts';
import { edgeRef, nodeRef } from './model.ts';
import { foldProven, setProven } from './proof.ts';

export const customerEffects: Effects<CustomerEvents> = {
  CustomerCreated: {
    cypher: `
      CREATE (c:Customer {
        id: $stream_id, ltv_minor: $data.ltv_minor, acquisition_date: datetime($data.acquisition_date),
        segment: $data.segment, status: 'active', gateway_customer_ref: $gateway_customer_ref,
        locale: $data.locale, version: $seq, changed_seq: $seq, status_seq: $seq,
        created_at: datetime($recorded_at), updated_at: datetime($recorded_at)
      })`,
    derived: ({ data, stream_id }, { key }) => ({
      gateway_customer_ref:
        data.gateway_customer_ref &&
        key.open(data.gateway_customer_ref, 'Customer', stream_id, 'gateway_customer_ref'),
    }),
    fold(model, { stream_id, seq, recorded_at, data }, { key }) {
      const reference = data.gateway_customer_ref;
      model.createNode(nodeRef('Customer', stream_id), {
        id: stream_id,
        ltv_minor: data.ltv_minor,
        acquisition_date: utcTime(data.acquisition_date),
        segment: data.segment,
        status: 'active',
        gateway_customer_ref: reference && key.open(reference, 'Customer', stream_id, 'gateway_customer_ref'),
        locale: data.locale,
        changed_seq: seq,
        status_seq: seq,
        created_at: utcTime(recorded_at),
        updated_at: utcTime(recorded_at),
      });
    },
  },

  CustomerProfileUpdated: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      SET c += $changes, c.segment_observed_at = coalesce(datetime($data.segment_observed_at), c.segment_observed_at),
        c.changed_seq = $seq, c.updated_at = datetime($recorded_at)`,
    derived: (
      { data: { gateway_customer_ref: sealed, segment_observed_at: _, ...rest }, stream_id },
      { key },
    ) => ({
      changes:
        sealed === undefined
          ? rest
          : {
              ...rest,
              gateway_customer_ref: key.open(sealed, 'Customer', stream_id, 'gateway_customer_ref'),
            },
    }),
    fold(model, { stream_id, seq, recorded_at, data }, { key }) {
      const customer = model.node(nodeRef('Customer', stream_id));
      if (!customer) return;
      const { gateway_customer_ref: reference, segment_observed_at, ...open } = data;
      Object.assign(customer, open, { changed_seq: seq, updated_at: utcTime(recorded_at) });
      if (segment_observed_at !== undefined) customer.segment_observed_at = utcTime(segment_observed_at);
      if (reference !== undefined)
        customer.gateway_customer_ref = key.open(reference, 'Customer', stream_id, 'gateway_customer_ref');
    },
  },

  CustomerStatusChanged: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      SET c.status = $data.new_status, c.status_seq = $seq, c.changed_seq = $seq, c.updated_at = datetime($recorded_at)`,
    fold(model, { stream_id, seq, recorded_at, data }) {
      const customer = model.node(nodeRef('Customer', stream_id));
      if (customer)
        Object.assign(customer, {
          status: data.new_status,
          status_seq: seq,
          changed_seq: seq,
          updated_at: utcTime(recorded_at),
        });
    },
  },

  LtvAdjusted: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      SET c.ltv_minor = $data.new_ltv_minor,
        c.ltv_observed_at = coalesce(datetime($data.observed_at), c.ltv_observed_at),
        c.updated_at = datetime($recorded_at)`,
    fold(model, { stream_id, recorded_at, data }) {
      const customer = model.node(nodeRef('Customer', stream_id));
      if (!customer) return;
      Object.assign(customer, { ltv_minor: data.new_ltv_minor, updated_at: utcTime(recorded_at) });
      if (data.observed_at !== undefined) customer.ltv_observed_at = utcTime(data.observed_at);
    },
  },

  // The edge has customer_id for its index: it yields a customer's newest devices without traversing all of them.
  DeviceLinked: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      MATCH (d:Device {id: $data.device_id})
      CREATE (c)-[:LOGGED_IN_FROM {
        customer_id: $stream_id, login_count: 1, first_login: datetime($occurred_at),
        last_login: datetime($occurred_at), proven: $data.proven, awaits_identifier_id: $data.awaits_identifier_id
      }]->(d)`,
    fold(model, { stream_id, occurred_at, data }) {
      model.createEdge(nodeRef('Customer', stream_id), 'LOGGED_IN_FROM', nodeRef('Device', data.device_id), {
        customer_id: stream_id,
        login_count: 1,
        first_login: utcTime(occurred_at),
        last_login: utcTime(occurred_at),
        proven: data.proven,
        awaits_identifier_id: data.awaits_identifier_id,
      });
    },
  },

  LoginRecorded: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      MATCH (d:Device {id: $data.device_id})
      MATCH (c)-[l:LOGGED_IN_FROM]->(d)
      SET l.login_count = $data.login_count, l.last_login = datetime($data.last_login), ${setProven('l', '$data.proven')},
        l.awaits_identifier_id = CASE WHEN $data.proven THEN null ELSE l.awaits_identifier_id END`,
    fold(model, { stream_id, data }) {
      const device = nodeRef('Device', data.device_id);
      const login = model.edge(nodeRef('Customer', stream_id), 'LOGGED_IN_FROM', device);
      if (!login) return;
      login.login_count = data.login_count;
      login.last_login = utcTime(data.last_login);
      foldProven(login, data.proven);
      if (data.proven) login.awaits_identifier_id = null;
    },
  },

  DeviceUnlinked: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      MATCH (d:Device {id: $data.device_id})
      MATCH (c)-[l:LOGGED_IN_FROM]->(d)
      DELETE l`,
    fold(model, { stream_id, data }) {
      const device = nodeRef('Device', data.device_id);
      model.edges.delete(edgeRef(nodeRef('Customer', stream_id), 'LOGGED_IN_FROM', device));
    },
  },

  BehavioralProfileLinked: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      SET c.changed_seq = $seq
      MERGE (b:BehavioralProfile {id: $data.profile_id})
      SET b.baseline_data_ref = $data.baseline_data_ref, b.last_updated = datetime($occurred_at)
      MERGE (c)-[:HAS_BEHAVIORAL_PROFILE]->(b)`,
    fold(model, { stream_id, seq, occurred_at, data }) {
      const customer = nodeRef('Customer', stream_id);
      const profile = nodeRef('BehavioralProfile', data.profile_id);
      const node = model.node(customer);
      if (node) node.changed_seq = seq;
      if (!model.nodes.has(profile)) {
        model.createNode(profile, { id: data.profile_id });
        model.createEdge(customer, 'HAS_BEHAVIORAL_PROFILE', profile);
      }
      const { baseline_data_ref } = data;
      Object.assign(model.node(profile) ?? {}, { baseline_data_ref, last_updated: utcTime(occurred_at) });
    },
  },

  IdentityMatchSuggested: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      MATCH (other:Customer {id: $data.customer_id})
      CREATE (c)-[:POSSIBLY_SAME_AS {
        score: toFloat($data.score), evidence: $data.evidence, status: 'suggested',
        suggested_at: datetime($occurred_at)
      }]->(other)`,
    fold(model, { stream_id, occurred_at, data }) {
      const other = nodeRef('Customer', data.customer_id);
      model.createEdge(nodeRef('Customer', stream_id), 'POSSIBLY_SAME_AS', other, {
        score: data.score,
        evidence: data.evidence,
        status: 'suggested',
        suggested_at: utcTime(occurred_at),
      });
    },
  },

  IdentityMatchResolved: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      MATCH (other:Customer {id: $data.customer_id})
      MATCH (c)-[match:POSSIBLY_SAME_AS]->(other)
      SET match.status = $data.status`,
    fold(model, { stream_id, data }) {
      const other = nodeRef('Customer', data.customer_id);
      const match = model.edge(nodeRef('Customer', stream_id), 'POSSIBLY_SAME_AS', other);
      if (match) match.status = data.status;
    },
  },
};
