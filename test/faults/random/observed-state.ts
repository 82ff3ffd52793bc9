/** What a random run left: of the graph, its log and the gateway's ledger. */

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
    /** Second successes that a person has to give back. */
    refunds_failed: string[];
  }[];
  /** Persona's own, and the failures that were reported. */
  attempts: {
    key: string;
    source: 'recovery' | 'reported';
    payment_id: string;
    payment_method_id: string;
    state: string;
    /** The card's number, as far as it is known; tokens of one card have the same. */
    fingerprint: string | null;
    card_dead: boolean;
  }[];
  /** Of each customer, in their order. `at`: epoch milliseconds. */
  events: { customer_id: string; type: string; data: Record<string, any>; at: number }[];
  /** In the order of the charges. */
  ledger: LedgerEntry[];
  /** Payments at the gateway that pay no obligation of these, although settlements name them. */
  unrelated: string[];
  /** Whose card a token of the gateway is. */
  cards: Record<string, { customer: string; method: string }>;
  /** What GetRecovery says of each payment. */
  phases: Record<string, string | undefined>;
  /** Where graph and log disagree. */
  differences: unknown[];
}

export interface LedgerEntry {
  payment_id: string;
  payment_intent: string;
  /** Persona's begin with `recovery:`. */
  idempotency_key: string | null;
  customer: string;
  payment_method: string;
  amount: number;
  currency: string;
  status: string;
  /** It was disputed, however that ended. */
  disputed: boolean;
  refunded_by: 'persona' | 'others' | null;
}

/** Did Persona ask for it? */
export const isPersonaCharge = ({ idempotency_key: key }: Pick<LedgerEntry, 'idempotency_key'>) =>
  key?.startsWith('recovery:') === true;
export const hasSucceeded = ({ status }: LedgerEntry) => status === 'succeeded' || status === 'refunded';
/** Not by Persona's own refund. */
export const wasReversedExternally = ({ disputed, refunded_by }: LedgerEntry) =>
  disputed || refunded_by === 'others';
