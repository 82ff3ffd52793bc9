/** The way in of other agents' events, on a real Kafka, Neo4j and Temporal: nothing lost, nothing doubled, whatever fails. */

import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { Admin, Consumer, Producer } from '@platformatic/kafka';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { type KafkaRecordReader, openRecordReader } from '../adapters/kafka/consumer.ts';
import { openDeadLetters } from '../adapters/kafka/dead-letters.ts';
import { checkKafka } from '../cli/doctor/kafka.ts';
import { runCli } from '../cli/program.ts';
import { readSettings } from '../cli/settings.ts';
import type { DeletedRecords, KeptDeadLetter } from '../domain/inbound/records.ts';
import { InboundTopic } from '../domain/inbound/topics.ts';
import { PARTITIONS, Topic } from '../domain/outbox/topics.ts';
import { fraudCaseWorkflowId, recoveryWorkflowId } from '../domain/workflow-contracts.ts';
import { consume } from '../events/inbound/consume.ts';
import { createDeadLetterCodec } from '../events/inbound/dead-letters.ts';
import { createRecordDecoder } from '../events/inbound/decode-record.ts';
import { createRecordProcessor } from '../events/inbound/process-record.ts';
import { addErasedId } from '../graph/erasure/erased-ids.ts';
import { hideCustomer, requestErasure } from '../graph/erasure/index.ts';
import { createCustomer, type Graph, getPaymentMethods, openConfiguredGraph } from '../graph/index.ts';
import { runTransaction } from '../graph/kernel/run-transaction.ts';
import { readGraphEnvironment } from '../platform/environment.ts';
import { readPolicy } from '../platform/policy.ts';
import { DataKey } from '../security/data-key.ts';
import { createDeadLetterCipher } from '../security/dead-letter-cipher.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { openTemporal } from '../temporal/client.ts';
import { connectThrough, OFFSET_COMMIT, startKafkaProxy } from '../test/faults/kafka-requests.ts';
import { startTcpProxy, type TcpProxy } from '../test/faults/proxy.ts';
import { encode, type KafkaServer, startKafkaServer, writeRecords } from '../test/kafka-fixture.ts';
import { readReadyLine } from '../test/ready-line.ts';
import { openNamespace } from '../test/rig/server.ts';
import {
  excludeFromVerification,
  openTestGraph,
  runCypher,
  testHeader,
  verifyAndClose,
} from '../test/test-graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../test/wallet-fixtures.ts';

const policy = readPolicy();
const decode = createRecordDecoder(undefined);
const codecKeys = [{ id: 'c1', key: randomBytes(32) }];
const LIMIT = { timeout: 90_000 };
const neo4jAddress = new URL(process.env.NEO4J_URI ?? '').host;
const temporalAddress = process.env.TEMPORAL_ADDRESS ?? '';

let kafka: KafkaServer;
let temporal: Awaited<ReturnType<typeof openNamespace>>;
let graph: Graph;
beforeAll(async () => {
  [kafka, graph, temporal] = await Promise.all([
    startKafkaServer(),
    openTestGraph(),
    openNamespace({ codecKeys, interceptor: {} }),
  ]);
}, 240_000);
afterAll(async () => {
  await verifyAndClose(graph);
  await kafka.close();
});

const letters = openDeadLettersOf(randomBytes(32));
function openDeadLettersOf(key: Buffer) {
  const cipher = createDeadLetterCipher(createKeyRing([{ id: 'd1', key }]));
  let store: ReturnType<typeof openDeadLetters> | undefined;
  return () => (store ??= openDeadLetters({ brokers: kafka.brokers }, createDeadLetterCodec(cipher)));
}
afterAll(() => letters().close());

/** A consumer in this process; stopped at the end of the test. */
function startConsumer(
  changed: { graph?: Graph; temporal?: ReturnType<typeof openTemporal>; isKeyLost?: boolean } = {},
  onRecord: (offset: string) => Promise<void> | void = () => {},
  onErased: (topic: string) => void = () => {},
) {
  const { isKeyLost = false, ...services } = changed;
  const stopping = new AbortController();
  const processRecord = createRecordProcessor(
    { graph, temporal: temporal.client, policy, ...services },
    decode,
    async () => isKeyLost,
  );
  const waits: string[] = [];
  const processed: string[] = [];
  const deleted: DeletedRecords[] = [];
  const reading = Promise.withResolvers<void>();
  let reader: KafkaRecordReader | undefined;
  const ended = consume({
    async openReader() {
      reader = await openRecordReader({ brokers: kafka.brokers }, (one) => deleted.push(one));
      return reader;
    },
    async processRecord(record) {
      const result = await processRecord(record);
      await onRecord(`${record.topic}/${record.partition}/${record.offset}`);
      return result;
    },
    decode,
    deadLetters: letters(),
    observe: {
      onProcessed({ topic, partition, offset }, result) {
        processed.push(`${topic}/${partition}/${offset}`);
        if (result === 'erased') onErased(topic);
      },
      onDeadLetter() {},
      onWait: (error) => void waits.push(error instanceof Error ? error.message : String(error)),
      onReading: (isReading) => isReading && reading.resolve(),
    },
    signal: stopping.signal,
  });
  const stop = async () => {
    stopping.abort();
    await ended;
  };
  onTestFinished(stop);
  const lag = async () => await reader?.lag();
  return { waits, processed, deleted, stop, lag, reading: reading.promise };
}

