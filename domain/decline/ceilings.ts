/** How often networks let a card be tried again (specification: decline codes, 'Network ceilings'). */

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

/** An attempt on the card, ours or reported, over whichever of its tokens. */
export interface PastAttempt {
  payment_id: string;
  /** When it was resolved, else when it was claimed; epoch milliseconds. */
  at: number;
  state: AttemptState;
  /** As `classify` named it. */
  rule?: string;
  /** As `classify` said: the card itself is lost, stolen or closed. */
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

/** `until`: the ceiling is free again then, epoch milliseconds; without it, never. */
export interface Ceiling {
  rule: string;
  until?: number;
}

/** How the rules of ceilings begin. */
const CEILING = 'ceiling:';
const NEVER_AGAIN = 'never_again:';
const HOUR_MS = 3_600_000;

/**
 * Does a ceiling forbid the next attempt? Of several that do, the one that lasts longest.
 * @param history - every attempt on this card at this merchant, in any order: of its `instrument_fingerprint`, without
 *   one of the method; at least 180 days of it, and for ever what forbids for ever
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
 * schedule and never shortens it. An approval since ends the advice.
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
  /** The first attempt is no reattempt, as long as nothing before it was declined. */
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
  /** Of one obligation's debit: the first is no reinitiation, and only some returns may be followed by one. */
  reinitiations(row, past, next) {
    const debits = past.filter((attempt) => attempt.payment_id === next.payment_id && isFailure(attempt));
    const first = debits[0];
    if (first === undefined) return undefined;
    const allowed = debits.every(({ code }) => row.only_after?.includes(code ?? '') ?? true);
    const inTime = next.at < first.at + row.window_hours * HOUR_MS;
    return allowed && inTime && debits.length <= row.limit ? undefined : { rule: ceilingRule(row) };
  },
};

/** Rolling: an attempt leaves the window exactly one window's length after it was made. */
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

/** A charge whose outcome is unknown may have been declined; the network counted it, so it counts here. */
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

/** What of an attempt may forbid its card for ever. */
export type PastOutcome = Pick<PastAttempt, 'at' | 'state' | 'rule' | 'network' | 'card_dead'>;

/** Does the history of a card forbid it for ever, whatever the time and the obligation? */
export function isPermanentlyForbidden(history: readonly PastOutcome[]): boolean {
  return history.some((attempt) => forbiddenBy(attempt).length > 0);
}

/** The rules of one attempt that forbid its card for ever. */
function forbiddenBy({ state, rule, network, at, card_dead }: PastOutcome): readonly string[] {
  if (state !== 'declined') return [];
  const parts = rulesOf(rule);
  // Beside Visa's own code, the gateway's has no category.
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

/** Did an attempt fail of its token alone, so that it says nothing about the card behind it? */
export function isTokenOnly({ rule, at }: Pick<PastAttempt, 'rule' | 'at'>): boolean {
  return rulesOf(rule).some((part) => rowOfRule(part, at)?.token_only === true);
}

function rulesOf(rule: string | undefined): readonly string[] {
  return rule?.split('+') ?? [];
}

/** The table's row behind a rule that `classify` named. */
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

/** Is it a rule of a `Ceiling`? */
export function isCeilingRule(rule: string): boolean {
  return rule.startsWith(CEILING) || rule.startsWith(NEVER_AGAIN);
}
