/** The topics that Persona writes to Kafka (docs/reference/interfaces.md, 'Events'). Names and settings are a contract. */

export const Topic = {
  log: 'persona.log.v1',
  customerProfileUpdated: 'persona.customer-profile-updated.v1',
  paymentMethodAdded: 'persona.payment-method-added.v1',
  paymentMethodStatusChanged: 'persona.payment-method-status-changed.v1',
  paymentMethodChanged: 'persona.payment-method-changed.v1',
  deviceTrustScoreUpdated: 'persona.device-trust-score-updated.v1',
  recovery: 'persona.recovery.v1',
  notice: 'persona.notice.v1',
  customerErased: 'persona.customer-erased.v1',
  customerContext: 'persona.customer-context.v1',
} as const;
export type TopicName = (typeof Topic)[keyof typeof Topic];

/** Kafka's settings of a topic, by their names there. */
export type TopicSettings = Readonly<Record<string, string>>;

/**
 * The same for every topic, so that a customer has the same partition number everywhere. It must never change: a key's
 * records would continue in another partition, and lose their order.
 */
export const PARTITIONS = 12;

const DAY_MS = 24 * 3_600_000;
/** A closed segment is deleted as a whole, after its newest record's retention. */
const SEGMENT_MS = DAY_MS;
/** Open properties of a person leave Kafka within 30 days (docs/reference/security.md). */
const RETENTION_MS = 28 * DAY_MS;

const EXPIRING: TopicSettings = {
  'cleanup.policy': 'delete',
  'retention.ms': String(RETENTION_MS),
  'segment.ms': String(SEGMENT_MS),
};

export const TOPIC_SETTINGS: Readonly<Record<TopicName, TopicSettings>> = {
  // Kept: it is what a new consumer starts from, and personal data in it is sealed.
  [Topic.log]: { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' },
  [Topic.customerProfileUpdated]: EXPIRING,
  [Topic.paymentMethodAdded]: EXPIRING,
  [Topic.paymentMethodStatusChanged]: EXPIRING,
  [Topic.paymentMethodChanged]: EXPIRING,
  [Topic.deviceTrustScoreUpdated]: EXPIRING,
  [Topic.recovery]: EXPIRING,
  [Topic.notice]: EXPIRING,
  [Topic.customerErased]: EXPIRING,
  // An earlier context is gone within days of the next one, or of the tombstone. That stays for consumers that were away.
  [Topic.customerContext]: {
    'cleanup.policy': 'compact',
    'segment.ms': String(SEGMENT_MS),
    'max.compaction.lag.ms': String(7 * DAY_MS),
    'delete.retention.ms': String(RETENTION_MS),
  },
};

const POLICY = 'cleanup.policy';
/** How long a tombstone stays: less would leave readers that were away with what it deletes. All other times are at most. */
const AT_LEAST = 'delete.retention.ms';
const UNLIMITED = -1;

/**
 * Where a topic's settings lose records that are to be kept, or keep what is to be deleted. Operations may keep less of what
 * is deleted anyway.
 * @param expected as in TOPIC_SETTINGS
 */
export function settingsProblems(expected: TopicSettings, actual: TopicSettings): string[] {
  const isFine = (name: string, wanted: string, found: string): boolean => {
    if (name === POLICY) return sorted(found) === sorted(wanted);
    const [want, is] = [Number(wanted), Number(found)];
    if (want === UNLIMITED) return is === UNLIMITED;
    return name === AT_LEAST ? is >= want : is !== UNLIMITED && is <= want;
  };
  return Object.entries(expected).flatMap(([name, wanted]) => {
    const found = actual[name] ?? '';
    return isFine(name, wanted, found) ? [] : [`${name} is ${found} instead of ${wanted}`];
  });
}

const sorted = (policies: string) => policies.split(',').sort().join();