const routed = (wallet: TestWallet, changed: Record<string, unknown> = {}) => ({
  topic: InboundTopic.routingOutcome,
  value: {
    event_id: randomUUID(),
    transaction_id: `t-${randomUUID()}`,
    customer_id: wallet.customer_id,
    payment_method_id: wallet.methods[0],
    succeeded: true,
    amount: 100,
    currency: 'USD',
    occurred_at: new Date().toISOString(),
    ...changed,
  },
});
const failed = (wallet: TestWallet, changed: Record<string, unknown> = {}) => ({
  topic: InboundTopic.paymentFailed,
  value: { ...failureOf(wallet), ...changed },
});
const feedback = (wallet: TestWallet, changed: Record<string, unknown> = {}) => ({
  topic: InboundTopic.analyticsFeedback,
  value: {
    event_id: randomUUID(),
    customer_id: wallet.customer_id,
    occurred_at: new Date().toISOString(),
    ...changed,
  },
});

async function ltvOf({ customer_id }: TestWallet, inGraph = graph): Promise<number> {
  const query = 'MATCH (c:Customer {id: $customer_id}) RETURN c.ltv_minor AS ltv';
  const { records } = await runCypher(inGraph, query, { customer_id });
  return records[0]?.get('ltv') as number;
}
async function acceptedReports(event_id: unknown): Promise<number> {
  const query = 'MATCH (r:AcceptedReport {event_id: $event_id}) RETURN count(r) AS count';
  const { records } = await runCypher(graph, query, { event_id });
  return records[0]?.get('count') as number;
}
const isRunning = (payment_id: unknown) =>
  temporal.client.workflow
    .getHandle(recoveryWorkflowId(String(payment_id)))
    .describe()
    .then(
      ({ status }) => status.name === 'RUNNING',
      () => false,
    );
async function admin(work: (client: Admin) => Promise<unknown>): Promise<void> {
  const client = new Admin({ clientId: 'operator', bootstrapBrokers: kafka.brokers, retries: 20 });
  try {
    await work(client);
  } finally {
    await client.close();
  }
}
/** Of the group, by partition. */
async function committedOffsets(topic: string): Promise<Map<number, bigint>> {
  const client = new Admin({ clientId: 'operator', bootstrapBrokers: kafka.brokers, retries: 20 });
  try {
    const [group] = await client.listConsumerGroupOffsets({ groups: ['persona'] });
    const { partitions = [] } = group?.topics.find(({ name }) => name === topic) ?? {};
    return new Map(partitions.map((one) => [one.partitionIndex, one.committedOffset]));
  } finally {
    await client.close();
  }
}
const letterOf = async (id: string): Promise<KeptDeadLetter | undefined> =>
  (await letters().list()).find((letter) => letter.id === id);
const idOf = ([written]: { topic: string; partition: number; offset: bigint }[]) =>
  `${written?.topic}/${written?.partition}/${written?.offset}`;

test('what arrives about an erased customer is dropped, starts no run and is no dead letter', async () => {
  const late: string[] = [];
  const { reading } = startConsumer({}, undefined, (topic) => late.push(topic));
  await reading;
  // One is hidden, the other's id is all that is known: as a hash.
  const [hidden, erased] = [await customerWithCards(graph, policy), await customerWithCards(graph, policy)];
  const { customer_id } = hidden;
  const { erasure_id } = await requestErasure(graph, { customer_id });
  await hideCustomer(graph, { erasure_id, customer_id, by: { actor: 'test', correlationId: 'test' } });
  const gone = { ...erased, customer_id: randomUUID() };
  await runTransaction(graph, async (sender) =>
    addErasedId(graph, sender, gone.customer_id, new Date().toISOString()),
  );
  const failures = [failed(hidden), failed(gone)];
  const others = [hidden, gone].flatMap((wallet) => [routed(wallet), feedback(wallet, { segment: 'gold' })]);
  const inCapitals = { ...gone, customer_id: gone.customer_id.toUpperCase() };
  const invalid = [hidden, inCapitals].map((wallet) => feedback(wallet, { ltv: 'much' }));
  const written = await writeRecords(kafka.brokers, [...failures, ...others, ...invalid]);
  await expect.poll(() => late, { timeout: 30_000 }).toHaveLength(8);
  for (const { value } of failures) {
    expect(await isRunning(value.payment_id)).toBe(false);
    expect(await acceptedReports(value.event_id)).toBe(0);
  }
  const ids = written.map((one) => idOf([one]));
  expect((await letters().list()).filter(({ id }) => ids.includes(id))).toEqual([]);
});

