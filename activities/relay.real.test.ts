/** The way out of the events, on a real Neo4j and a real Kafka: nothing lost, each stream in order, whatever fails. */

import { randomUUID } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createKafkaPublishers } from '../adapters/kafka/publisher.ts';
import { type OpenPublisher, RecordsRefused } from '../domain/outbox/publisher.ts';
import { Topic } from '../domain/outbox/topics.ts';
import { recoveryWorkflowId } from '../domain/workflow-contracts.ts';
import { createSingleObjectDecoder } from '../events/avro.ts';
import { createRecordEncoder } from '../events/encode.ts';
import { readSchema } from '../events/schemas.ts';
import { addErasedId } from '../graph/erasure/erased-ids.ts';
import { announceErasure, hideCustomer, requestErasure } from '../graph/erasure/index.ts';
import { createCustomer, getCustomerContext, type Graph, setCustomerStatus } from '../graph/index.ts';
import { WRITE_EVENTS } from '../graph/kernel/event-writes.ts';
import { runTransaction } from '../graph/kernel/run-transaction.ts';
import {
  getOutboxLag,
  readContextRebuild,
  readCustomersAfter,
  requestContextRebuild,
  startRelay,
} from '../graph/outbox/index.ts';
import { openRecovery } from '../graph/recovery/index.ts';
import { createCustomerHistory } from '../graph/replay/history-fixtures.ts';
import { readPolicy } from '../platform/policy.ts';
import { DataKey } from '../security/data-key.ts';
import { getProjectionStates } from '../services/projections.ts';
import { connectThrough, END_TRANSACTION, startKafkaProxy } from '../test/faults/kafka-requests.ts';
import {
  collectRecords,
  type ConsumedRecord,
  expectEveryEventInKafka,
  type OutboxServers,
  readLoggedEvents,
  startOutboxServers,
  withoutRepetitions,
} from '../test/outbox-fixture.ts';
import {
  countUnpublished,
  dyingGraph,
  publishAll,
  type RelayOptions,
  type RunningRelay,
  startRelayActivity,
  untilPublished,
} from '../test/relay-fixture.ts';
import {
  excludeFromVerification,
  openTestGraph,
  runCypher,
  testHeader,
  verifyAndClose,
} from '../test/test-graph.ts';
import { customerWithCards, failureOf } from '../test/wallet-fixtures.ts';

/** `npm run test:long` writes a hundred times as many. */
const MANY = 1_000 * (Number(process.env.PERSONA_PROPERTY_RUNS ?? '1') || 1);
const policy = readPolicy();
let servers: OutboxServers;
let graph: Graph;
let openPublisher: OpenPublisher;
beforeAll(async () => {
  servers = await startOutboxServers();
  graph = await openTestGraph(servers.neo4j);
  openPublisher = createKafkaPublishers({ brokers: servers.brokers });
}, 240_000);
afterAll(async () => {
  await verifyAndClose(graph);
  await servers.close();
});

const dependencies = () => ({ graph, policy, openPublisher });

function startRelaying(changed: Partial<RelayOptions> = {}): RunningRelay {
  const relay = startRelayActivity({ ...dependencies(), ...changed });
  onTestFinished(() => relay.stop().catch(() => {}));
  return relay;
}

const unpublished = () => countUnpublished(graph);
const untilAllPublished = () => untilPublished(graph);
const publishEverything = () => publishAll(dependencies());

const loggedEvents = () => readLoggedEvents(graph);
const expectCompleteLog = (options: { isCommittedOnly?: boolean } = {}) =>
  expectEveryEventInKafka(graph, servers.brokers, options);

/** The records of these streams in the log's topic. */
const logged = (records: readonly ConsumedRecord[], streams: readonly string[]) =>
  records.filter(({ topic, key }) => topic === Topic.log && streams.includes(key));

