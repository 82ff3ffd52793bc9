/** Failed payments as Synapse writes them to Kafka. */

import { Producer } from '@platformatic/kafka';
import { InboundTopic } from '../domain/inbound/topics.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import { createSingleObjectEncoder } from '../events/avro.ts';
import { readSchema } from '../events/schemas.ts';

export interface FailureWriter {
  /** Writes them in their order, and waits until Kafka has them. */
  write(topic: string, failures: readonly PaymentFailed[]): Promise<void>;
  close(): Promise<void>;
}

export function openFailureWriter(brokers: string[]): FailureWriter {
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    ...{ clientId: 'synapse', bootstrapBrokers: brokers, idempotent: true, retries: 20, retryDelay: 50 },
  });
  const schema = readSchema(InboundTopic.paymentFailed);
  const { fields } = schema as unknown as { fields: { name: string; default?: unknown }[] };
  const encode = createSingleObjectEncoder(schema);
  const complete = (failure: PaymentFailed) =>
    Object.fromEntries(
      fields.map(({ name, default: absent }) => [name, failure[name as keyof PaymentFailed] ?? absent]),
    );
  return {
    async write(topic, failures) {
      const messages = failures.map((failure) => ({
        ...{ topic, key: Buffer.from(failure.customer_id), value: encode(complete(failure)) },
      }));
      await producer.send({ messages, acks: -1 });
    },
    close: () => producer.close(),
  };
}