test('each topic does what its agent reports; the topics are made if they are missing', async () => {
  await startConsumer().reading;
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: kafka.brokers });
  onTestFinished(() => admin.close());
  expect(await admin.listTopics()).toEqual(expect.arrayContaining(Object.values(InboundTopic)));
  const wallet = await customerWithCards(graph, policy);
  const [method = '', other = ''] = wallet.methods;
  const failure = failed(wallet);
  const payment_id = `paid-${randomUUID()}`;
  const settlement = { event_id: randomUUID(), payment_id, customer_id: wallet.customer_id };
  const case_id = randomUUID();
  await writeRecords(kafka.brokers, [
    failure,
    {
      topic: InboundTopic.paymentSettled,
      value: { ...settlement, settled_at: new Date().toISOString() },
    },
    {
      topic: InboundTopic.fraudOutcome,
      value: {
        ...{ event_id: randomUUID(), case_id, outcome: 'suspected', customer_id: wallet.customer_id },
        ...{ reason: 'velocity', occurred_at: new Date().toISOString() },
      },
    },
    routed(wallet),
    routed(wallet, { succeeded: false, payment_method_id: other, decline_code: 'stolen_card' }),
    feedback(wallet, { segment: 'gold' }),
  ]);
  await expect.poll(() => isRunning(failure.value.payment_id), LIMIT).toBe(true);
  await expect.poll(() => isRunning(payment_id), LIMIT).toBe(true);
  const fraudCase = temporal.client.workflow.getHandle(fraudCaseWorkflowId(case_id));
  await expect
    .poll(
      () =>
        fraudCase.describe().then(
          ({ type }) => type,
          () => '',
        ),
      LIMIT,
    )
    .toBe('applyFraudOutcome');
  await expect.poll(() => ltvOf(wallet), LIMIT).toBe(100);
  await expect
    .poll(async () => {
      const methods = await getPaymentMethods(graph, { customer_id: wallet.customer_id });
      return methods.map(({ payment_method_id, status }) => [payment_method_id, status]);
    }, LIMIT)
    .toContainEqual([other, 'compromised']);
  const query = `
    MATCH (c:Customer {id: $customer_id})-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod {id: $method})
    RETURN c.segment AS segment, h.use_count AS uses`;
  const read = async () => {
    const { records } = await runCypher(graph, query, { customer_id: wallet.customer_id, method });
    return [records[0]?.get('segment'), records[0]?.get('uses')];
  };
  await expect.poll(read, LIMIT).toEqual(['GOLD', 2]);
});

test('with Temporal away, a report is kept in the graph and waits; nothing is lost, and nothing is a dead letter', async () => {
  const proxy = await startTcpProxy(temporalAddress);
  onTestFinished(() => proxy.close());
  const client = openTemporal({ address: proxy.address, namespace: temporal.namespace, codecKeys });
  onTestFinished(() => client.connection.close());
  const port = Number(proxy.address.split(':')[1]);
  await proxy.close();

  const wallet = await customerWithCards(graph, policy);
  const failure = failed(wallet);
  const consumer = startConsumer({ temporal: client });
  const id = idOf(await writeRecords(kafka.brokers, [failure]));
  await expect.poll(() => acceptedReports(failure.value.event_id), LIMIT).toBe(1);
  await expect.poll(() => consumer.waits.length, LIMIT).toBeGreaterThan(1);
  expect(consumer.processed).not.toContain(id);
  const back: TcpProxy = await startTcpProxy(temporalAddress, port);
  onTestFinished(() => back.close());
  await expect.poll(() => isRunning(failure.value.payment_id), LIMIT).toBe(true);
  await expect.poll(() => consumer.processed, LIMIT).toContain(id);
  expect(await letterOf(id)).toBeUndefined();
});

test('with Neo4j away, nothing is committed: a consumer that starts later processes it, once', async () => {
  const proxy = await startTcpProxy(neo4jAddress);
  const away: Graph = await openTestGraph({ uri: `bolt://${proxy.address}` });
  onTestFinished(() => away.close());
  await proxy.close();
  proxy.dropConnections();

  const wallet = await customerWithCards(graph, policy);
  const consumer = startConsumer({ graph: away });
  const outcome = routed(wallet);
  const id = idOf(await writeRecords(kafka.brokers, [outcome, outcome]));
  await expect.poll(() => consumer.waits.length, LIMIT).toBeGreaterThan(2);
  await consumer.stop();
  expect(consumer.processed).not.toContain(id);
  const next = startConsumer();
  await expect.poll(() => next.processed, LIMIT).toContain(id);
  await next.stop();
  expect(await ltvOf(wallet)).toBe(100);
});

