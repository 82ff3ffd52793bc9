import { Registry } from 'prom-client';
import { expect, onTestFinished, test, vi } from 'vitest';
import { InboundTopic } from '../domain/inbound/topics.ts';
import { createConsumerObserver } from './consumer-metrics.ts';
import { createLogger } from './logs.ts';

const topic = InboundTopic.paymentFailed;
const record = {
  ...{ topic, partition: 3, offset: 7n, key: undefined, value: undefined, headers: {}, timestamp: 0 },
};

function observe(readLag: () => Promise<ReadonlyMap<string, number> | undefined> = async () => undefined) {
  const registry = new Registry();
  const logger = createLogger({ process: 'consumer', level: 'silent' });
  return { registry, ...createConsumerObserver(registry, logger, readLag) };
}

test('records are counted by topic and result, as are late ones, attempts that failed, and what Kafka deleted', async () => {
  const { registry, onProcessed, onWait, onDeleted } = observe();
  for (const result of ['processed', 'processed', 'dead_letter', 'erased'] as const)
    onProcessed(record, result);
  onWait(new Error('the graph is away'), record);
  onDeleted({ topic, partition: 3, from: 5n, to: 9n });
  const text = await registry.metrics();
  const count = (result: string) => `persona_consumer_records_total{topic="${topic}",result="${result}"}`;
  expect(text).toContain(`${count('processed')} 2\n`);
  expect(text).toContain(`${count('dead_letter')} 1\n`);
  expect(text).toContain(`${count('erased')} 1\n`);
  expect(text).toContain('persona_erased_messages_total{entrance="kafka"} 1\n');
  expect(text).toContain('persona_consumer_waits_total 1\n');
  expect(text).toContain(`persona_consumer_deleted_records_total{topic="${topic}"} 4\n`);
});

test('the lag is read for each scrape, and absent while it cannot be read', async () => {
  let read = async (): Promise<Map<string, number> | undefined> => new Map([[topic, 12]]);
  const { registry } = observe(() => read());
  const shown = `persona_consumer_lag_records{topic="${topic}"} 12`;
  expect(await registry.metrics()).toContain(shown);
  read = () => Promise.reject(new Error('Kafka is away'));
  expect(await registry.metrics()).not.toContain('persona_consumer_lag_records{');
  read = async () => undefined;
  expect(await registry.metrics()).not.toContain('persona_consumer_lag_records{');
});

test('a Kafka that accepts connections and does not answer holds up no scrape', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { registry, onProcessed } = observe(() => new Promise(() => {}));
  onProcessed(record, 'processed');
  const scraped = registry.metrics();
  await vi.advanceTimersByTimeAsync(2_000);
  const text = await scraped;
  expect(text).toContain('persona_consumer_records_total');
  expect(text).not.toContain('persona_consumer_lag_records{');
});