/** Many events of several streams, as commands write them, in transactions of a few. */
async function writeEvents(count: number, streams = 10): Promise<string[]> {
  // From then on events wait for a relay.
  await startRelay(graph);
  const ids = Array.from({ length: streams }, () => randomUUID());
  const at = new Date().toISOString();
  const perTransaction = 500;
  await runTransaction(graph, async (sender) => {
    for (const id of ids) {
      const owner = { label: 'CustomerKey', id } as const;
      graph.keyStore.write(sender, owner, DataKey.create(graph.keyRing, owner).wrapped, at);
    }
  });
  // Events of nothing that was created.
  excludeFromVerification(graph, ...ids);
  for (let first = 0; first < count / streams; first += perTransaction) {
    for (const stream_id of ids) {
      const events = Array.from(
        { length: Math.min(perTransaction, count / streams - first) },
        (_, index) => ({
          ...{
            id: randomUUID(),
            stream: 'customer',
            stream_id,
            seq: first + index + 1,
            type: 'AddressRemoved',
          },
          ...{ schema_version: 1, occurred_at: at, recorded_at: at, source: 'test', actor: 'test' },
          ...{ correlation_id: randomUUID(), causation_id: null, data: '{"address_id":"a"}' },
        }),
      );
      await runTransaction(graph, async ({ send }) => send(WRITE_EVENTS, { events }));
    }
  }
  return ids;
}

test('the log of before is published first, with what a command in progress wrote without its label', async () => {
  const customer = await customerWithCards(graph, policy, { cards: 1 });
  expect(await unpublished()).toBe(0);
  const { version } = await getCustomerContext(graph, { customer_id: customer.customer_id, policy });
  const session = graph.writeSession();
  const inProgress = session.beginTransaction();
  const event = { id: '00000000-0000-7000-8000-000000000000', seq: version + 1, data: '{"address_id":"a"}' };
  await inProgress.run(
    `CREATE (e:PersonaEvent {id: $id, stream: 'customer', stream_id: $stream_id, seq: $seq, type: 'AddressRemoved',
       schema_version: 1, occurred_at: datetime(), recorded_at: datetime(), source: 'test', actor: 'test',
       correlation_id: 'test', data: $data})`,
    { ...event, stream_id: customer.customer_id },
  );
  const relay = startRelaying();
  await expect
    .poll(() => graph.read("MATCH (r:Relay {id: 'events'}) WHERE r.drains_since IS NOT NULL RETURN r"))
    .toHaveLength(1);
  // The relay waits for it: its event would otherwise stay unlabelled.
  await inProgress.commit();
  await session.close();
  await expect
    .poll(() => graph.read("MATCH (r:Relay {id: 'events'}) WHERE r.labelled_for IS NOT NULL RETURN r"))
    .toHaveLength(1);
  await untilAllPublished();
  await relay.stop();
  await expectCompleteLog();
  // That event has no projection.
  excludeFromVerification(graph, customer.customer_id);
});

test('every type of event is published, with its topics, headers and the newest context', async () => {
  const { customer_id } = await createCustomerHistory(graph, policy);
  const topicsOf = new Map<string, Set<string>>();
  await publishAll({
    ...dependencies(),
    onPublished(topic, customers) {
      for (const id of customers) topicsOf.set(id, (topicsOf.get(id) ?? new Set()).add(topic));
    },
  });
  const { records, close } = await collectRecords(servers.brokers);
  const events = (await loggedEvents()).filter(({ stream_id }) => stream_id === customer_id);
  const own = () => records.filter(({ key }) => key === customer_id);
  await expect.poll(() => own().filter(({ topic }) => topic === Topic.log).length).toBe(events.length);
  const context = await getCustomerContext(graph, { customer_id, policy });
  await expect
    .poll(() => own().findLast(({ topic }) => topic === Topic.customerContext)?.value)
    .toMatchObject({
      ...{ customer_id, version: context.version, segment: context.segment, status: context.status },
      default_payment_method_id: context.default_payment_method_id ?? null,
    });
  await close();
  // Which topics have the customer's data: a device's score is about those who use the device.
  const topics = new Set<string>([...own().map(({ topic }) => topic), Topic.deviceTrustScoreUpdated]);
  expect(topicsOf.get(customer_id)).toEqual(topics);
  // One partition for all of a customer's records.
  expect(new Set(own().map(({ partition }) => partition)).size).toBe(1);
  const [last] = own().filter(({ topic }) => topic === Topic.recovery);
  const logged = own().find(({ value }) => value.event_id === last?.value.event_id);
  expect(last?.headers).toEqual({
    ce_specversion: '1.0',
    ce_id: last?.value.event_id,
    ce_source: '/persona',
    ce_type: `persona.v1.${String(logged?.value.type)}`,
    ce_subject: customer_id,
    ce_time: new Date(Number(last?.value.occurred_at)).toISOString(),
    'content-type': 'application/avro',
    traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/),
  });
  const recovered = own().find(({ value }) => value.kind === 'recovered');
  expect(recovered?.value).toMatchObject({ amount: expect.any(Number), currency: expect.any(String) });
  expect(new Set(records.map(({ topic }) => topic))).toEqual(new Set(Object.values(Topic)));
});