test('a record that cannot be processed is kept, says why, and does not stop those after it', async () => {
  const wallet = await customerWithCards(graph, policy);
  const topic = InboundTopic.routingOutcome;
  const key = wallet.customer_id;
  const unknown = routed(wallet, { payment_method_id: randomUUID() });
  const stale = routed(wallet, { occurred_at: '2020-01-01T00:00:00Z' });
  const future = routed(wallet, { occurred_at: new Date(Date.now() + 86_400_000).toISOString() });
  const valid = routed(wallet);
  const damaged = encode(topic, valid.value).subarray(0, 40);
  const written = await writeRecords(kafka.brokers, [
    { topic, key, value: Buffer.from('no Avro') },
    { topic, key, value: damaged },
    ...[unknown, stale, future, valid],
  ]);
  const first = written.find((one) => one.topic === topic);
  startConsumer();
  await expect.poll(() => ltvOf(wallet), LIMIT).toBe(100);
  const found = (await letters().list()).filter(
    ({ open }) => Buffer.from(open().key ?? []).toString() === key,
  );
  expect(found.map(({ error_type, error, event_id }) => [error_type, error, event_id])).toEqual([
    ['undecodable', "the value lacks the header of Avro's single-object encoding", undefined],
    ['undecodable', 'the value is no value of persona.v1.RoutingOutcome', undefined],
    ['payment_method_not_found', expect.stringContaining('has no payment method'), unknown.value.event_id],
    ['stale_event', expect.stringContaining('occurred_at'), stale.value.event_id],
    ['invalid_argument', 'occurred_at: must not be in the future', future.value.event_id],
  ]);
  expect(found[0]?.id).toBe(`${topic}/${first?.partition}/${first?.offset}`);
});

test('what an agent withdraws is not applied, and holds back nothing', async () => {
  // It creates the topic.
  const first = startConsumer();
  await first.reading;
  await first.stop();
  const wallet = await customerWithCards(graph, policy);
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    ...{ clientId: 'agent', bootstrapBrokers: kafka.brokers, retries: true, retryDelay: 50 },
    ...{ idempotent: true, transactionalId: 'cerebrum' },
  });
  onTestFinished(() => producer.close());
  const begin = () => producer.beginTransaction({ producerId: -1n, producerEpoch: -1 });
  const { topic } = routed(wallet);
  const key = Buffer.from(wallet.customer_id);
  let partition = 0;
  const write = async (amount: number) => {
    const transaction = await begin();
    const { offsets } = await transaction.send({
      messages: [{ topic, key, value: encode(topic, routed(wallet, { amount }).value) }],
    });
    partition = offsets?.[0]?.partition ?? 0;
    return transaction;
  };
  await (await write(100)).abort();
  await (await write(200)).abort();
  await (await write(400)).commit();
  await (await write(800)).abort();
  await (await write(1_600)).commit();
  // Of a producer that failed before it had written anything: only a mark in the partition.
  const empty = await begin();
  const metadata = await producer.metadata({ topics: [topic] });
  await empty.addPartitions(metadata, [{ topic, key, value: key, partition }]);
  await empty.abort();
  await writeRecords(kafka.brokers, [routed(wallet, { amount: 3_200 })]);
  // All in one response.
  const consumer = startConsumer();
  // Of one customer, so what was withdrawn would have been added before.
  await expect.poll(() => ltvOf(wallet), LIMIT).toBe(5_200);
  // Nothing after the last record counts as waiting.
  await (await write(6_400)).abort();
  await expect.poll(async () => (await consumer.lag())?.get(topic), LIMIT).toBe(0);
});

test('a card number is masked in a dead letter, which Kafka holds encrypted', async () => {
  const wallet = await customerWithCards(graph, policy);
  const record = failed(wallet, { description: 'card 4242 4242 4242 4242' });
  const id = idOf(await writeRecords(kafka.brokers, [record]));
  startConsumer();
  await expect.poll(() => letterOf(id), LIMIT).toBeDefined();
  const letter = await letterOf(id);
  expect(letter).toMatchObject({ error_type: 'card_number_refused', event_id: record.value.event_id });
  const kept = Buffer.from(letter?.open().value ?? []).toString('latin1');
  expect(kept).toContain('card **** **** **** ****');
  expect(kept).not.toContain('4242');
  const [other] = await openDeadLettersOf(randomBytes(32))().list();
  expect(() => other?.open()).toThrow('cannot be decrypted with the keys of PERSONA_KEYS');
});

