/** The Avro schemas of all topics that Persona writes or reads: `schemas/*.avsc`, namespace `persona.v1`. */

import { readFileSync } from 'node:fs';
import type { DEAD_LETTERS, InboundTopicName } from '../domain/inbound/topics.ts';
import { Topic, type TopicName } from '../domain/outbox/topics.ts';

interface Schema {
  name: string;
  namespace: string;
}

/** The parsed schema of a topic's values: `synapse.payment-failed.v1` has `payment-failed.avsc`. */
export function readSchema(topic: TopicName | InboundTopicName | typeof DEAD_LETTERS): Schema {
  const file = new URL(`./schemas/${topic.split('.')[1]}.avsc`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as Schema;
}

/** The schema of each topic of events that Persona writes. */
export function readSchemas(): ReadonlyMap<TopicName, Schema> {
  return new Map(Object.values(Topic).map((topic) => [topic, readSchema(topic)]));
}
