import type { Mismatch, UNKNOWN_HERE } from './mismatches.ts';

/** A difference that was found, with ids only. */
export interface Difference {
  /**
   * Of a method: `unverified` for too long, `newer` details at the gateway, `detached`, `left_behind` (removed here, still
   * attached there), `unfinished` (a requested expiry date that was not set), or a `Mismatch`, which is listed and not
   * corrected. Of a customer: `unknown_here`, methods at the gateway that no wallet has. Of the graph: a wrong `version`,
   * a wrong `default`. Of money: something that the graph does not know. `not_compared`: the comparison failed, and the
   * log says why.
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
  /** The newer fields. */
  fields?: string[];
  /** The number of unknown methods. */
  methods?: number;
}

export interface Totals {
  /** Charges, refunds, disputes, customers and devices. */
  compared: number;
  /** Passed to the process that reads it at the gateway and records it. */
  corrected: number;
  /** For an operator. */
  listed: number;
  /** Invariants of the graph. */
  repaired: number;
}

/** A slice's result. `after`: the cursor of the next slice; absent on the last one. */
export interface SliceResult extends Totals {
  differences: Difference[];
  after?: string;
}

export const NOTHING_COMPARED: Totals = { compared: 0, corrected: 0, listed: 0, repaired: 0 };

/** The number of differences in a result; the others are counted and are in the event log. */
export const MAX_SHOWN_DIFFERENCES = 500;

/** The counter for a difference. */
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

/** Adds a slice's result. */
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