test('a record that is too large for a dead letter leaves its place, and does not stop those after it', async () => {
  const wallet = await customerWithCards(graph, policy, { cards: 1 });
  const value = Buffer.from('4242424242424242,'.repeat(55_000));
  const large = idOf(await writeRecords(kafka.brokers, [{ ...routed(wallet), value }]));
  await writeRecords(kafka.brokers, [routed(wallet)]);
  startConsumer();
  await expect.poll(() => ltvOf(wallet), LIMIT).toBe(100);
  await expect.poll(() => letterOf(large), LIMIT).toMatchObject({ error_type: 'too_large' });
  expect((await letterOf(large))?.open()).toMatchObject({ key: undefined, value: undefined });
});

test('when the client gives up joining the group again, it is joined anew', async () => {
  const join = vi.spyOn(Consumer.prototype, 'consume');
  onTestFinished(() => join.mockRestore());
  const wallet = await customerWithCards(graph, policy, { cards: 1 });
  const consumer = startConsumer();
  await consumer.reading;
  (join.mock.contexts[0] as Consumer | undefined)?.emit('error', new Error('joinGroup failed'));
  await expect.poll(() => consumer.waits, LIMIT).toContainEqual(expect.stringContaining('joinGroup failed'));
  await writeRecords(kafka.brokers, [routed(wallet)]);
  await expect.poll(() => ltvOf(wallet), LIMIT).toBe(100);
});

test('dead letters that are written at the same time share a producer', async () => {
  const send = vi.spyOn(Producer.prototype, 'send');
  onTestFinished(() => send.mockRestore());
  const store = openDeadLettersOf(randomBytes(32))();
  onTestFinished(() => store.close());
  const record = { topic: InboundTopic.fraudOutcome, partition: 0, key: undefined, value: undefined };
  const written = [1, 2, 3].map((n) => ({
    ...{ id: `shared-${n}`, error_type: 'internal', error: 'x', read_at: n },
    record: { ...record, offset: BigInt(n), headers: {}, timestamp: 0 },
  }));
  await Promise.all(written.map((letter) => store.add(letter)));
  expect(new Set(send.mock.contexts).size).toBe(1);
});

test('an error that no outage explains is repeated, then the record is kept, and its partition goes on', async () => {
  const wallet = await customerWithCards(graph, policy);
  const [poison, next] = [routed(wallet), routed(wallet)];
  const id = idOf(await writeRecords(kafka.brokers, [poison, next]));
  let attempts = 0;
  startConsumer({}, (offset) => {
    if (offset !== id) return;
    attempts += 1;
    throw new TypeError('a bug');
  });
  await expect.poll(() => letterOf(id), LIMIT).toMatchObject({ error_type: 'internal' });
  expect(attempts).toBe(5);
  await expect.poll(() => ltvOf(wallet), LIMIT).toBe(200);
});

test('a customer whose key is lost holds back no partition; one whose key another process has waits for it', async () => {
  const [lost, next] = [await customerWithCards(graph, policy), await customerWithCards(graph, policy)];
  excludeFromVerification(graph, lost.customer_id);
  const owner = { label: 'CustomerKey', id: lost.customer_id } as const;
  const { wrapped } = DataKey.create(createKeyRing([{ id: 'lost', key: randomBytes(32) }]), owner);
  const replace = 'MATCH (k:CustomerKey {customer_id: $id}) SET k.wrapped = $wrapped, k.key_id = $key_id';
  await runCypher(graph, replace, { id: owner.id, ...wrapped });
  // In one partition.
  const [held] = await writeRecords(kafka.brokers, [
    { ...feedback(lost, { ltv: '5.00' }), key: 'same' },
    { ...feedback(next, { ltv: '6.00' }), key: 'same' },
  ]);
  const id = idOf(held ? [held] : []);
  const waiting = startConsumer();
  await expect
    .poll(() => waiting.waits.some((reason) => reason.includes('lacks the key lost')), LIMIT)
    .toBe(true);
  await waiting.stop();
  expect(await letterOf(id)).toBeUndefined();
  startConsumer({ isKeyLost: true });
  await expect.poll(() => ltvOf(next), LIMIT).toBe(600);
  expect(await letterOf(id)).toMatchObject({ error_type: 'key_unavailable' });
});

test('records of one customer are processed in their order, while others go on', async () => {
  const [slow, fast] = [await customerWithCards(graph, policy), await customerWithCards(graph, policy)];
  const segments = ['A', 'B', 'C', 'D'].map((segment) => feedback(slow, { segment }));
  const at = new Date().toISOString();
  for (const { value } of segments) value.occurred_at = at;
  const { promise: released, resolve: releaseFirst } = Promise.withResolvers<void>();
  const held = idOf(await writeRecords(kafka.brokers, segments));
  await writeRecords(kafka.brokers, [feedback(fast, { ltv: '5.00' })]);
  startConsumer({}, async (offset) => {
    if (offset === held) await released;
  });
  onTestFinished(() => releaseFirst());
  await expect.poll(() => ltvOf(fast), LIMIT).toBe(500);
  const segmentOf = async () => {
    const query = 'MATCH (c:Customer {id: $id}) RETURN c.segment AS segment';
    return (await runCypher(graph, query, { id: slow.customer_id })).records[0]?.get('segment');
  };
  await expect.poll(segmentOf, LIMIT).toBe('A');
  releaseFirst();
  await expect.poll(segmentOf, LIMIT).toBe('D');
});

