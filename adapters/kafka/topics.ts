import { Admin } from '@platformatic/kafka';
import { PARTITIONS, type TopicSettings } from '../../domain/outbox/topics.ts';
import { clientOptions, type KafkaOptions, kafkaErrorNames } from './connection.ts';

/** As configured at the brokers. */
const DEFAULT_REPLICAS = -1;

/** Creates those topics that are missing. Those that exist stay as they are: operations may have changed their settings. */
export async function createMissingTopics(
  options: KafkaOptions,
  topics: Iterable<readonly [name: string, settings: TopicSettings]>,
): Promise<void> {
  const admin = new Admin(clientOptions(options));
  try {
    const existing = new Set(await admin.listTopics());
    for (const [topic, settings] of topics) {
      if (existing.has(topic)) continue;
      const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
      await admin
        .createTopics({ topics: [topic], partitions: PARTITIONS, replicas: DEFAULT_REPLICAS, configs })
        .catch((error: unknown) => {
          // Another process was faster.
          if (!kafkaErrorNames(error).includes('TOPIC_ALREADY_EXISTS')) throw error;
        });
    }
  } finally {
    await admin.close().catch(() => {});
  }
}
