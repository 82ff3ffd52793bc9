import type { Mismatch, UNKNOWN_HERE } from './mismatches.ts';

/** What differed, by ids alone. */
export interface Difference {
  /**
   * Of a method: `unverified` for too long, `newer` details there, `detached`, `left_behind` (removed here, still attached there), `unfinished` (a
   * change of its date that was asked for and not made), or a `Mismatch`, which is listed and not corrected. Of a customer: `unknown_here`, methods there that no wallet has. Of the graph: a
   * wrong `version`, a wrong `default`. Of money: something that the graph does not know. `not_compared`: it could not
   * be, and the log says why.
   */
  found:
    | 'unverified'
    | 'newer'
    | 'detached'
    | 'left_behind'
    | 'unfinished'
    | Mismatch
    | typeof UNKNOWN_HERE
    | 'version'
    | 'default'
    | 'charge'
    | 'refund'
    | 'dispute'
    | 'fraud_warning'
    | 'not_compared';
  customer_id?: string;
  payment_method_id?: string;
  device_id?: string;
  payment_id?: string;
  /** The gateway's charge, refund or dispute. */
  gateway_ref?: string;
  /** What is newer. */
  fields?: string[];
  /** How many methods are unknown. */
  methods?: number;
}

export interface Totals {
  /** Charges, refunds, disputes, customers and devices. */
  compared: number;
  /** Handed to the process that reads it at the gateway and writes it down. */
  corrected: number;
  /** For a person. */
  listed: number;
  /** Invariants of the graph. */
  repaired: number;
}

/** What a slice came to. `after`: where the next one begins; absent: there is none. */
export interface SliceResult extends Totals {
  differences: Difference[];
  after?: string;
}

export const NOTHING_COMPARED: Totals = { compared: 0, corrected: 0, listed: 0, repaired: 0 };

/** So many stand in a result; the others are counted, and stand in the event log. */
export const MAX_SHOWN_DIFFERENCES = 500;

/** What a difference leads to. */
export function counterOf({ found }: Difference): 'corrected' | 'listed' | 'repaired' {
  switch (found) {
    case 'unknown_there':
    case 'other_owner':
    case 'other_number':
    case 'unknown_here':
    case 'not_compared':
      return 'listed';
    case 'version':
    case 'default':
      return 'repaired';
    default:
      return 'corrected';
  }
}

/** Adds what a slice came to. */
export function addSlice(
  { totals, differences }: { totals: Totals; differences: readonly Difference[] },
  slice: SliceResult,
): { totals: Totals; differences: Difference[] } {
  return {
    totals: {
      compared: totals.compared + slice.compared,
      corrected: totals.corrected + slice.corrected,
      listed: totals.listed + slice.listed,
      repaired: totals.repaired + slice.repaired,
    },
    differences: [...differences, ...slice.differences].slice(0, MAX_SHOWN_DIFFERENCES),
  };
}
