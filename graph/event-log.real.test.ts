import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { EventData, RecordedEvent } from '../domain/events.ts';
import { readPolicy } from '../platform/policy.ts';
import { onboardingRequest, randomToken, runCypher, testGraph, testHeader } from '../test/test-graph.ts';
import {
  linkBehavioralProfile,
  onboard,
  recordVerification,
  setCustomerStatus,
  setDefaultPaymentMethod,
  setOffSessionConsent,
  updateDeviceTrustScore,
  updatePaymentMethodStatus,
} from './index.ts';
import { dataKeyOf } from './key-store.ts';
import { PROJECTIONS } from './projections/index.ts';
import { withRollback } from './with-rollback.ts';
import type { Projection } from './projections/projection.ts';
import { projectionParameters } from './projections/projection.ts';

const policy = readPolicy();
const graph = await testGraph();

/** A unique text to search for afterwards. */
const marker = (what: string) => `mark-${what}-${randomUUID()}`;

/** Two customers who share a device, with every kind of event. */
async function createHistory() {
  const secrets = {
    email: `${marker('mail')}@shop.example`,
    token: marker('token'),
    fingerprint: marker('device'),
    ip: `2001:db8::${randomUUID().replaceAll('-', '').match(/.{4}/g)?.slice(0, 6).join(':')}`,
    street1: marker('street'),
    street2: marker('flat'),
  };
  const plaintextInNodes = {
    city: marker('city'),
    zip_code: marker('zip'),
    user_agent: marker('agent'),
    reference: marker('cus'),
  };
  const cardFingerprint = marker('card');
  const onboardWith = (change: Parameters<typeof onboardingRequest>[0]) =>
    onboard(graph, testHeader(), { request: onboardingRequest(change), policy });
  const address_details = {
    street1: secrets.street1,
    street2: secrets.street2,
    city: plaintextInNodes.city,
    zip_code: plaintextInNodes.zip_code,
    country: 'DE',
    type: 'shipping' as const,
  };
  const device_details = {
    fingerprint: secrets.fingerprint,
    ip: secrets.ip,
    user_agent: plaintextInNodes.user_agent,
  };
  const email = { type: 'email' as const, value: secrets.email };
  const method = { type: 'card' as const, token: secrets.token, expiry_month: 2, expiry_year: 2031 };

  const otherCustomer = await onboardWith({ device_details });
  const { customer_id } = await onboardWith({ digital_identifiers: [email] });
  const first = await onboardWith({
    digital_identifiers: [email],
    device_details,
    payment_method_details: method,
  });
  await onboardWith({
    customer_id,
    gateway_customer_ref: plaintextInNodes.reference,
    customer_metadata: { segment: 'VIP', locale: 'de', ltv: '3.00' },
    digital_identifiers: [{ ...email, is_verified: true }],
    payment_method_details: { ...method, off_session_consent: true },
    device_details,
    address_details,
  });
  await onboardWith({
    customer_id,
    address_details: { ...address_details, is_verified: true },
    device_details,
  });
  const own = { customer_id, payment_method_id: String(first.payment_method_id) };
  await recordVerification(graph, testHeader(), {
    ...own,
    answer: {
      result: 'attached',
      method: {
        token: secrets.token,
        type: 'card',
        brand: 'visa',
        instrument_fingerprint: cardFingerprint,
        funding: 'debit',
      },
    },
  });
  const second = await onboardWith({
    customer_id,
    payment_method_details: { type: 'card', token: randomToken() },
  });
  const other = { customer_id, payment_method_id: String(second.payment_method_id) };
  await updatePaymentMethodStatus(graph, testHeader(), { ...other, status: 'active', reason: 'test' });
  await setDefaultPaymentMethod(graph, testHeader(), { ...other, by: 'customer' });
  await setOffSessionConsent(graph, testHeader(), { ...own, off_session_consent: false, source: 'customer' });
  await updatePaymentMethodStatus(graph, testHeader(), { ...own, status: 'inactive', reason: 'test' });
  await onboardWith({ customer_id, payment_method_details: method, device_details });
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  await linkBehavioralProfile(graph, testHeader(), { customer_id, baseline_data_ref: 'baseline-1' });
  await updateDeviceTrustScore(graph, testHeader(), {
    device_id: String(first.device_id),
    trust_score: 1,
    observed_at: '2026-01-01T00:00:00.5Z',
  });
  const streams = [customer_id, otherCustomer.customer_id, String(first.device_id)];
  return { streams, secrets, plaintextInNodes, cardFingerprint };
}

const NEIGHBOURHOOD = `
  MATCH (n) WHERE (n:Customer OR n:Device) AND n.id IN $streams
  OPTIONAL MATCH (n)-[:HAS_PAYMENT_METHOD|SHIPPED_TO|HAS_DIGITAL_IDENTIFIER|HAS_BEHAVIORAL_PROFILE]->(owned)
  WITH collect(DISTINCT n) + collect(DISTINCT owned) AS nodes`;
const SNAPSHOT = `${NEIGHBOURHOOD}
  UNWIND nodes AS n
  RETURN labels(n) AS labels, properties(n) AS node,
    COLLECT { MATCH (n)-[r]->(m) RETURN [type(r), properties(r), m.id] ORDER BY type(r), m.id } AS edges
  ORDER BY labels[0], n.id`;
