import { Admin, ConfigResourceTypes } from '@platformatic/kafka';
import { PARTITIONS, settingsProblems, type TopicSettings } from '../../domain/outbox/topics.ts';
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

/**
 * How topics that exist differ from what Persona would have created, where that loses records or keeps them too long: they
 * may have been created by a broker when another agent asked for them.
 * @returns one text for each problem @throws PersonaError kafka_unavailable
 */
export async function findTopicProblems(
  options: KafkaOptions,
  topics: ReadonlyMap<string, TopicSettings>,
): Promise<string[]> {
  const admin = new Admin(clientOptions(options));
  try {
    const names = (await admin.listTopics()).filter((name) => topics.has(name));
    if (names.length === 0) return [];
    const metadata = await admin.metadata({ topics: names });
    const resources = names.map((resourceName) => ({
      ...{ resourceType: ConfigResourceTypes.TOPIC, resourceName },
      configurationKeys: Object.keys(topics.get(resourceName) ?? {}),
    }));
    const described = await admin.describeConfigs({ resources });
    return described.flatMap(({ resourceName, configs }) => {
      const actual = Object.fromEntries(configs.map(({ name, value }) => [name, value ?? '']));
      const partitions = metadata.topics.get(resourceName)?.partitionsCount;
      const problems = settingsProblems(topics.get(resourceName) ?? {}, actual);
      if (partitions !== PARTITIONS) problems.unshift(`${partitions} partitions instead of ${PARTITIONS}`);
      return problems.map((problem) => `${resourceName}: ${problem}`);
    });
  } catch (error) {
    throw kafkaUnavailable(options, error);
  } finally {
    await admin.close().catch(() => {});
  }
}
