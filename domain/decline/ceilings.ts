/** How often networks allow a card to be retried (docs/reference/decline-codes.md, 'Network ceilings'). */

import type { AttemptState } from '../recovery/status.ts';
import { networkOf } from './network.ts';
import type { CeilingRow, CodeRow } from './table.ts';
import {
  DECLINE_TABLE,
  forbidsPermanently,
  isInForce,
  merchantAdviceRow,
  networkRow,
  pspAdviceRow,
  pspRow,
} from './table.ts';

/** An attempt on the card, Persona's or a reported one, with any of its tokens. */
export interface PastAttempt {
  payment_id: string;
  /** When it was resolved, else when it was claimed; epoch milliseconds. */
  at: number;
  state: AttemptState;
  /** The rule from `classify`. */
  rule?: string;
  /** From `classify`: the card itself is lost, stolen or closed. */
  card_dead?: boolean;
  code?: string;
  network?: string;
  /** Minor units. */
  amount: number;
  currency: string;
}

export interface NextAttempt {
  payment_id: string;
  /** Epoch milliseconds. */
  at: number;
  network?: string;
  amount: number;
  currency: string;
}

/** `until`: when the ceiling allows an attempt again, epoch milliseconds; absent: never. */
export interface Ceiling {
  rule: string;
  until?: number;
}

/** Prefixes of ceiling rules. */
const CEILING = 'ceiling:';
const NEVER_AGAIN = 'never_again:';
const HOUR_MS = 3_600_000;

/**
 * The ceiling that forbids the next attempt, if any; of several, the one that lasts longest.
 * @param history - every attempt on this card at this merchant, in any order: by its `instrument_fingerprint`, or by the
 *   method if it has none; at least the last 180 days, and every attempt that forbids the card permanently
 */
export function ceilingReached(history: readonly PastAttempt[], next: NextAttempt): Ceiling | undefined {
  const past = [...history].sort((one, other) => one.at - other.at);
  const forbidding = past.flatMap(forbiddenBy)[0];
  if (forbidding !== undefined) return { rule: `${NEVER_AGAIN}${forbidding}` };
  const reached = ceilingsOf(next).flatMap((row) => COUNTS[row.counts](row, past, next) ?? []);
  return reached.sort((one, other) => (other.until ?? Infinity) - (one.until ?? Infinity))[0];
}

/**
 * The earliest next attempt by the issuers' advice (Merchant Advice Codes 24 to 30), epoch milliseconds; it delays a
 * schedule and never shortens it. A later approval ends the advice.
 */
export function notBefore(history: readonly PastAttempt[]): number | undefined {
  const advised = sinceApproval(history).flatMap(({ at, rule }) =>
    rulesOf(rule).flatMap((part) => {
      const delay = rowOfRule(part, at)?.delay_hours;
      return delay === undefined ? [] : [at + delay * HOUR_MS];
    }),
  );
  return advised.length === 0 ? undefined : Math.max(...advised);
}

type Count = (row: CeilingRow, past: readonly PastAttempt[], next: NextAttempt) => Ceiling | undefined;

const COUNTS: Readonly<Record<CeilingRow['counts'], Count>> = {
  /** The first declined attempt is not a reattempt. */
  reattempts(row, past, next) {
    const declined = past.filter(isFailure);
    return windowCeiling(row, declined.slice(1), next);
  },
  declines: (row, past, next) => windowCeiling(row, past.filter(isFailure), next),
  consecutive_declines: (row, past, next) => windowCeiling(row, sinceApproval(past).filter(isFailure), next),
  declines_of_the_same_amount(row, past, next) {
    const same = past.filter(({ amount, currency }) => amount === next.amount && currency === next.currency);
    return windowCeiling(row, same.filter(isFailure), next);
  },
  /** Per obligation: the first debit is not a reinitiation, and only certain return codes allow one. */
  reinitiations(row, past, next) {
    const debits = past.filter((attempt) => attempt.payment_id === next.payment_id && isFailure(attempt));
    const first = debits[0];
    if (first === undefined) return undefined;
    const allowed = debits.every(({ code }) => row.only_after?.includes(code ?? '') ?? true);
    const inTime = next.at < first.at + row.window_hours * HOUR_MS;
    return allowed && inTime && debits.length <= row.limit ? undefined : { rule: ceilingRule(row) };
  },
};