test('nothing that an event says is open in the log, and a hidden customer leaves a tombstone', async () => {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 1 });
  const failure = failureOf({ customer_id, methods });
  const { payment_id } = failure;
  const header = testHeader({ correlationId: recoveryWorkflowId(payment_id) });
  await openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: false });
  const { erasure_id } = await requestErasure(graph, { customer_id });
  await hideCustomer(graph, { erasure_id, customer_id, by: { actor: 'test', correlationId: 'test' } });
  await announceErasure(graph, { erasure_id, customer_id });
  // Left over of a device that was erased meanwhile: it can be neither sealed nor read.
  const [erased = ''] = await writeEvents(1, 1);
  await runTransaction(graph, async (sender) => {
    graph.keyStore.destroy(sender, { label: 'CustomerKey', id: erased });
    addErasedId(graph, sender, erased, new Date().toISOString());
  });
  const relay = startRelaying();
  await expect.poll(unpublished).toBe(1);
  await relay.stop();
  await runCypher(graph, 'MATCH (e:PersonaEvent {stream_id: $erased}) DELETE e', { erased });
  const { records, close } = await collectRecords(servers.brokers);
  const own = (wanted: string) => records.filter(({ topic, key }) => topic === wanted && key === customer_id);
  await expect.poll(() => own(Topic.customerErased)).toHaveLength(1);
  await expect.poll(() => own(Topic.customerContext).at(-1)?.value).toEqual({});
  const logged = own(Topic.log).map(({ value }) => JSON.stringify(value));
  expect(logged.filter((text) => text.includes(String(payment_id)))).toEqual([]);
  expect(logged.length).toBeGreaterThan(5);
  expect(JSON.stringify(own(Topic.recovery))).toContain(payment_id);
  expect(records.filter(({ key }) => key === erased)).toEqual([]);
  await close();
});

test("a log that was deleted at the broker is published again from each stream's first event", async () => {
  const admin = new Admin({ clientId: 'operator', bootstrapBrokers: servers.brokers });
  onTestFinished(() => admin.close());
  await admin.deleteTopics({ topics: [Topic.log] });
  await expect.poll(() => admin.listTopics()).not.toContain(Topic.log);
  await runCypher(graph, "MATCH (r:Relay {id: 'events'}) REMOVE r.drains_since");
  // Written meanwhile, without the label.
  await createCustomer(graph, testHeader(), {});
  expect(await unpublished()).toBe(0);
  const relay = startRelaying();
  await expect
    .poll(() => graph.read("MATCH (r:Relay {id: 'events'}) WHERE r.labelled_for = r.drains_since RETURN r"))
    .toHaveLength(1);
  await untilAllPublished();
  await relay.stop();
  const published = (await expectCompleteLog()).filter(({ topic }) => topic === Topic.log);
  expect(published).toHaveLength((await loggedEvents()).length);
});

test('a relay that is killed while it labels what another one has labelled leaves no place for the next beginning', async () => {
  await createCustomer(graph, testHeader(), {});
  await runCypher(graph, "MATCH (r:Relay {id: 'events'}) REMOVE r.drains_since");
  let transactions = 0;
  const late: Graph = {
    ...graph,
    async read(cypher, parameters) {
      if (cypher.startsWith('SHOW TRANSACTIONS')) await startRelay(graph);
      return await graph.read(cypher, parameters);
    },
    // The beginning, and a page of labels.
    writeSession: () => ((transactions += 1) > 2 ? dyingGraph(graph) : graph).writeSession(),
  };
  await expect(startRelay(late)).rejects.toThrow('killed');
  expect(await graph.read("MATCH (r:Relay {id: 'events'}) RETURN r.labelled_to AS place")).toEqual([
    { place: null },
  ]);
  await publishEverything();
});

