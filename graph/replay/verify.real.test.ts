import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { openTestGraph, runCypher, testHeader } from '../../test/test-graph.ts';
import { createCustomer } from '../customers/create-customer.ts';
import { EFFECTS } from '../events/index.ts';
import { announceErasure, forgetCustomer, hideCustomer, requestErasure } from '../erasure/index.ts';
import type { Difference } from '../events/model.ts';
import { updateDeviceTrustScore } from '../index.ts';
import type { Graph } from '../kernel/graph.ts';
import { forgetRecovery } from '../retention/recoveries.ts';
import { forgetSighting } from '../retention/sightings.ts';
import { createCatalogueHistory, createCustomerHistory, type CustomerHistory } from './history-fixtures.ts';
import { verifyCustomer, verifyStreams } from './verify.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(async () => {
  await graph.close();
});

const TYPES = 'MATCH (e:PersonaEvent) WHERE e.stream_id IN $streams RETURN collect(DISTINCT e.type) AS types';

test('histories with every type of event agree with their log', async () => {
  const history = await createCustomerHistory(graph, policy);
  const observed_at = new Date().toISOString();
  await updateDeviceTrustScore(graph, testHeader(), {
    device_id: history.device_id,
    trust_score: 1,
    observed_at,
  });
  const before = Date.now() + 3_600_000;
  expect(await forgetSighting(graph, { device_id: history.device_id, before })).toBe(true);
  const { customer_id, closed: payment_id } = history;
  expect(await forgetRecovery(graph, { customer_id, payment_id, before })).toBe(true);
  expect(await verifyStreams(graph, [{ kind: 'device', id: history.device_id }])).toEqual([]);
  expect(await verifyCustomer(graph, history.customer_id)).toEqual([]);
  expect(await verifyCustomer(graph, history.stranger_id)).toEqual([]);
  const { persona, configuration } = await createCatalogueHistory(graph);
  const catalogue = [
    { kind: 'catalogue', id: persona },
    { kind: 'configuration', id: configuration },
  ] as const;
  expect(await verifyStreams(graph, catalogue)).toEqual([]);
  const announced = await erasingCustomer();
  expect(await verifyCustomer(graph, announced.customer_id)).toEqual([]);
  const erased = await erasingCustomer();
  await forgetCustomer(graph, erased, () => {});
  const [pseudonym] = await graph.read<{ id: string }>(
    'MATCH (e:Erasure {id: $erasure_id}) RETURN e.pseudonym AS id',
    erased,
  );
  expect(await verifyCustomer(graph, pseudonym?.id ?? '')).toEqual([]);
  const streams = [
    ...[history.customer_id, history.stranger_id, history.device_id],
    ...[announced.customer_id, pseudonym?.id, persona, configuration],
  ];
  const [row] = await graph.read<{ types: string[] }>(TYPES, { streams });
  expect(row?.types.sort()).toEqual(Object.keys(EFFECTS).sort());
});

async function erasingCustomer() {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const { erasure_id } = await requestErasure(graph, { customer_id });
  await hideCustomer(graph, { erasure_id, customer_id, by: { actor: 'test', correlationId: 'test' } });
  await announceErasure(graph, { erasure_id, customer_id });
  return { erasure_id, customer_id };
}

interface Damage {
  name: string;
  cypher: string;
  /** The differences to be found, each in part. */
  found: (history: CustomerHistory) => Partial<Difference>[];
}

const customer = ({ customer_id }: CustomerHistory) => `Customer/${customer_id}`;
const method = ({ methods }: CustomerHistory, index: number) => `PaymentMethod/${methods[index]}`;
const attempt = (history: CustomerHistory, payment: string, index: number) =>
  `ChargeAttempt/recovery:${payment}:${history.methods[index]}:1`;
const held = (history: CustomerHistory, index: number) =>
  `${customer(history)} -[HAS_PAYMENT_METHOD]-> ${method(history, index)}`;

