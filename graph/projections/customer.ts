import type { Projections } from './projection.ts';

type Own =
  | 'CustomerCreated'
  | 'CustomerProfileUpdated'
  | 'CustomerStatusChanged'
  | 'LtvAdjusted'
  | 'DeviceLinked'
  | 'LoginRecorded'
  | 'AddressAdded'
  | 'AddressUpdated'
  | 'DigitalIdentifierAdded'
  | 'DigitalIdentifierVerified'
  | 'BehavioralProfileLinked'
  | 'IdentityMatchSuggested';

export const customerProjections: Projections<Own> = {
  CustomerCreated: {
    cypher: `
      CREATE (c:Customer {
        id: $stream_id, ltv_minor: $data.ltv_minor, acquisition_date: datetime($data.acquisition_date),
        segment: $data.segment, status: 'active', gateway_customer_ref: $gateway_customer_ref,
        locale: $data.locale, version: $seq, changed_seq: $seq,
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
      SET c.status = $data.new_status, c.changed_seq = $seq, c.updated_at = datetime($recorded_at)`,
  },

  LtvAdjusted: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      SET c.ltv_minor = $data.new_ltv_minor, c.updated_at = datetime($recorded_at)`,
  },

  // customer_id stands on the edge for its index: the newest devices of one customer without walking all of them.
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

  AddressAdded: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      CREATE (a:Address {
        id: $data.address_id, type: $data.type, street1: $data.street1, street2: $data.street2, city: $city,
        state: $data.state, zip_code: $zip_code, country: $data.country, is_default: $data.is_default,
        is_verified: $data.is_verified, changed_seq: $seq,
        created_at: datetime($recorded_at), updated_at: datetime($recorded_at)
      })
      CREATE (c)-[:SHIPPED_TO {
        first_shipped: datetime($occurred_at), last_shipped: datetime($occurred_at), proven: $data.proven
      }]->(a)`,
    derived: ({ data }, { key }) => ({
      city: key.open(data.city, 'Address', data.address_id, 'city'),
      zip_code: key.open(data.zip_code, 'Address', data.address_id, 'zip_code'),
    }),
  },

  AddressUpdated: {
    cypher: `
      MATCH (a:Address {id: $data.address_id})
      MATCH (c:Customer {id: $stream_id})-[s:SHIPPED_TO]->(a)
      SET a.is_verified = $data.is_verified, a.changed_seq = $seq, a.updated_at = datetime($recorded_at),
        s.last_shipped = datetime($data.last_shipped), s.proven = $data.proven`,
  },

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
  },

  // What was linked through it while it was unverified becomes the customer's own.
  DigitalIdentifierVerified: {
    cypher: `
      MATCH (i:DigitalIdentifier {id: $data.identifier_id})
      SET i.is_verified = true, i.updated_at = datetime($recorded_at)
      WITH i
      MATCH (c:Customer {id: $stream_id})
      SET c.changed_seq = $seq
      WITH c, i
      OPTIONAL MATCH (c)-[e:HAS_PAYMENT_METHOD|LOGGED_IN_FROM {awaits_identifier_id: i.id}]->()
      SET e.proven = true, e.awaits_identifier_id = null`,
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
};
