import { Admin, ConfigResourceTypes } from '@platformatic/kafka';
import { PARTITIONS, type TopicSettings } from '../../domain/outbox/topics.ts';
import { clientOptions, type KafkaOptions, kafkaErrorNames, kafkaUnavailable } from './connection.ts';

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

/** A topic as it is at the brokers. */
export interface ExistingTopic {
  partitions: number | undefined;
  /** All that are in effect. */
  settings: TopicSettings;
}

/**
 * Those of the topics that exist.
 * @throws PersonaError kafka_unavailable, also without the permission to describe them
 */
export async function readTopics(
  options: KafkaOptions,
  wanted: ReadonlySet<string>,
): Promise<ReadonlyMap<string, ExistingTopic>> {
  const admin = new Admin(clientOptions(options));
  try {
    const topics = (await admin.listTopics()).filter((name) => wanted.has(name));
    if (topics.length === 0) return new Map();
    const metadata = await admin.metadata({ topics });
    const resourceType = ConfigResourceTypes.TOPIC;
    const resources = topics.map((resourceName) => ({ resourceType, resourceName }));
    const described = await admin.describeConfigs({ resources });
    return new Map(
      described.map(({ resourceName, configs }) => [
        resourceName,
        {
          partitions: metadata.topics.get(resourceName)?.partitionsCount,
          settings: Object.fromEntries(
            configs.flatMap(({ name, value }) => (value == null ? [] : [[name, value]])),
          ),
        },
      ]),
    );
  } catch (error) {
    throw kafkaUnavailable(options, error);
  } finally {
    await admin.close().catch(() => {});
  }
}
