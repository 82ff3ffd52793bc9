/** The agents of the demo, which know only the published schemas, and Persona's own side of Kafka. */

import { randomUUID } from 'node:crypto';
import { Producer } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openRecordReader } from '../../adapters/kafka/consumer.ts';
import { createKafkaPublishers } from '../../adapters/kafka/publisher.ts';
import { InboundTopic } from '../../domain/inbound/topics.ts';
import { Topic } from '../../domain/outbox/topics.ts';
import { createRecordEncoder } from '../../events/encode.ts';
import { createRecordDecoder } from '../../events/inbound/decode-record.ts';
import { type KafkaServer, startKafkaServer } from '../../test/kafka-fixture.ts';
import { archiveLog } from './oracle.ts';
import { type FraudOutcome, type PaymentFailure, reportThroughKafka } from './reports.ts';

const occurred_at = '2026-11-03T10:00:00.000Z';
const FAILURE: PaymentFailure = {
  ...{ event_id: 'synapse-1', customer_id: 'c1', occurred_at },
  ...{ payment_id: 'p1', payment_method_id: 'm1', amount: 4_900, currency: 'USD', kind: 'recurring' },
  decline_code: 'insufficient_funds',
};
const OUTCOME: FraudOutcome = {
  ...{ event_id: 'chimera-1', customer_id: 'c2', occurred_at },
  ...{ case_id: 'case-1', outcome: 'confirmed_fraud', reason: 'account takeover' },
};

let kafka: KafkaServer;
let broker: string;
beforeAll(async () => {
  kafka = await startKafkaServer();
  broker = kafka.brokers[0] ?? '';
});
afterAll(() => kafka.close());

test('Persona reads what Synapse and Chimera write', async () => {
  // Each creates the missing topics.
  const [reports, others, reader] = await Promise.all([
    reportThroughKafka(broker),
    reportThroughKafka(broker),
    openRecordReader({ brokers: [broker] }, () => {}),
  ]);
  await others.close();
  expect(await reports.paymentFailed(FAILURE)).toEqual({ workflowId: 'recovery:p1' });
  await reports.fraudOutcome(OUTCOME);
  await reports.close();

  const decode = createRecordDecoder(undefined);
  const found = new Map();
  for await (const { topic, key, value, headers } of reader) {
    found.set(topic, { key: String(key), headers, decoded: await decode({ topic, value }) });
    if (found.size === 2) break;
  }
  await reader.close();
  expect(found.get(InboundTopic.paymentFailed)).toMatchObject({
    key: 'c1',
    headers: {
      ...{ ce_specversion: '1.0', ce_id: 'synapse-1', ce_source: '/synapse', ce_subject: 'c1' },
      ...{ ce_type: 'synapse.v1.PaymentFailed', ce_time: occurred_at, 'content-type': 'application/avro' },
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
    },
    decoded: { value: { ...FAILURE, network_code: null, description: null } },
  });
  expect(found.get(InboundTopic.fraudOutcome)).toMatchObject({
    key: 'c2',
    headers: { ce_type: 'chimera.v1.FraudOutcome', ce_id: 'chimera-1' },
    decoded: { value: { ...OUTCOME, device_id: null, new_trust_score: null } },
  });
});

test('Oracle archives each event that Persona publishes, once, and nothing that was withdrawn', async () => {
  const [first, second, third] = [logged('s1', 1), logged('s1', 2), logged('s2', 1)];
  const encode = createRecordEncoder();
  const publisher = await createKafkaPublishers({ brokers: [broker] })();
  await publisher.publish([first, second].map(encode));
  await withdraw(encode(logged('s1', 3)));
  await publisher.publish([first, second, third].map(encode));
  await publisher.close();

  const events = [first, second, third].map(({ value }) => value);
  const archive = await archiveLog(
    broker,
    events.map(({ event_id }) => event_id),
  );
  const byStream = Map.groupBy(archive.entries, ({ stream_id }) => stream_id);
  expect([...(byStream.get('s1') ?? []), ...(byStream.get('s2') ?? [])]).toEqual(
    events.map(({ event_id, stream_id, seq, type }) => ({ event_id, stream_id, seq, type })),
  );
});

test('Oracle drops repetitions', async () => {
  const encode = createRecordEncoder();
  const publisher = await createKafkaPublishers({ brokers: [broker] })();
  const [event, last] = [logged('s3', 1), logged('s3', 2)];
  await publisher.publish([event, event, last].map(encode));
  await publisher.close();
  const { entries } = await archiveLog(broker, [last.value.event_id]);
  const ofStream = entries.filter(({ stream_id }) => stream_id === 's3');
  expect(ofStream.map(({ seq }) => seq)).toEqual([1, 2]);
});

function logged(stream_id: string, seq: number) {
  const [id, time] = [randomUUID(), Date.parse(occurred_at)];
  return {
    ...{ topic: Topic.log, key: stream_id, id, type: 'NoticeSent', time: occurred_at, correlationId: id },
    value: {
      ...{ event_id: id, stream: 'customer', stream_id, seq, type: 'NoticeSent', schema_version: 1 },
      ...{ occurred_at: time, recorded_at: time, source: 'test', actor: 'test' },
      ...{ correlation_id: id, causation_id: null, data: '{}' },
    },
  };
}

/** Writes it in a transaction that is aborted. */
async function withdraw({ topic, key, value }: ReturnType<ReturnType<typeof createRecordEncoder>>) {
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    ...{ clientId: 'test', bootstrapBrokers: [broker], retries: true },
    ...{ idempotent: true, transactionalId: 'test' },
  });
  const transaction = await producer.beginTransaction({ producerId: -1n, producerEpoch: -1 });
  await transaction.send({ messages: [{ topic, key: Buffer.from(key), value: Buffer.from(value ?? []) }] });
  await transaction.abort();
  await producer.close();
}
