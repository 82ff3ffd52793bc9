/**
 * Policy: what the business may tune, read from `config/policy.json` and validated at start (`platform/policy.ts`).
 * Durations are milliseconds here, whatever the file writes. A running workflow keeps the policy it began with.
 */
export interface Policy {
  reportingCurrency: string;
  trust: {
    initial: number;
    threshold: number;
    /** In what time half of what was observed of a device is forgotten; absent: nothing is. */
    halfLife?: number;
  };
  context: { vipLtvMinor: number; maxStalenessMs: number; deviceWindow: number };
  onboarding: {
    deviceMatch: 'suggest' | 'attach';
    limits: { email: number; phone: number; device: number };
    verifyWait: number;
    /** ISO 3166-1 alpha-2: where a phone number without a country code is, if the address does not say it. */
    phoneRegion?: string;
    /** Values that never identify anybody: exact, lower case; `*` at either end matches any rest. */
    blockedValues: string[];
  };
  recovery: RecoveryPolicy;
  gateway: { maxPerSecond: number };
  fraud: FraudPolicy;
  /** `stages`: how many days before a card's last one its customer is written to. */
  expiry: { frequentUseCount: number; stages: number[] };
  /** Within what time each wallet is compared with the gateway. */
  reconcile: { cycle: number };
  /** How long what came of events, transactions and processes is remembered; older events are refused. */
  retention: { receipts: number };
  /** Where notices point: `{customer_id}` and `{payment_id}` are filled in. */
  links: { wallet: string; recovery: string };
}

/** How long a suspicion waits for a person, in milliseconds from when Persona heard of it. */
export interface FraudPolicy {
  reviewReminder: number;
  reviewDeadline: number;
  /** What is decided at the deadline. */
  reviewDefault: 'suspend' | 'clear';
}

export interface RecoveryPolicy {
  /** How long an obligation stays open after the cascade, in milliseconds; 0: end at once. */
  window: number;
  requireTrustedDevice: boolean;
  swapDefault: boolean;
  cascadeOnHard: boolean;
  maxEventAge: number;
  /** A second success of one obligation is given back. */
  refundDuplicate: boolean;
  /** When a method is tried again by itself, counted from its first decline; by the class of its last one. */
  retry: { LATER: number[]; TECH: number[] };
  /** The waits, one after the other, before the gateway is asked about a charge whose outcome is unknown. */
  unknown: number[];
  /** The same for a charge that is on its way: a bank debit. */
  pending: number[];
}