const DAMAGES: Damage[] = [
  {
    name: 'a property of a node',
    cypher: "MATCH (c:Customer {id: $customer_id}) SET c.segment = 'GOLD'",
    found: (history) => [{ where: customer(history), property: 'segment', expected: 'VIP', found: 'GOLD' }],
  },
  {
    name: 'an extra property',
    cypher: 'MATCH (p:PaymentMethod {id: $methods[0]}) SET p.cvv = 123',
    found: (history) => [{ where: method(history, 0), property: 'cvv', expected: null, found: 123 }],
  },
  {
    name: 'a sealed value',
    cypher: "MATCH (p:PaymentMethod {id: $methods[0]}) SET p.token = 's1:other'",
    found: (history) => [{ where: method(history, 0), property: 'token', found: 's1:other' }],
  },
  {
    name: 'a blind index',
    cypher: 'MATCH (p:PaymentMethod {id: $methods[0]}) SET p.token_hash = $customer_id',
    found: (history) => [{ where: method(history, 0), property: 'token_hash', found: history.customer_id }],
  },
  {
    name: 'personal data, without printing it',
    cypher: "MATCH (:Customer {id: $customer_id})-[:SHIPPED_TO]->(a) SET a.city = 'Paris'",
    found: () => [{ property: 'city', expected: '[personal data]', found: '[other personal data]' }],
  },
  {
    name: 'a property of an edge',
    cypher:
      'MATCH ()-[h:HAS_PAYMENT_METHOD]->(:PaymentMethod {id: $methods[2]}) SET h.off_session_consent = true',
    found: (history) => [
      { where: held(history, 2), property: 'off_session_consent', expected: false, found: true },
    ],
  },
  {
    name: 'two defaults',
    cypher: 'MATCH ()-[h:HAS_PAYMENT_METHOD]->(:PaymentMethod {id: $methods[0]}) SET h.is_default = true',
    found: (history) => [
      { where: held(history, 0), property: 'is_default', expected: false, found: true },
      { where: customer(history), property: 'number of defaults', expected: 1, found: 2 },
    ],
  },
  {
    name: 'no default',
    cypher: 'MATCH (:Customer {id: $customer_id})-[h:HAS_PAYMENT_METHOD]->() SET h.is_default = false',
    found: (history) => [{ where: customer(history), property: 'number of defaults', expected: 1, found: 0 }],
  },
  {
    name: 'a default that is not active',
    cypher: `MATCH ()-[h:HAS_PAYMENT_METHOD {is_default: true}]->(p:PaymentMethod)
             WHERE p.id IN $methods SET p.status = 'inactive'`,
    found: (history) => [
      { where: method(history, 1), property: 'status', expected: 'active', found: 'inactive' },
      { where: method(history, 1), property: 'rule', expected: 'a default is active and proven' },
    ],
  },
  {
    name: 'a disputed default',
    cypher: `MATCH (:Customer {id: $customer_id})-[h:HAS_PAYMENT_METHOD {is_default: true}]->()
             SET h.disputed = true`,
    found: (history) => [
      { where: held(history, 1), property: 'disputed', found: true },
      {
        where: method(history, 1),
        property: 'rule',
        expected: 'disputed if and only if one of its disputes is open or lost',
      },
      { where: method(history, 1), property: 'rule', found: 'default, active, proven, disputed' },
    ],
  },
  {
    name: 'a version',
    cypher: 'MATCH (c:Customer {id: $customer_id}) SET c.version = c.version + 1',
    found: (history) => [{ where: customer(history), property: 'version' }],
  },
  {
    name: 'a seq',
    cypher:
      'MATCH (e:PersonaEvent {stream_id: $customer_id}) WITH max(e.seq) AS last MATCH (e:PersonaEvent {stream_id: $customer_id, seq: last}) SET e.seq = last + 1',
    found: (history) => [
      { where: expect.stringContaining(`PersonaEvent/${history.customer_id}#`), property: 'seq' },
      { where: customer(history), property: 'version' },
    ],
  },
  {
    name: 'a deleted event',
    cypher:
      "MATCH (e:PersonaEvent {stream_id: $customer_id, type: 'RecoveryOpened'}) WHERE e.data CONTAINS $open DELETE e",
    found: (history) => [
      { where: expect.stringContaining(`PersonaEvent/${history.customer_id}#`), property: 'seq' },
      { where: `Obligation/${history.open}`, property: 'exists', expected: false, found: true },
    ],
  },
  {
    name: "an event's data",
    cypher: "MATCH (e:PersonaEvent {stream_id: $customer_id, seq: 1}) SET e.data = '{'",
    found: (history) => [
      {
        where: `PersonaEvent/${history.customer_id}#1`,
        property: 'data',
        expected: 'data of CustomerCreated',
      },
    ],
  },
  {
    name: 'a data key',
    cypher: 'MATCH (k:CustomerKey {customer_id: $customer_id}) DELETE k',
    found: (history) => [
      { where: `CustomerKey/${history.customer_id}`, property: 'exists', found: 'no key exists' },
    ],
  },
  {
    name: 'a deleted attempt',
    cypher: "MATCH (a:ChargeAttempt {payment_id: $open, source: 'recovery'}) DELETE a",
    found: (history) => [
      { where: attempt(history, history.open, 1), property: 'exists', expected: true, found: false },
    ],
  },
  {
    name: 'an attempt without a claim',
    cypher: 'CREATE (:ChargeAttempt {key: $open, customer_id: $customer_id, state: "approved"})',
    found: (history) => [
      { where: `ChargeAttempt/${history.open}`, property: 'exists', expected: false, found: true },
    ],
  },
  {
    name: 'two approvals of one obligation',
    cypher: 'MATCH (a:ChargeAttempt {payment_id: $paid, overpaid: true}) SET a.overpaid = false',
    found: (history) => [
      { where: attempt(history, history.paid, 0), property: 'overpaid', expected: true, found: false },
      {
        where: `Obligation/${history.paid}`,
        property: 'rule',
        expected: 'at most one approved attempt that is not overpaid',
        found: '2',
      },
    ],
  },
  {
    name: 'an obligation that contradicts its attempts',
    cypher: "MATCH (o:Obligation {payment_id: $paid}) SET o.state = 'exhausted'",
    found: (history) => [
      { where: `Obligation/${history.paid}`, property: 'state', expected: 'recovered', found: 'exhausted' },
      {
        where: `Obligation/${history.paid}`,
        property: 'rule',
        expected: 'recovered if and only if an attempt was approved',
      },
    ],
  },
  {
    name: 'an obligation that is closed while a charge is in flight',
    cypher: "MATCH (o:Obligation {payment_id: $open}) SET o.state = 'exhausted', o.closed_at = datetime()",
    found: (history) => [
      {
        where: `Obligation/${history.open}`,
        property: 'rule',
        expected: 'not closed unpaid while an attempt is unresolved',
      },
    ],
  },
  {
    name: 'a deleted edge',
    cypher: 'MATCH ()-[o:OWES]->(:Obligation {payment_id: $open}) DELETE o',
    found: (history) => [
      {
        where: `${customer(history)} -[OWES]-> Obligation/${history.open}`,
        property: 'exists',
        expected: true,
        found: false,
      },
    ],
  },
  {
    name: 'an edge of another customer',
    cypher: `MATCH (c:Customer {id: $stranger_id}) MATCH (p:PaymentMethod {id: $methods[1]})
             CREATE (c)-[:HAS_PAYMENT_METHOD {proven: true, is_default: false}]->(p)`,
    found: (history) => [
      {
        where: `Customer/${history.stranger_id} -[HAS_PAYMENT_METHOD]-> ${method(history, 1)}`,
        property: 'exists',
        expected: false,
        found: true,
      },
    ],
  },
  {
    name: 'a duplicate edge',
    cypher: `MATCH (c:Customer {id: $customer_id})-[h:LOGGED_IN_FROM]->(d:Device {id: $device_id})
             CREATE (c)-[again:LOGGED_IN_FROM]->(d) SET again = properties(h)`,
    found: (history) => [
      {
        where: `${customer(history)} -[LOGGED_IN_FROM]-> Device/${history.device_id} (duplicate)`,
        property: 'exists',
        expected: false,
        found: true,
      },
    ],
  },
  {
    name: 'values out of range',
    cypher: `MATCH (c:Customer {id: $customer_id}) SET c.ltv_minor = -1 WITH c
             MATCH (p:PaymentMethod {id: $methods[0]}) SET p.last_four = '42', p.expiry_month = 13`,
    found: (history) => [
      { where: customer(history), property: 'ltv_minor', expected: 'an integer of at least 0', found: -1 },
      { where: method(history, 0), property: 'last_four', expected: 'four digits', found: '42' },
      {
        where: method(history, 0),
        property: 'expiry_month',
        expected: 'an integer from 1 to 12',
        found: 13,
      },
      { where: method(history, 0), property: 'expires_on', expected: 'the last day of the expiry month' },
    ],
  },
];

test.each(DAMAGES)('$name is reported', async ({ cypher, found }) => {
  const history = await createCustomerHistory(graph, policy);
  await runCypher(graph, cypher, { ...history });
  const differences = await verifyCustomer(graph, history.customer_id);
  for (const difference of found(history))
    expect(differences).toContainEqual(expect.objectContaining(difference));
});

test('a customer unknown to the graph and the log is not found', async () => {
  await expect(verifyCustomer(graph, randomUUID())).rejects.toMatchObject({ type: 'customer_not_found' });
});
