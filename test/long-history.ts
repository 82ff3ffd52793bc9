/** A customer with more of everything than any page or transaction holds, written without commands: those would take hours. */

import { createCustomer, type Graph } from '../graph/index.ts';
import { excludeFromVerification, runCypher, testHeader } from './test-graph.ts';

/** Nodes of one transaction. */
const AT_ONCE = 5_000;

// As appended for `LoginRecorded`.
const ADD_LOGINS = `
  MATCH (c:Customer {id: $customer_id})
  WITH c, c.version AS version, datetime() AS now
  SET c.version = version + $count
  WITH c, version, now
  UNWIND range(1, $count) AS n
  CREATE (:PersonaEvent {
    id: randomUUID(), stream: 'customer', stream_id: c.id, seq: version + n, type: 'LoginRecorded', schema_version: 1,
    occurred_at: now, recorded_at: now, source: 'test', actor: 'test', correlation_id: 'test',
    data: '{"device_id":"' + randomUUID() + '","login_count":' + toString(n) + ',"last_login":"2026-01-01T00:00:00.000Z","proven":true}'
  })`;

/** @returns a customer with so many events, and one of their creation */
export async function customerWithEvents(graph: Graph, count: number): Promise<{ customer_id: string }> {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  excludeFromVerification(graph, customer_id);
  await inParts(count, (part) => runCypher(graph, ADD_LOGINS, { customer_id, count: part }));
  return { customer_id };
}

const ADD_RECEIPTS = `
  UNWIND range(1, $count) AS n
  CREATE (:CommandReceipt {
    stream_id: $customer_id, key: randomUUID(), kind: 'event', at: datetime(), result: '{}',
    caller: CASE WHEN n % 2 = 0 THEN 'workflow:recoverPayment' ELSE 'agent:synapse' END
  })`;
const ADD_NOTICES = `
  UNWIND range(1, $count) AS n
  CREATE (:Notice {notification_id: randomUUID(), customer_id: $customer_id, template: 'recovered', state: 'sent'})`;
const ADD_DISCLOSURES = `
  UNWIND range(1, $count) AS n
  CREATE (:Disclosure {
    customer_id: $customer_id, day: '2026-01-01', recipient: randomUUID(), purpose: 'test', categories: ['identity']
  })`;
const ADD_PAYMENTS = `
  MATCH (c:Customer {id: $customer_id})
  UNWIND range(1, $count) AS n
  WITH c, 'long-' + randomUUID() AS payment_id
  CREATE (c)-[:OWES]->(:Obligation {
    payment_id: payment_id, customer_id: c.id, amount: 100, currency: 'USD', state: 'recovered', opened_at: datetime(),
    closed_at: datetime()
  })
  CREATE (:ChargeAttempt {
    key: 'recovery:' + payment_id + ':1', payment_id: payment_id, customer_id: c.id, source: 'recovery', n: 1,
    amount: 100, currency: 'USD', state: 'approved', overpaid: false, claimed_at: datetime(), resolved_at: datetime()
  })`;
const ADD_DEVICES = `
  MATCH (c:Customer {id: $customer_id})
  UNWIND range(1, $count) AS n
  CREATE (c)-[:LOGGED_IN_FROM {customer_id: c.id, proven: true, last_login: datetime()}]->(
    d:Device {id: randomUUID(), fingerprint_hash: 'test:' + randomUUID(), version: 1}
  )
  CREATE (:DeviceKey {device_id: d.id})
  CREATE (:PersonaEvent {
    id: randomUUID(), stream: 'device', stream_id: d.id, seq: 1, type: 'DeviceRegistered', schema_version: 1, data: '{}'
  })`;

/**
 * The same with a receipt for each event, and per hundred events ten notices, ten disclosures, ten payments and one device
 * of the customer's own.
 */
export async function customerWithLongHistory(
  graph: Graph,
  events: number,
): Promise<{ customer_id: string }> {
  const { customer_id } = await customerWithEvents(graph, events);
  const add = (cypher: string, count: number) =>
    inParts(count, (part) => runCypher(graph, cypher, { customer_id, count: part }));
  await add(ADD_RECEIPTS, events);
  await add(ADD_NOTICES, events / 10);
  await add(ADD_DISCLOSURES, events / 10);
  await add(ADD_PAYMENTS, events / 10);
  await add(ADD_DEVICES, events / 100);
  return { customer_id };
}

async function inParts(count: number, write: (part: number) => Promise<unknown>): Promise<void> {
  for (let left = count; left > 0; left -= AT_ONCE) await write(Math.min(left, AT_ONCE));
}
