import type { Projections } from './projection.ts';

type CustomerEventType =
  | 'CustomerCreated'
  | 'CustomerProfileUpdated'
  | 'CustomerStatusChanged'
  | 'LtvAdjusted'
  | 'DeviceLinked'
  | 'LoginRecorded'
  | 'BehavioralProfileLinked'
  | 'IdentityMatchSuggested'
  | 'IdentityMatchResolved';

export const customerProjections: Projections<CustomerEventType> = {
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
  },

  CustomerProfileUpdated: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      SET c += $changes, c.changed_seq = $seq, c.updated_at = datetime($recorded_at)`,
    derived: ({ data: { gateway_customer_ref: sealed, ...rest }, stream_id }, { key }) => ({
      changes:
        sealed === undefined
          ? rest
          : {
              ...rest,
              gateway_customer_ref: key.open(sealed, 'Customer', stream_id, 'gateway_customer_ref'),
            },
    }),
  },

  CustomerStatusChanged: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      SET c.status = $data.new_status, c.status_seq = $seq, c.changed_seq = $seq, c.updated_at = datetime($recorded_at)`,
  },

  LtvAdjusted: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      SET c.ltv_minor = $data.new_ltv_minor,
        c.ltv_observed_at = coalesce(datetime($data.observed_at), c.ltv_observed_at),
        c.updated_at = datetime($recorded_at)`,
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
  },

  LoginRecorded: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      MATCH (d:Device {id: $data.device_id})
      MATCH (c)-[l:LOGGED_IN_FROM]->(d)
      SET l.login_count = $data.login_count, l.last_login = datetime($data.last_login), l.proven = $data.proven,
        l.awaits_identifier_id = CASE WHEN $data.proven THEN null ELSE l.awaits_identifier_id END`,
  },

  BehavioralProfileLinked: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      SET c.changed_seq = $seq
      MERGE (b:BehavioralProfile {id: $data.profile_id})
      SET b.baseline_data_ref = $data.baseline_data_ref, b.last_updated = datetime($occurred_at)
      MERGE (c)-[:HAS_BEHAVIORAL_PROFILE]->(b)`,
  },

  IdentityMatchSuggested: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      MATCH (other:Customer {id: $data.customer_id})
      CREATE (c)-[:POSSIBLY_SAME_AS {
        score: toFloat($data.score), evidence: $data.evidence, status: 'suggested',
        suggested_at: datetime($occurred_at)
      }]->(other)`,
  },

  IdentityMatchResolved: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      MATCH (other:Customer {id: $data.customer_id})
      MATCH (c)-[match:POSSIBLY_SAME_AS]->(other)
      SET match.status = $data.status`,
  },
};