test('events written while Kafka is away are published in order once it is back', async () => {
  await servers.killKafka();
  const relay = startRelaying();
  await writeEvents(MANY);
  await expect(relay.ended).rejects.toMatchObject({ type: 'kafka_unavailable' });
  expect(await unpublished()).toBe(MANY);
  expect(await getOutboxLag(graph)).toEqual({ events: MANY, seconds: expect.any(Number) });
  expect((await getOutboxLag(graph))?.seconds).toBeGreaterThan(0);
  await servers.restartKafka();
  // As the workflow does: each attempt publishes at most ten thousand.
  while ((await unpublished()) > 0) {
    const attempt = startRelaying();
    await Promise.race([untilAllPublished(), attempt.ended.catch(() => {})]);
    await attempt.stop().catch(() => {});
  }
  await expectCompleteLog();
  expect((await getOutboxLag(graph))?.events).toBe(0);
});

test('Kafka is killed in the middle: what was not acknowledged is published again, in order', async () => {
  await writeEvents(4_000, 40);
  const relay = startRelaying();
  await expect.poll(unpublished).toBeLessThan(4_000);
  await servers.killKafka();
  await servers.restartKafka();
  await relay.stop().catch(() => {});
  await publishEverything();
  await expectCompleteLog();
  await expectCompleteLog({ isCommittedOnly: true });
});

test('killed between publishing and marking, each event is seen once by who drops repetitions', async () => {
  await writeEvents(100);
  // The process ends before the first transaction after publishing, which marks the events.
  await expect(startRelaying({ graph: dyingGraph(graph) }).ended).rejects.toThrow('killed');
  expect(await unpublished()).toBe(100);
  await publishEverything();
  const records = await expectCompleteLog();
  const published = records.filter(({ topic }) => topic === Topic.log);
  expect(published.length - withoutRepetitions(published).length).toBeGreaterThanOrEqual(100);
});

test.each([
  ['made, without an answer', 'answer', 100],
  ['not received', 'request', 0],
] as const)(
  'a page whose commit Kafka has %s is published once: the commit is repeated',
  async (_, hold, committed) => {
    const proxy = await startKafkaProxy(servers.brokers);
    const ids = await writeEvents(100);
    const stop = proxy.stopAt({ requests: [[END_TRANSACTION, 'persona-relay']], hold });
    const relay = startRelaying({ openPublisher: () => connectThrough(proxy, openPublisher) });
    await stop.reached;
    const { records, close } = await collectRecords(servers.brokers, { isCommittedOnly: true });
    await expect.poll(() => logged(records, ids).length).toBe(committed);
    await close();
    expect(await unpublished()).toBe(100);
    proxy.dropConnections();
    await untilAllPublished();
    await relay.stop();
    expect(logged(await expectCompleteLog({ isCommittedOnly: true }), ids)).toHaveLength(100);
  },
);

test('a relay that another one replaces before Kafka has answered its commit ends, and the other one repeats the page', async () => {
  const proxy = await startKafkaProxy(servers.brokers);
  const ids = await writeEvents(100);
  const stop = proxy.stopAt({ requests: [[END_TRANSACTION, 'persona-relay']], hold: 'answer' });
  const replaced = startRelaying({ openPublisher: () => connectThrough(proxy, openPublisher) });
  await stop.reached;
  const next = startRelaying();
  await untilAllPublished();
  proxy.dropConnections();
  await expect(replaced.ended).rejects.toMatchObject({ type: 'kafka_unavailable' });
  await next.stop();
  expect(logged(await expectCompleteLog({ isCommittedOnly: true }), ids)).toHaveLength(200);
});

test('a relay that Kafka no longer answers ends before the client library gives up, and another one publishes', async () => {
  const proxy = await startKafkaProxy(servers.brokers);
  const ids = await writeEvents(100);
  const requests = [[END_TRANSACTION, 'persona-relay']];
  const stop = proxy.stopAt({ requests, hold: 'request', alsoBlock: 'persona-relay' });
  await connectThrough(proxy, async () => {
    const relay = startRelaying();
    await stop.reached;
    await expect(relay.ended).rejects.toMatchObject({
      type: 'kafka_unavailable',
      message: expect.stringContaining('timed out after 30000ms'),
    });
  });
  await publishEverything();
  expect(logged(await expectCompleteLog({ isCommittedOnly: true }), ids)).toHaveLength(100);
});