/** A rolling window: an attempt leaves it exactly one window length after it was made. */
function windowCeiling(
  row: CeilingRow,
  counted: readonly PastAttempt[],
  next: NextAttempt,
): Ceiling | undefined {
  const window = row.window_hours * HOUR_MS;
  const inside = counted.filter(({ at }) => at > next.at - window);
  const leaving = inside[inside.length - row.limit];
  return leaving === undefined ? undefined : { rule: ceilingRule(row), until: leaving.at + window };
}

/** A charge with an unknown outcome may have been declined and counted by the network, so it counts here. */
function isFailure({ state }: PastAttempt): boolean {
  return state === 'declined' || state === 'unknown';
}

function sinceApproval(history: readonly PastAttempt[]): readonly PastAttempt[] {
  const approvals = history.filter(({ state }) => state === 'approved').map(({ at }) => at);
  const last = Math.max(-Infinity, ...approvals);
  return history.filter(({ at, state }) => at > last && state !== 'approved');
}

function ceilingsOf(next: NextAttempt): readonly CeilingRow[] {
  const network = networkOf(next.network) ?? 'other';
  return DECLINE_TABLE.ceilings.filter((row) => row.networks.includes(network) && isInForce(row, next.at));
}

/** The properties of an attempt that may forbid its card permanently. */
export type PastOutcome = Pick<PastAttempt, 'at' | 'state' | 'rule' | 'network' | 'card_dead'>;

/** Whether a card's history forbids it permanently, for any obligation. */
export function isPermanentlyForbidden(history: readonly PastOutcome[]): boolean {
  return history.some((attempt) => forbiddenBy(attempt).length > 0);
}

/** The rules of one attempt that forbid its card permanently. */
function forbiddenBy({ state, rule, network, at, card_dead }: PastOutcome): readonly string[] {
  if (state !== 'declined') return [];
  const parts = rulesOf(rule);
  // Next to Visa's own code, the gateway's code has no category.
  const hasVisaCode = parts.some((part) => part.startsWith('visa:'));
  const rules = parts.filter((part) => {
    const row = rowOfRule(part, at);
    const inferred = hasVisaCode && part.startsWith('stripe:');
    return (
      row !== undefined && forbidsPermanently(row, codeOf(part), inferred ? undefined : networkOf(network))
    );
  });
  return rules.length === 0 && card_dead ? [rule ?? 'card_dead'] : rules;
}

/** Whether an attempt failed because of its token only, which says nothing about the card. */
export function isTokenOnly({ rule, at }: Pick<PastAttempt, 'rule' | 'at'>): boolean {
  return rulesOf(rule).some((part) => rowOfRule(part, at)?.token_only === true);
}

function rulesOf(rule: string | undefined): readonly string[] {
  return rule?.split('+') ?? [];
}

/** The table row of a rule from `classify`. */
function rowOfRule(rule: string, at: number): CodeRow | undefined {
  const code = codeOf(rule);
  const prefix = rule.slice(0, rule.indexOf(':'));
  if (prefix === 'mac') return merchantAdviceRow(code);
  if (prefix === 'advice') return pspAdviceRow(code);
  if (prefix === 'stripe') return pspRow(code);
  const network = networkOf(prefix);
  return network === undefined ? undefined : networkRow(network, code, at);
}

function codeOf(rule: string): string {
  return rule.slice(rule.indexOf(':') + 1);
}

function ceilingRule(row: CeilingRow): string {
  return `${CEILING}${row.rule}`;
}

/** Whether the rule is a `Ceiling`'s. */
export function isCeilingRule(rule: string): boolean {
  return rule.startsWith(CEILING) || rule.startsWith(NEVER_AGAIN);
}
