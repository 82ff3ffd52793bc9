/**
 * Reproducible graphs of any size, for benchmarks that read. Written by bulk Cypher instead of commands: the nodes, edges
 * and properties that queries read are as written by commands, but there are no events, receipts or data keys, and
 * encrypted values are placeholders. `verifyCustomer` would report differences, and commands cannot run on it.
 */

import type { Graph } from '../graph/index.ts';
import { toParameters } from '../graph/values.ts';

const ROWS_AT_ONCE = 5_000;

const CUSTOMER = `CREATE (c:Customer {
      id: '10000000-0000-4000-8000-' + digits, ltv_minor: n % 200000, acquisition_date: then,
      segment: ['NEW', 'REGULAR', 'VIP'][n % 3], status: 'active', locale: 'en-US', version: 5, changed_seq: 5,
      status_seq: 1, created_at: then, updated_at: then
    })`;
const CARD = `CREATE (p:PaymentMethod {
      id: '30000000-0000-4000-8000-' + digits, type: 'card', status: 'active', token: 'sealed', token_hash: 'world:' + digits,
      brand: ['visa', 'mastercard', 'amex', 'discover', 'visa'][n % 5], network: 'visa', last_four: right(digits, 4),
      expiry_month: 12, expiry_year: 2030, expires_on: date('2030-12-31'), changed_seq: 2, status_seq: 2, created_at: then,
      updated_at: then
    })`;
const OWNS = `CREATE (c)-[:HAS_PAYMENT_METHOD {
      first_used: then, last_used: then, use_count: 1, is_default: true, off_session_consent: true, proven: true,
      added_by: 'service'
    }]->(p)`;

/**
 * Every customer has one device with one login, one card used on it, one address and one e-mail address, all of them
 * proven. User agent (every 3), trust score (every 10) and brand (every 5) repeat after 30 customers, and only then the
 * state changes, so that every combination occurs.
 */
const ADD_CUSTOMERS = `
  UNWIND range($from, $to) AS n
  CALL (n) {
    WITH n, right('000000000000' + toString(n), 12) AS digits, datetime($now) AS now,
      datetime($now) - duration({minutes: n % 500000}) AS then
    ${CUSTOMER}
    CREATE (d:Device {
      id: '20000000-0000-4000-8000-' + digits, fingerprint: 'sealed', fingerprint_hash: 'world:' + digits,
      trust_score: (n % 10) / 10.0, last_seen_user_agent: ['iPhone', 'Android', 'Windows'][n % 3], last_seen_at: then,
      version: 1, changed_seq: 1, created_at: then, updated_at: then
    })
    ${CARD}
    CREATE (a:Address {
      id: '40000000-0000-4000-8000-' + digits, type: 'shipping', street1: 'sealed', city: 'Springfield',
      state: ['NY', 'CA', 'TX', 'FL', 'IL', 'OH', 'PA', 'GA', 'NC', 'MI'][(n / 30) % 10], zip_code: '10013', country: 'US',
      is_default: true, is_verified: true, changed_seq: 3, created_at: then, updated_at: then
    })
    CREATE (i:DigitalIdentifier {
      id: '50000000-0000-4000-8000-' + digits, type: 'email', value: 'sealed', value_hash: 'world:' + digits, is_verified: true,
      created_at: then, updated_at: then
    })
    CREATE (c)-[:LOGGED_IN_FROM {
      customer_id: c.id, login_count: 1, first_login: then, last_login: then, proven: true
    }]->(d)
    ${OWNS}
    CREATE (p)-[:USED_ON {first_use: then, last_use: then}]->(d)
    CREATE (c)-[:SHIPPED_TO {first_shipped: then, last_shipped: then, proven: true}]->(a)
    CREATE (c)-[:HAS_DIGITAL_IDENTIFIER {linked_at: then}]->(i)
  } IN TRANSACTIONS OF $rows ROWS`;

/** The same customers with only the card, whose last notice has been decided. */
const ADD_CARDS = `
  UNWIND range($from, $to) AS n
  CALL (n) {
    WITH n, right('000000000000' + toString(n), 12) AS digits,
      datetime($now) - duration({minutes: n % 500000}) AS then
    ${CUSTOMER}
    ${CARD}
    SET p.expiry_noticed = $noticed
    ${OWNS}
  } IN TRANSACTIONS OF $rows ROWS`;

const LINK_DEVICES = `
  MATCH (c:Customer {id: $customer_id})
  UNWIND range($from, $to) AS n
  CALL (c, n) {
    MATCH (d:Device {id: '20000000-0000-4000-8000-' + right('000000000000' + toString(n), 12)})
    WITH c, d, datetime($now) - duration({minutes: n}) AS then
    CREATE (c)-[:LOGGED_IN_FROM {
      customer_id: c.id, login_count: 1, first_login: then, last_login: then, proven: true
    }]->(d)
  } IN TRANSACTIONS OF $rows ROWS`;

const LINK_CUSTOMERS = `
  MATCH (d:Device {id: $device_id})
  UNWIND range($from, $to) AS n
  CALL (d, n) {
    MATCH (c:Customer {id: '10000000-0000-4000-8000-' + right('000000000000' + toString(n), 12)})
    WITH c, d, datetime($now) - duration({minutes: n}) AS then
    CREATE (c)-[:LOGGED_IN_FROM {
      customer_id: c.id, login_count: 1, first_login: then, last_login: then, proven: true
    }]->(d)
  } IN TRANSACTIONS OF $rows ROWS`;

/** Times in the graph are calculated back from here. */
const NOW = '2026-11-01T00:00:00.000Z';

const id = (kind: number, n: number) => `${kind}0000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
/** The n-th customer's id, from 1 on. */
export const customerId = (n: number) => id(1, n);
/** The id of the n-th customer's device. */
export const deviceId = (n: number) => id(2, n);

/** Adds customers `from` to `to`; indexes and constraints must exist. */
export function addSyntheticCustomers(graph: Graph, from: number, to: number): Promise<void> {
  return bulk(graph, ADD_CUSTOMERS, { from, to });
}

/** Adds customers with only their cards. @param input.noticed the mark of a decided notice on each card */
export function addSyntheticCards(
  graph: Graph,
  input: { from: number; to: number; noticed: string },
): Promise<void> {
  return bulk(graph, ADD_CARDS, input);
}

/** Adds logins of one customer from the devices of the customers `from` to `to`. */
export function linkDevices(graph: Graph, customer_id: string, from: number, to: number): Promise<void> {
  return bulk(graph, LINK_DEVICES, { customer_id, from, to });
}

/** Adds logins of the customers `from` to `to` from one device. */
export function linkCustomers(graph: Graph, device_id: string, from: number, to: number): Promise<void> {
  return bulk(graph, LINK_CUSTOMERS, { device_id, from, to });
}

async function bulk(graph: Graph, cypher: string, parameters: Record<string, unknown>): Promise<void> {
  const session = graph.writeSession();
  try {
    await session.run(cypher, toParameters({ ...parameters, rows: ROWS_AT_ONCE, now: NOW }) as object);
  } finally {
    await session.close();
  }
}