test('a rebalance in the middle, duplicates, and Kafka killed change nothing', async () => {
  const wallets = await Promise.all(Array.from({ length: 4 }, () => customerWithCards(graph, policy)));
  const outcomes = Array.from({ length: 120 }, (_, n) => routed(wallets[n % 4] as TestWallet));
  await writeRecords(kafka.brokers, [...outcomes, ...outcomes.slice(0, 40)]);
  const first = startConsumer();
  await expect.poll(() => first.processed.length, LIMIT).toBeGreaterThan(20);
  const second = startConsumer();
  await expect.poll(() => second.processed.length + first.processed.length, LIMIT).toBeGreaterThan(60);
  await kafka.kill();
  await kafka.restart();
  await writeRecords(kafka.brokers, [...outcomes.slice(60)]);
  const third = startConsumer();
  const totals = () => Promise.all(wallets.map((wallet) => ltvOf(wallet)));
  await expect.poll(totals, LIMIT).toEqual([3_000, 3_000, 3_000, 3_000]);
  await first.stop();
  await writeRecords(kafka.brokers, outcomes);
  await writeRecords(
    kafka.brokers,
    wallets.map((wallet) => routed(wallet, { amount: 1 })),
  );
  await expect.poll(totals, LIMIT).toEqual([3_001, 3_001, 3_001, 3_001]);
  await Promise.all([second.stop(), third.stop()]);
});

test('an offset commit that Kafka has made and not answered is repeated, and no record is', async () => {
  const proxy = await startKafkaProxy(kafka.brokers);
  const wallet = await customerWithCards(graph, policy, { cards: 1 });
  const write = async () => idOf(await writeRecords(kafka.brokers, [routed(wallet)]));
  const consumer = await connectThrough(proxy, async () => {
    const started = startConsumer();
    await started.reading;
    return started;
  });
  const stop = proxy.stopAt({ requests: [[OFFSET_COMMIT, InboundTopic.routingOutcome]], hold: 'answer' });
  const first = await write();
  await stop.reached;
  expect(consumer.processed).toEqual([first]);
  proxy.dropConnections();
  const second = await write();
  await expect.poll(() => consumer.processed, LIMIT).toEqual([first, second]);
  await consumer.stop();
  expect(consumer.processed).toEqual([first, second]);
  const next = startConsumer();
  const third = await write();
  await expect.poll(() => next.processed, LIMIT).toEqual([third]);
  expect(await ltvOf(wallet)).toBe(300);
});

test('a member that finishes late does not put back what the next member of its partitions has committed', async () => {
  const members = vi.spyOn(Consumer.prototype, 'consume');
  onTestFinished(() => members.mockRestore());
  const wallet = await customerWithCards(graph, policy, { cards: 1 });
  const topic = InboundTopic.analyticsFeedback;
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    ...{ clientId: 'agent', bootstrapBrokers: kafka.brokers, retries: true, retryDelay: 50 },
  });
  onTestFinished(() => producer.close());
  /** One record for each partition. @returns their ids, by partition */
  const writeEach = async () => {
    const messages = Array.from({ length: PARTITIONS }, (_, partition) => {
      const value = encode(topic, feedback(wallet, { segment: 'late' }).value);
      return { topic, partition, key: Buffer.from(`k-${partition}`), value };
    });
    const { offsets = [] } = await producer.send({ messages, acks: -1 });
    return new Map(offsets.map((one): [number, string] => [one.partition, idOf([one])]));
  };
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  let held = 0;
  const first = startConsumer({}, async () => {
    held += 1;
    await released;
  });
  onTestFinished(() => release());
  await first.reading;
  const batches = [await writeEach()];
  await expect.poll(() => held, LIMIT).toBe(PARTITIONS);
  const second = startConsumer();
  await second.reading;
  const { assignments } = members.mock.contexts[1] as Consumer;
  const moved = assignments?.find((one) => one.topic === topic)?.partitions ?? [];
  expect(moved.length).toBeGreaterThan(0);
  batches.push(await writeEach());
  const expected = () => batches.flatMap((ids) => moved.map((partition) => ids.get(partition))).sort();
  const processed = () => second.processed.filter((id) => moved.includes(Number(id.split('/')[1]))).sort();
  await expect.poll(processed, LIMIT).toEqual(expected());
  const committed = async () => {
    const offsets = await committedOffsets(topic);
    return moved.map((partition) => offsets.get(partition));
  };
  const next = moved.map((partition) => BigInt(batches[1]?.get(partition)?.split('/')[2] ?? 0) + 1n);
  await expect.poll(committed, LIMIT).toEqual(next);
  release();
  await first.stop();
  expect(await committed()).toEqual(next);
});