test('relays that start while another one runs repeat records and neither lose nor reorder any', async () => {
  await writeEvents(4_000, 20);
  // Each ends the transactions of the one before, which still runs, as when a worker is cut off from Temporal.
  const start = () => {
    const relay = startRelaying();
    const attempt = { relay, hasEnded: false };
    relay.ended.catch(() => (attempt.hasEnded = true));
    return attempt;
  };
  let newest = start();
  const publishUntil = (left: number) =>
    expect
      .poll(() => {
        // Kafka may refuse the newest one, too, while it ends another's transaction: Temporal then starts the next attempt.
        if (newest.hasEnded) newest = start();
        return unpublished();
      })
      .toBeLessThanOrEqual(left);
  for (const left of [3_000, 2_000, 1_000]) {
    await publishUntil(left);
    const former = newest.relay;
    newest = start();
    await Promise.race([former.ended.catch(() => {}), untilAllPublished()]);
  }
  await publishUntil(0);
  await newest.relay.stop().catch(() => {});
  await expectCompleteLog();
  await expectCompleteLog({ isCommittedOnly: true });
});

test('an earlier relay cannot overwrite a newer context', async () => {
  const { customer_id } = await customerWithCards(graph, policy, { cards: 1 });
  const encode = createRecordEncoder();
  const earlier = await openPublisher();
  onTestFinished(() => earlier.close());
  const record = (version: number) =>
    encode({
      ...{
        topic: Topic.customerContext,
        key: customer_id,
        id: `${customer_id}:${version}`,
        type: 'CustomerContext',
      },
      ...{ time: new Date().toISOString(), correlationId: 'test' },
      value: {
        ...{ customer_id, version, as_of: Date.now(), is_vip: false, segment: 'NEW', status: 'active' },
        ...{ ltv: '0.00', ltv_currency: 'USD', default_payment_method_id: null, payment_method_count: 0 },
        verified_shipping_address_count: 0,
      },
    });
  await earlier.publish([record(1)]);
  const later = await openPublisher();
  onTestFinished(() => later.close());
  await expect(earlier.publish([record(2)])).rejects.toMatchObject({ type: 'kafka_unavailable' });
  await later.publish([record(3)]);
  const { records, close } = await collectRecords(servers.brokers);
  const versions = () =>
    records
      .filter(({ topic, key }) => topic === Topic.customerContext && key === customer_id)
      .map(({ value }) => value.version);
  await expect.poll(versions).toContain(3);
  await close();
  expect(versions()).toEqual([1, 3]);
  await publishEverything();
});

test('an event that cannot be published holds up its own stream alone, and is tried again', async () => {
  // Each stream continues on a later page, which is read while the one before it is published.
  const [unknown = '', large = ''] = await writeEvents(1_800, 3);
  const change = (stream_id: string, set: string, parameters: Record<string, unknown> = {}) =>
    runCypher(graph, `MATCH (e:PersonaEvent {stream_id: $stream_id, seq: 5}) SET ${set}`, {
      stream_id,
      ...parameters,
    });
  await change(unknown, "e.type = 'FromANewerRelease'");
  await change(large, 'e.data = $data', { data: JSON.stringify({ address_id: 'a'.repeat(1_500_000) }) });
  const relay = startRelaying();
  await expect
    .poll(() =>
      relay
        .blocked()
        .map(({ stream_id, seq }) => [stream_id, seq])
        .sort(),
    )
    .toEqual(
      [
        [unknown, 5],
        [large, 5],
      ].sort(),
    );
  const waiting = 2 * (600 - 4);
  await expect.poll(unpublished).toBe(waiting);
  const behind = await getOutboxLag(graph);
  // The others are still published, and the lag grows.
  await writeEvents(10, 1);
  await expect.poll(unpublished).toBe(waiting);
  await expect.poll(async () => (await getOutboxLag(graph))?.seconds).toBeGreaterThan(behind?.seconds ?? 0);
  await relay.stop();
  await change(unknown, "e.type = 'AddressRemoved'");
  await change(large, 'e.data = $data', { data: '{"address_id":"a"}' });
  await publishEverything();
  await expectCompleteLog();
});

