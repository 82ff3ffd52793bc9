/** How Synapse and Chimera report to Persona: through Kafka, or without it by a signal and over REST. */

import { randomBytes } from 'node:crypto';
import { Admin, findErrorBy, Producer } from '@platformatic/kafka';
import { INBOUND_SETTINGS, InboundTopic } from '../../domain/inbound/topics.ts';
import { PARTITIONS } from '../../domain/outbox/topics.ts';
import type { Agents } from './agents.ts';
import { type AvroCodec, readAvroCodec } from './avro.ts';

interface Report {
  event_id: string;
  customer_id: string;
  /** RFC 3339. */
  occurred_at: string;
}

/** Fields as in `payment-failed.avsc`. */
export interface PaymentFailure extends Report {
  payment_id: string;
  payment_method_id: string;
  /** Minor units. */
  amount: number;
  currency: string;
  kind: 'recurring';
  decline_code: string;
  network_code?: string;
  description?: string;
}

/** Fields as in `fraud-outcome.avsc`. */
export interface FraudOutcome extends Report {
  case_id: string;
  outcome: string;
  device_id?: string;
  reason: string;
}

export interface Reports {
  /** For the terminal: through what each is reported. */
  readonly means: { readonly paymentFailed: string; readonly fraudOutcome: string };
  /** Synapse. @returns the recovery's workflow, which need not have been started yet */
  paymentFailed(failure: PaymentFailure): Promise<{ workflowId: string }>;
  /** Chimera. */
  fraudOutcome(outcome: FraudOutcome): Promise<void>;
  close(): Promise<void>;
}

/** By Synapse's signal from its own Temporal client, and Chimera's request over REST. */
export function reportDirectly(agents: Agents): Reports {
  return {
    means: { paymentFailed: 'by a signal', fraudOutcome: 'over REST' },
    paymentFailed: (failure) => agents.signalPaymentFailed(failure),
    fraudOutcome: (outcome) => agents.reportFraud(outcome),
    close: async () => {},
  };
}

/** @param broker host:port */
export async function reportThroughKafka(broker: string): Promise<Reports> {
  const client = { clientId: 'demo', bootstrapBrokers: [broker], retries: 20, retryDelay: 250 };
  await createTopics(client, [InboundTopic.paymentFailed, InboundTopic.fraudOutcome]);
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({ ...client, idempotent: true });
  const failures = readAvroCodec<PaymentFailure>('payment-failed.avsc');
  const outcomes = readAvroCodec<FraudOutcome>('fraud-outcome.avsc');
  /** Resolves when Kafka has the record. */
  async function write<T extends Report>(topic: string, type: string, codec: AvroCodec<T>, report: T) {
    const headers = new Map(
      Object.entries(headersOf(topic, type, report)).map(([name, text]) => [
        Buffer.from(name),
        Buffer.from(text),
      ]),
    );
    const key = Buffer.from(report.customer_id);
    await producer.send({ messages: [{ topic, key, value: codec.encode(report), headers }], acks: -1 });
  }
  return {
    means: { paymentFailed: 'through Kafka', fraudOutcome: 'through Kafka' },
    async paymentFailed(failure) {
      await write(InboundTopic.paymentFailed, 'PaymentFailed', failures, failure);
      return { workflowId: `recovery:${failure.payment_id}` };
    },
    fraudOutcome: (outcome) => write(InboundTopic.fraudOutcome, 'FraudOutcome', outcomes, outcome),
    close: () => producer.close(),
  };
}

/** Each agent creates the topics that it writes, unless Persona's consumer was faster. */
async function createTopics(
  client: { clientId: string; bootstrapBrokers: string[] },
  topics: string[],
): Promise<void> {
  const admin = new Admin(client);
  try {
    const existing = new Set(await admin.listTopics());
    const configs = Object.entries(INBOUND_SETTINGS).map(([name, value]) => ({ name, value }));
    for (const topic of topics) {
      if (existing.has(topic)) continue;
      await admin
        .createTopics({ topics: [topic], partitions: PARTITIONS, replicas: -1, configs })
        .catch((error: unknown) => {
          // The list may lag behind, so only the error says that it is there.
          if (!findErrorBy(error as Error, 'apiId', 'TOPIC_ALREADY_EXISTS')) throw error;
        });
    }
  } finally {
    await admin.close();
  }
}

/** CloudEvents 1.0, binary mode of its Kafka binding, and a new W3C trace, which is sampled. */
function headersOf(
  topic: string,
  type: string,
  { event_id, customer_id, occurred_at }: Report,
): Record<string, string> {
  const [agent] = topic.split('.');
  return {
    ce_specversion: '1.0',
    ce_id: event_id,
    ce_source: `/${agent}`,
    ce_type: `${agent}.v1.${type}`,
    ce_subject: customer_id,
    ce_time: occurred_at,
    'content-type': 'application/avro',
    traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
  };
}