test('a member whose commit is refused joins the group again with its own time limits', async () => {
  const reader = await openRecordReader({ brokers: kafka.brokers }, () => {});
  onTestFinished(() => reader.close());
  const join = vi.spyOn(Consumer.prototype, 'joinGroup');
  onTestFinished(() => join.mockRestore());
  await admin((client) => client.removeMembersFromConsumerGroup({ groupId: 'persona' }));
  // Before its next heartbeat notices.
  await reader.commit([{ topic: InboundTopic.fraudOutcome, partition: PARTITIONS - 1, offset: 0n }]);
  expect(join.mock.lastCall?.[0]).toMatchObject({ sessionTimeout: 15_000, rebalanceTimeout: 30_000 });
});

test('records that Kafka deleted before they were read are said to be lost, and those after them are processed', async () => {
  const wallet = await customerWithCards(graph, policy);
  const write = async (ltv: string, at: number) => {
    const occurred_at = new Date(Date.now() - 60_000 + at).toISOString();
    const [written] = await writeRecords(kafka.brokers, [feedback(wallet, { ltv, occurred_at })]);
    return written ?? expect.fail('nothing was written');
  };
  await write('1.00', 1);
  const before = startConsumer();
  await expect.poll(() => ltvOf(wallet), LIMIT).toBe(100);
  await before.stop();
  const from = await write('2.00', 2);
  await write('3.00', 3);
  const to = await write('4.00', 4);
  const { topic, partition } = from;
  await admin((client) =>
    client.deleteRecords({ topics: [{ name: topic, partitions: [{ partition, offset: to.offset }] }] }),
  );
  const after = startConsumer();
  await expect.poll(() => ltvOf(wallet), LIMIT).toBe(400);
  await expect.poll(() => after.deleted).toEqual([{ topic, partition, from: from.offset, to: to.offset }]);
});

const commandEnvironment = () => ({
  ...process.env,
  ...{ KAFKA_BROKERS: kafka.brokers.join(), TEMPORAL_NAMESPACE: temporal.namespace, LOG_LEVEL: 'error' },
});

test('persona doctor names a topic of Persona’s that a broker has created with settings that lose the log', async () => {
  const check = async () => (await checkKafka(readSettings(commandEnvironment()))).topics;
  expect(await check()).toMatchObject({ state: 'ok' });
  const topics = [Topic.log];
  await admin((client) => client.createTopics({ topics, partitions: 1, replicas: 1 }));
  onTestFinished(() => admin((client) => client.deleteTopics({ topics })));
  expect(await check()).toMatchObject({
    state: 'wrong',
    detail: [
      `${Topic.log}: 1 partitions instead of ${PARTITIONS}`,
      `${Topic.log}: retention.ms is 604800000 instead of -1`,
    ].join('\n'),
  });
});

test('persona dlq lists, shows and retries: a customer who is known later, and a record that stays refused', async () => {
  const run = async (...args: string[]) => {
    const [out, err]: string[][] = [[], []];
    const env = commandEnvironment();
    const print = {
      out: (text: string) => void out?.push(text),
      err: (text: string) => void err?.push(text),
    };
    const code = await runCli(['dlq', ...args, '--json'], { env, stdin: Readable.from([]), ...print });
    return { code, document: JSON.parse(out?.join('') || '{}') as { items: { id: string }[] }, err };
  };
  const { keys, ...environment } = readGraphEnvironment(process.env);
  const configured = openConfiguredGraph({ ...environment, keys });
  const cipher = createDeadLetterCipher(createKeyRing(keys.reveal()));
  const store = openDeadLetters({ brokers: kafka.brokers }, createDeadLetterCodec(cipher));
  const stopping = new AbortController();
  const customer_id = randomUUID();
  const unknown = { customer_id, methods: [] };
  const id = idOf(await writeRecords(kafka.brokers, [feedback(unknown, { segment: 'late' })]));
  const invalid = idOf(await writeRecords(kafka.brokers, [feedback(unknown)]));
  const consuming = consume({
    openReader: () => openRecordReader({ brokers: kafka.brokers }, () => {}),
    processRecord: createRecordProcessor(
      { graph: configured, temporal: temporal.client, policy },
      decode,
      async () => false,
    ),
    decode,
    deadLetters: store,
    observe: { onProcessed() {}, onDeadLetter() {}, onWait() {}, onReading() {} },
    signal: stopping.signal,
  });
  onTestFinished(async () => {
    stopping.abort();
    await consuming;
    await Promise.all([store.close(), configured.close()]);
  });
  const listed = async () => (await run('list')).document.items.map((item) => item.id);
  await expect.poll(listed, LIMIT).toEqual(expect.arrayContaining([id, invalid]));
  expect((await run('show', id)).document).toMatchObject({
    ...{ id, error_type: 'customer_not_found', topic: InboundTopic.analyticsFeedback, key: customer_id },
    value: { customer_id, segment: 'late', ltv: null },
  });
  expect((await run('retry', id)).code).toBe(1);
  const { dead_letters } = await checkKafka(readSettings(commandEnvironment()));
  expect(dead_letters).toMatchObject({ state: 'wrong', detail: expect.stringContaining('not processed') });
  await createCustomer(configured, testHeader(), { customer_id });
  expect(await run('retry', id)).toMatchObject({
    code: 0,
    document: { items: [{ id, result: 'processed' }] },
  });
  expect(await run('retry', invalid)).toMatchObject({
    code: 1,
    document: { items: [{ id: invalid, result: 'refused', error: expect.stringContaining('ltv') }] },
  });
  // The oldest cannot be decrypted: the others are processed nevertheless.
  const record = { topic: InboundTopic.fraudOutcome, partition: 0, offset: 0n, headers: {}, timestamp: 0 };
  await letters().add({
    ...{ id: 'of-another-key', error_type: 'internal', error: 'x', read_at: 0 },
    record: { ...record, key: undefined, value: undefined },
  });
  expect(await run('retry', '--all')).toMatchObject({
    code: 1,
    document: {
      items: expect.arrayContaining([expect.objectContaining({ id: invalid, result: 'refused' })]),
    },
  });
  const query = 'MATCH (c:Customer {id: $customer_id}) RETURN c.segment AS segment';
  const { records } = await runCypher(configured, query, { customer_id });
  expect(records[0]?.get('segment')).toBe('LATE');
  expect(await listed()).toEqual(expect.arrayContaining([invalid]));
  expect(await listed()).not.toContain(id);
  expect(await run('show', id)).toMatchObject({ code: 1, err: [expect.stringContaining('no dead letter')] });
});

