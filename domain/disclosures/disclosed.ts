/** What was given out about a person, to whom and for what (docs/privacy.md, 'Who was told'). */

/** Kinds of data about a person. */
export type DataCategory =
  | 'profile'
  | 'identifiers'
  | 'addresses'
  | 'devices'
  | 'payment_methods'
  | 'payments'
  | 'history'
  | 'connections';

/** One kind of disclosure. A customer's are stored once per day. */
export interface Disclosed {
  readonly recipient: string;
  readonly purpose: string;
  readonly categories: readonly DataCategory[];
}

/** Notes that a customer's data was given out. It never fails, and a repetition on the same day costs next to nothing. */
export type Disclose = (customerId: string, disclosed: Disclosed) => void;