test('an event that is refused with others, and cannot be encoded again, holds up its stream as well', async () => {
  const [stream = ''] = await writeEvents(40, 1);
  const encode = createRecordEncoder();
  let isRefused = false;
  let hasFailed = false;
  const relay = startRelaying({
    openEncoder: async () => (record) => {
      const isThird = record.key === stream && record.value?.seq === 3;
      if (isRefused && !hasFailed && isThird) {
        hasFailed = true;
        throw new Error('it does not fit its schema');
      }
      return encode(record);
    },
    async openPublisher() {
      const publisher = await openPublisher();
      return {
        ...publisher,
        async publish(page) {
          if (!isRefused && page.length > 0) {
            isRefused = true;
            throw new RecordsRefused('Kafka refuses it: MESSAGE_TOO_LARGE');
          }
          await publisher.publish(page);
        },
      };
    },
  });
  await expect.poll(() => relay.blocked()).toMatchObject([{ stream_id: stream, seq: 3 }]);
  expect(await unpublished()).toBe(38);
  await relay.stop();
  await publishEverything();
  await expectCompleteLog();
});

test('an event becomes visible in its topic without a request for it', async () => {
  const { customer_id } = await customerWithCards(graph, policy, { cards: 1 });
  const relay = startRelaying();
  await untilAllPublished();
  const { records, close } = await collectRecords(servers.brokers);
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  await expect
    .poll(() =>
      records
        .filter(({ topic, key }) => topic === Topic.customerProfileUpdated && key === customer_id)
        .map(({ value }) => ({ ...(value.updated_fields as object) })),
    )
    .toContainEqual({ status: 'suspended' });
  await expect
    .poll(
      () =>
        records.findLast(({ topic, key }) => topic === Topic.customerContext && key === customer_id)?.value,
    )
    .toMatchObject({ status: 'suspended' });
  await close();
  await relay.stop();
});

test('a run ends after five minutes with the number of events that it has published, for the next one to continue', async () => {
  await publishEverything();
  await writeEvents(10, 1);
  let at = Date.now();
  const relay = startRelaying({ now: () => at });
  await untilAllPublished();
  at += 5 * 60_000;
  expect(await relay.ended).toEqual({ published: 10 });
});

test('every context is published again while events are, continues after a kill, and never gets older', async () => {
  await startRelay(graph);
  // More than one page of a rebuild.
  const customers: string[] = [];
  while (customers.length < 250) {
    const more = Array.from({ length: 10 }, () => createCustomer(graph, testHeader(), {}));
    customers.push(...(await Promise.all(more)).map(({ customer_id }) => customer_id));
  }
  await publishEverything();
  const { records, close } = await collectRecords(servers.brokers, { isCommittedOnly: true });
  const contextsOf = () => records.filter(({ topic }) => topic === Topic.customerContext);
  await expect.poll(() => new Set(contextsOf().map(({ key }) => key)).size).toBeGreaterThanOrEqual(250);
  const requested = await requestContextRebuild(graph);
  expect(requested).toMatchObject({ after: '', published: 0 });
  // A second request joins it.
  expect(await requestContextRebuild(graph)).toEqual(requested);
  // It dies while it publishes the second page.
  let pages = 0;
  const dying = startRelaying({
    async openPublisher() {
      const publisher = await openPublisher();
      return {
        ...publisher,
        async publish(page) {
          if (page.length > 0) pages += 1;
          if (pages > 1) throw new Error('killed');
          await publisher.publish(page);
        },
      };
    },
  });
  await expect(dying.ended).rejects.toThrow('killed');
  expect(await readContextRebuild(graph)).toMatchObject({ id: requested?.id, published: 200 });

  const suspend = async (ids: readonly string[]) => {
    for (const customer_id of ids)
      await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  };
  // The newest are on the last page: they change after it was read, and before it is published.
  const lastRead = customers.slice(-10);
  let isChanged = false;
  const relay = startRelaying({
    async openPublisher() {
      const publisher = await openPublisher();
      return {
        ...publisher,
        async publish(page) {
          const isRebuild = page.length > 0 && page.every(({ topic }) => topic === Topic.customerContext);
          if (isRebuild && !isChanged) await suspend(lastRead);
          isChanged ||= isRebuild;
          await publisher.publish(page);
        },
      };
    },
  });
  // These change about when it is read.
  const published = customers.slice(-50, -10);
  await suspend(published);
  await expect.poll(() => readContextRebuild(graph), { timeout: 60_000 }).toBeUndefined();
  await untilPublished(graph);
  await relay.stop();

  const newest = new Map<string, unknown>();
  const latest = () => {
    for (const { key, value } of contextsOf()) newest.set(key, value.version);
    return newest;
  };
  expect(isChanged).toBe(true);
  for (const customer_id of [...published, ...lastRead]) {
    const { version } = await getCustomerContext(graph, { customer_id, policy });
    await expect.poll(() => latest().get(customer_id)).toBe(version);
  }
  // Those of the first page were published when they were created, and by the relay that was killed: not once more.
  const firstPage = await readCustomersAfter(graph, '', 200);
  const kept = customers.filter((id) => firstPage.includes(id));
  expect(kept.length).toBeGreaterThan(0);
  const times = (id: string) => contextsOf().filter(({ key }) => key === id).length;
  await expect.poll(() => kept.every((id) => times(id) >= 2)).toBe(true);
  await close();
  expect(kept.filter((id) => times(id) !== 2)).toEqual([]);
  for (const ofOne of Map.groupBy(contextsOf(), ({ key }) => key).values()) {
    const versions = ofOne.map(({ value }) => Number(value.version));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
  }
});

