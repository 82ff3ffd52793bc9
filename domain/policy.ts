/**
 * Policy: the settings that the business may tune, read from `config/policy.json` and validated at start
 * (`platform/policy.ts`). Durations are milliseconds here, whatever unit the file uses. A running workflow keeps the
 * policy it started with.
 */
import type { TopicName } from './outbox/topics.ts';

export interface Policy {
  reportingCurrency: string;
  trust: {
    initial: number;
    threshold: number;
    /** The half-life of a device's observation; absent: no decay. */
    halfLife?: number;
  };
  context: {
    vipLtvMinor: number;
    maxStalenessMs: number;
    /** The same while Neo4j does not respond; such a context is marked stale. */
    maxOutageStalenessMs: number;
    deviceWindow: number;
  };
  onboarding: {
    deviceMatch: 'suggest' | 'attach';
    limits: { email: number; phone: number; device: number };
    verifyWait: number;
    /** ISO 3166-1 alpha-2: the country of a phone number without a country code, if the address names none. */
    phoneRegion?: string;
    /** Values that never identify a customer: exact, lower case; `*` matches any text. */
    blockedValues: string[];
  };
  recovery: RecoveryPolicy;
  gateway: { maxPerSecond: number };
  fraud: FraudPolicy;
  /** `stages`: how many days before a card's last day its customer is notified. */
  expiry: { frequentUseCount: number; stages: number[] };
  /** The period within which each wallet is compared with the gateway. */
  reconcile: { cycle: number };
  /** How long the receipts of events, transactions and processes are stored; older events are refused. */
  /**
   * How long what is stored stays, in milliseconds: receipts of callers' and of other keys; where a device was last seen;
   * descriptions and notices of closed recoveries; disclosures; what erasure left of payments.
   */
  retention: {
    idempotency: number;
    receipts: number;
    sightings: number;
    recovery: number;
    disclosures: number;
    financial: number;
  };
  /** `additionalTypes`: of personas. `metricsFor`: how long their metrics are stored. */
  catalogue: { additionalTypes: string[]; metricsFor: number };
  /** How far what is derived from the log may be behind it, in milliseconds (`domain/projections.ts`). */
  projections: { maxLag: { kafka: number; contextCache: number } };
  privacy: PrivacyPolicy;
  /** Which requests and records are traced; the second one is per process. */
  traces: { sampleRatio: number; maxCallerSampledPerSecond: number };
  /** The links in notices: `{customer_id}`, `{payment_id}` and `{erasure_id}` are filled in. */
  links: { wallet: string; recovery: string; erasure: string };
}

export interface PrivacyPolicy {
  /** How long an erasure can be taken back, in milliseconds. */
  erasureGrace: number;
  /** How long a contest waits for a decision until operators are reminded, in milliseconds. */
  contestReminder: number;
  /** How long a person's request may take, in milliseconds, before it is overdue. */
  deadline: number;
  /** Who reads which topics of Kafka, and for what: as the person's list of disclosures shows it. */
  recipients: { recipient: string; purpose: string; topics: TopicName[] }[];
}

/** How long a suspicion waits for an operator, in milliseconds from when Persona was notified. */
export interface FraudPolicy {
  reviewReminder: number;
  reviewDeadline: number;
  /** The decision at the deadline. */
  reviewDefault: 'suspend' | 'clear';
}

export interface RecoveryPolicy {
  /** How long an obligation stays open after the cascade, in milliseconds; 0: it ends immediately. */
  window: number;
  requireTrustedDevice: boolean;
  swapDefault: boolean;
  cascadeOnHard: boolean;
  maxEventAge: number;
  /** Whether a second success of an obligation is refunded. */
  refundDuplicate: boolean;
  /** When a method is retried automatically, counted from its first decline; by the class of its last decline. */
  retry: { LATER: number[]; TECH: number[] };
  /** The successive delays before the gateway is queried about a charge whose outcome is unknown. */
  unknown: number[];
  /** The same for a charge that is still processing: a bank debit. */
  pending: number[];
}