test('killed at any moment, the process loses and doubles nothing', async () => {
  const environment = { ...process.env, TEMPORAL_NAMESPACE: temporal.namespace };
  const configured = openConfiguredGraph(readGraphEnvironment(process.env));
  onTestFinished(() => configured.close());
  const wallets = await Promise.all(Array.from({ length: 3 }, () => customerWithCards(configured, policy)));
  const startProcess = async () => {
    const program = execa(process.execPath, ['consumers/main.ts'], {
      cwd: new URL('..', import.meta.url),
      env: { ...environment, KAFKA_BROKERS: kafka.brokers.join(), METRICS_PORT: '0', LOG_LEVEL: 'warn' },
      stdin: 'ignore',
      reject: false,
      forceKillAfterDelay: false,
    });
    onTestFinished(() => void program.kill('SIGKILL'));
    return { program, ...(await readReadyLine(program)) } as { program: typeof program; metrics: string };
  };
  const total = async () => {
    const values = await Promise.all(wallets.map((wallet) => ltvOf(wallet, configured)));
    return values.reduce((sum, value) => sum + value, 0);
  };
  const outcomes = Array.from({ length: 240 }, (_, n) => routed(wallets[n % 3] as TestWallet));
  await writeRecords(kafka.brokers, outcomes);
  for (const atLeast of [2_000, 9_000]) {
    const { program } = await startProcess();
    await expect.poll(total, { ...LIMIT, interval: 20 }).toBeGreaterThan(atLeast);
    program.kill('SIGKILL');
    await program;
  }
  const { program, metrics } = await startProcess();
  await expect.poll(total, LIMIT).toBe(24_000);
  const readMetrics = async () => (await fetch(metrics)).text();
  await expect
    .poll(readMetrics, LIMIT)
    .toContain('persona_consumer_lag_records{topic="cerebrum.routing-outcome.v1"} 0');
  // Ended in order, it has committed what it processed: the next one reads nothing again.
  program.kill('SIGTERM');
  expect((await program).exitCode).toBe(0);
  expect(await total()).toBe(24_000);
});

// The last one: keys continue in other partitions afterwards.
test('partitions that a topic gets while it is read are read as well', async () => {
  const wallet = await customerWithCards(graph, policy);
  const consumer = startConsumer();
  await consumer.reading;
  const topic = InboundTopic.analyticsFeedback;
  await admin((client) =>
    client.createPartitions({
      topics: [{ name: topic, count: PARTITIONS + 1, assignments: [{ brokerIds: [1] }] }],
    }),
  );
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    ...{ clientId: 'agent', bootstrapBrokers: kafka.brokers, retries: true, retryDelay: 50 },
  });
  onTestFinished(() => producer.close());
  const value = encode(topic, feedback(wallet, { ltv: '7.00' }).value);
  await producer.send({ messages: [{ topic, partition: PARTITIONS, value }], acks: -1 });
  await expect.poll(() => ltvOf(wallet), LIMIT).toBe(700);
  expect(consumer.processed).toContain(`${topic}/${PARTITIONS}/0`);
});
