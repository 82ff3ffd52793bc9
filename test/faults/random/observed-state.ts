/** The state after a random run: graph, log and the gateway's ledger. */

export interface ObservedState {
  /** Every payment whose failure was reported. */
  payments: string[];
  obligations: {
    payment_id: string;
    customer_id: string;
    state: string;
    rule: string;
    amount: number;
    currency: string;
    /** Second successes that an operator must refund. */
    refunds_failed: string[];
  }[];
  /** Persona's own attempts, and the reported failures. */
  attempts: {
    key: string;
    source: 'recovery' | 'reported';
    payment_id: string;
    payment_method_id: string;
    state: string;
    rule: string;
    /** The card's key, if known; tokens of one card share it. */
    fingerprint: string | null;
    card_dead: boolean;
  }[];
  /** Each customer's events, in order. `at`: epoch milliseconds. */
  events: { customer_id: string; type: string; data: Record<string, any>; at: number }[];
  /** In order of charging. */
  ledger: LedgerEntry[];
  /** Payments at the gateway unrelated to these obligations, although settlements name them. */
  unrelated: string[];
  /** The owner of each gateway token. */
  cards: Record<string, { customer: string; method: string }>;
  /** The state of each payment according to GetRecovery. */
  phases: Record<string, string | undefined>;
  /** Differences between graph and log. */
  differences: unknown[];
}

export interface LedgerEntry {
  payment_id: string;
  payment_intent: string;
  /** Persona's own keys start with `recovery:`. */
  idempotency_key: string | null;
  customer: string;
  payment_method: string;
  amount: number;
  currency: string;
  status: string;
  /** Whether it was ever disputed, regardless of the outcome. */
  disputed: boolean;
  refunded_by: 'persona' | 'others' | null;
}

/** Was it requested by Persona? */
export const isPersonaCharge = ({ idempotency_key: key }: Pick<LedgerEntry, 'idempotency_key'>) =>
  key?.startsWith('recovery:') === true;
export const hasSucceeded = ({ status }: LedgerEntry) => status === 'succeeded' || status === 'refunded';
/** Was it reversed by something other than Persona's own refund? */
export const wasReversedExternally = ({ disputed, refunded_by }: LedgerEntry) =>
  disputed || refunded_by === 'others';
