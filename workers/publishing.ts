/** What a worker that has Kafka publishes with. */

import type { Registry } from 'prom-client';
import { kafkaOptions, verifyKafka } from '../adapters/kafka/connection.ts';
import { createKafkaPublishers } from '../adapters/kafka/publisher.ts';
import { openSchemaRegistry } from '../adapters/schema-registry/client.ts';
import type { Disclose } from '../domain/disclosures/disclosed.ts';
import { publicationDisclosures } from '../domain/disclosures/publications.ts';
import type { Policy } from '../domain/policy.ts';
import { createRecordEncoder, registerRecordEncoder } from '../events/encode.ts';
import type { Graph } from '../graph/index.ts';
import { getOutboxLag } from '../graph/outbox/index.ts';
import type { KafkaEnvironment } from '../platform/environment.ts';
import { createOutboxMetrics } from '../platform/outbox-metrics.ts';
import type { ActivityDependencies } from './queues.ts';

export interface Publishing {
  dependencies: NonNullable<ActivityDependencies['publishing']>;
  /** Each throws PersonaError kafka_unavailable or schema_registry_unavailable. */
  checks: Readonly<Record<string, () => Promise<void>>>;
}

export function createPublishing(
  kafka: KafkaEnvironment,
  {
    graph,
    policy,
    registry,
    disclose,
  }: { graph: Graph; policy: Pick<Policy, 'privacy'>; registry: Registry; disclose: Disclose },
): Publishing {
  const options = kafkaOptions(kafka);
  const schemas = kafka.schemaRegistry && openSchemaRegistry(kafka.schemaRegistry);
  return {
    dependencies: {
      openEncoder: async () => (schemas ? registerRecordEncoder(schemas) : createRecordEncoder()),
      openPublisher: createKafkaPublishers(options),
      observeRelay: createOutboxMetrics(registry, () => getOutboxLag(graph)),
      onPublished: publicationDisclosures(policy, disclose),
    },
    checks: {
      kafka: () => verifyKafka(options),
      ...(schemas && { schema_registry: () => schemas.verify() }),
    },
  };
}