test('contexts that Kafka refuses together are read again: another relay may have published newer ones meanwhile', async () => {
  await startRelay(graph);
  const [changed, other] = [
    await createCustomer(graph, testHeader(), {}),
    await createCustomer(graph, testHeader(), {}),
  ];
  await publishEverything();
  const decodeContext = createSingleObjectDecoder([readSchema(Topic.customerContext)]);
  const published: Record<string, unknown>[] = [];
  let isRefused = false;
  await requestContextRebuild(graph);
  const relay = startRelaying({
    async openPublisher() {
      const publisher = await openPublisher();
      return {
        ...publisher,
        async publish(page) {
          const contexts = page.filter(({ topic }) => topic === Topic.customerContext);
          if (page.length > contexts.length || contexts.length === 0) return publisher.publish(page);
          const read = contexts.map(({ value }) => decodeContext(value ?? new Uint8Array()).value);
          if (read.some((one) => (one as { customer_id: string }).customer_id === changed.customer_id)) {
            if (!isRefused) {
              isRefused = true;
              const { customer_id } = changed;
              await setCustomerStatus(graph, testHeader(), {
                customer_id,
                status: 'suspended',
                reason: 'test',
              });
              throw new RecordsRefused('Kafka refuses it: MESSAGE_TOO_LARGE');
            }
          }
          published.push(...(read as Record<string, unknown>[]));
          await publisher.publish(page);
        },
      };
    },
  });
  await expect.poll(() => readContextRebuild(graph), { timeout: 60_000 }).toBeUndefined();
  await relay.stop();
  const statusesOf = ({ customer_id }: { customer_id: string }) =>
    published.filter((one) => one.customer_id === customer_id).map(({ status }) => status);
  expect(isRefused).toBe(true);
  expect(statusesOf(changed)).toEqual(['suspended']);
  expect(statusesOf(other)).toEqual(['active']);
});

test('each projection has its lag, and is late beyond what the policy allows', async () => {
  await startRelay(graph);
  await publishEverything();
  const strict = {
    ...policy,
    context: { ...policy.context, maxStalenessMs: 60_000 },
    projections: { maxLag: { kafka: 0, contextCache: 60_000 } },
  };
  const stateOf = async (name: string) =>
    (await getProjectionStates(graph, strict)).find((state) => state.name === name);
  const topic = `kafka:${Topic.customerContext}`;
  expect(await stateOf(topic)).toMatchObject({ state: 'ok', lag: { events: 0, seconds: 0 } });
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const [{ count } = { count: 0 }] = await graph.read<{ count: number }>(
    'MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.seq > 0 RETURN count(e) AS count',
    { customer_id },
  );
  const late = await stateOf(topic);
  expect(late).toMatchObject({ state: 'late', lag: { events: count } });
  expect(late?.lag?.seconds).toBeGreaterThan(0);
  // It may lack what happened within its staleness, and nothing older.
  const cached = await stateOf('context-cache');
  expect(cached).toMatchObject({ state: 'ok' });
  expect(cached?.lag?.events).toBeGreaterThanOrEqual(count);
  expect(cached?.lag?.seconds).toBeLessThanOrEqual(60);
  expect(await stateOf('timeline')).toMatchObject({ state: 'ok', lag: { events: 0, seconds: 0 } });
  await publishEverything();
  expect(await stateOf(topic)).toMatchObject({ state: 'ok', lag: { events: 0 } });
});
