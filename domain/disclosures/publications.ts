/** Who reads what is published, and for what: the policy says, since Kafka does not. */

import type { TopicName } from '../outbox/topics.ts';
import type { Policy } from '../policy.ts';
import type { Disclose, Disclosed } from './disclosed.ts';
import { TOPIC_CATEGORIES } from './ways-out.ts';

/** @returns notes that records about these customers were published to a topic */
export function publicationDisclosures(
  { privacy }: Pick<Policy, 'privacy'>,
  disclose: Disclose,
): (topic: TopicName, customerIds: readonly string[]) => void {
  const byTopic = new Map<TopicName, Disclosed[]>();
  for (const { recipient, purpose, topics } of privacy.recipients)
    for (const topic of topics) {
      const disclosed = { recipient, purpose, categories: TOPIC_CATEGORIES[topic] };
      byTopic.set(topic, [...(byTopic.get(topic) ?? []), disclosed]);
    }
  return (topic, customerIds) => {
    for (const disclosed of byTopic.get(topic) ?? [])
      for (const customerId of customerIds) disclose(customerId, disclosed);
  };
}
