/** The Avro schemas of the topics that Persona writes: `schemas/*.avsc`, namespace `persona.v1`. */

import { readFileSync } from 'node:fs';
import { Topic, type TopicName } from '../domain/outbox/topics.ts';

/** `persona.payment-method-added.v1` has `payment-method-added.avsc`. */
const fileOf = (topic: TopicName) => `${topic.split('.')[1]}.avsc`;

/** The schema of each topic's values, parsed. */
export function readSchemas(): ReadonlyMap<TopicName, { name: string; namespace: string }> {
  return new Map(
    Object.values(Topic).map((topic) => {
      const file = new URL(`./schemas/${fileOf(topic)}`, import.meta.url);
      return [topic, JSON.parse(readFileSync(file, 'utf8')) as { name: string; namespace: string }];
    }),
  );
}
