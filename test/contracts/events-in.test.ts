/** The examples of other agents' records in `docs/contracts/events-in/`: each can be encoded, and is accepted when decoded. */

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { validateFraudOutcome } from '../../domain/fraud/messages.ts';
import { validateAnalyticsFeedback } from '../../domain/inbound/analytics-feedback.ts';
import { validateRoutingOutcome } from '../../domain/inbound/routing-outcome.ts';
import { InboundTopic, type InboundTopicName } from '../../domain/inbound/topics.ts';
import { validatePaymentFailed, validatePaymentSettled } from '../../domain/recovery/payment-failed.ts';
import { createSingleObjectEncoder } from '../../events/avro.ts';
import { createRecordDecoder } from '../../events/inbound/decode-record.ts';
import { readSchema } from '../../events/schemas.ts';
import { CONTRACTS } from './example.ts';

interface Example {
  topic: InboundTopicName;
  record: { key: string; value: { customer_id: string } & Record<string, unknown> };
}

const FOLDER = new URL('events-in/', CONTRACTS);
const examples = readdirSync(FOLDER)
  .sort()
  .map((file): [string, Example] => [
    file,
    JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Example,
  ]);

const VALIDATORS: Readonly<Record<InboundTopicName, (input: unknown) => { ok: boolean }>> = {
  [InboundTopic.paymentFailed]: validatePaymentFailed,
  [InboundTopic.paymentSettled]: validatePaymentSettled,
  [InboundTopic.fraudOutcome]: validateFraudOutcome,
  [InboundTopic.routingOutcome]: validateRoutingOutcome,
  [InboundTopic.analyticsFeedback]: (input) => validateAnalyticsFeedback(input, 'USD'),
};

test.each(examples)('%s', async (_, { topic, record: { key, value } }) => {
  const decoded = await createRecordDecoder(undefined)({
    topic,
    value: createSingleObjectEncoder(readSchema(topic))(value),
  });
  expect(decoded).toEqual({ value });
  expect(VALIDATORS[topic](value)).toMatchObject({ ok: true });
  expect(key).toBe(value.customer_id);
});

test('every topic has an example', () => {
  expect(examples.map(([, { topic }]) => topic).sort()).toEqual(Object.values(InboundTopic).sort());
});
