/** The topics that Persona reads, and the one for records that it cannot process (docs/reference/interfaces.md, 'Events'). */

import type { TopicSettings } from '../outbox/topics.ts';

export const InboundTopic = {
  paymentFailed: 'synapse.payment-failed.v1',
  paymentSettled: 'synapse.payment-settled.v1',
  fraudOutcome: 'chimera.fraud-outcome.v1',
  routingOutcome: 'cerebrum.routing-outcome.v1',
  analyticsFeedback: 'oracle.analytics-feedback.v1',
} as const;
export type InboundTopicName = (typeof InboundTopic)[keyof typeof InboundTopic];

export const DEAD_LETTERS = 'persona.dlq.v1';

const DAY_MS = 24 * 3_600_000;

/** Compacted, so that a handled dead letter can be removed by its key; what is left is deleted after 30 days. */
export const DEAD_LETTER_SETTINGS: TopicSettings = {
  'cleanup.policy': 'compact,delete',
  'retention.ms': String(30 * DAY_MS),
  'segment.ms': String(DAY_MS),
  'max.compaction.lag.ms': String(7 * DAY_MS),
};

/**
 * For topics that their owners have not created yet, so that reading them can begin. Like Persona's own, they have the
 * same number of partitions; operations may change their retention.
 */
export const INBOUND_SETTINGS: TopicSettings = {
  'cleanup.policy': 'delete',
  'retention.ms': String(14 * DAY_MS),
};