const DELETE_NODES = `${NEIGHBOURHOOD} UNWIND nodes AS n DETACH DELETE n`;

async function logOf(streams: string[]): Promise<RecordedEvent[]> {
  const rows = await graph.read<{ event: RecordedEvent & { data: string } }>(
    'MATCH (e:PersonaEvent) WHERE e.stream_id IN $streams RETURN properties(e) AS event ORDER BY e.id',
    { streams },
  );
  return rows.map(({ event }) => ({ ...event, data: JSON.parse(event.data) as EventData[keyof EventData] }));
}

async function replay<T extends keyof EventData>(event: RecordedEvent<T>): Promise<void> {
  const label = event.stream === 'customer' ? 'CustomerKey' : 'DeviceKey';
  const key = await dataKeyOf(graph, graph, { label, id: event.stream_id });
  const projection = PROJECTIONS[event.type] as Projection<T>;
  if (key === undefined || projection === null) throw new Error(`${event.type} cannot be replayed`);
  const secrets = { key, blindIndex: graph.blindIndex };
  await runCypher(graph, projection.cypher, projectionParameters(projection, event, secrets));
  const node = event.stream === 'customer' ? 'Customer' : 'Device';
  await runCypher(graph, `MATCH (n:${node} {id: $stream_id}) SET n.version = $seq`, { ...event });
}

test('replaying the log restores every property of the graph', async () => {
  const { streams } = await createHistory();
  const before = await graph.read(SNAPSHOT, { streams });
  const events = await logOf(streams);
  await runCypher(graph, DELETE_NODES, { streams });
  expect(await graph.read(SNAPSHOT, { streams })).toEqual([]);
  for (const event of events) await replay(event);
  expect(await graph.read(SNAPSHOT, { streams })).toEqual(before);
  expect(before.length).toBeGreaterThan(7);
  for (const stream of streams) {
    const own = events.filter((event) => event.stream_id === stream);
    expect(own.map((event) => event.seq)).toEqual(own.map((_, n) => n + 1));
  }
});

test('an event records its actor, source, correlation and time', async () => {
  const header = testHeader({
    causationId: 'cause-1',
    actor: 'checkout',
    occurredAt: '2026-01-01T01:00:00+01:00',
  });
  const request = onboardingRequest({ occurred_at: '2026-01-01T01:00:00+01:00' });
  const { customer_id } = await onboard(graph, header, { request, policy });
  const [row] = await graph.read<{ labels: string[]; event: Record<string, unknown> }>(
    'MATCH (e:PersonaEvent {stream_id: $customer_id}) RETURN labels(e) AS labels, properties(e) AS event',
    { customer_id },
  );
  expect(row?.labels).toEqual(['PersonaEvent']);
  expect(row?.event).toMatchObject({
    stream: 'customer',
    seq: 1,
    type: 'CustomerCreated',
    schema_version: 1,
    occurred_at: '2026-01-01T00:00:00.000Z',
    source: 'test',
    actor: 'checkout',
    correlation_id: header.correlationId,
    causation_id: 'cause-1',
  });
  expect(row?.event.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
});

const FIND_MARKERS = `
  MATCH (n)
  WHERE any(key IN keys(n) WHERE n[key] IS :: STRING AND any(mark IN $marks WHERE n[key] CONTAINS mark))
  RETURN DISTINCT labels(n)[0] AS label,
    [key IN keys(n) WHERE n[key] IS :: STRING AND any(mark IN $marks WHERE n[key] CONTAINS mark)] AS fields
  ORDER BY label`;

test('no node contains data that must be encrypted, and no event contains data that the log must encrypt', async () => {
  const { secrets, plaintextInNodes, cardFingerprint } = await createHistory();
  expect(await graph.read(FIND_MARKERS, { marks: Object.values(secrets) })).toEqual([]);
  const open = await graph.read<{ label: string; fields: string[] }>(FIND_MARKERS, {
    marks: [...Object.values(plaintextInNodes), cardFingerprint],
  });
  // Queries need these properties in plaintext, so the search works, and finds nothing elsewhere.
  const found = new Set(open.flatMap(({ label, fields }) => fields.map((field) => `${label}.${field}`)));
  expect([...found].sort()).toEqual([
    'Address.city',
    'Address.zip_code',
    'Customer.gateway_customer_ref',
    'Device.last_seen_user_agent',
    'PaymentMethod.instrument_fingerprint',
  ]);
});

const DRAINING = "MERGE (r:Relay {id: 'events'}) SET r.drains_since = datetime()";
const STOPPED = "MATCH (r:Relay {id: 'events'}) REMOVE r.drains_since";

test('an event is labelled for the relay only while the relay is running', async () => {
  await withRollback(graph, async (rolledBack) => {
    const unpublished: number[] = [];
    for (const change of ['RETURN 1', DRAINING, STOPPED]) {
      await rolledBack.read(change);
      const { customer_id } = await onboard(rolledBack, testHeader(), {
        request: onboardingRequest(),
        policy,
      });
      const [row] = await rolledBack.read<{ count: number }>(
        'MATCH (e:PersonaEvent:Unpublished {stream_id: $customer_id}) RETURN count(e) AS count',
        { customer_id },
      );
      unpublished.push(row?.count ?? -1);
    }
    expect(unpublished).toEqual([0, 1, 0]);
  });
});
