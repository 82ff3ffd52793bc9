/** The decline table: `decline-codes.json` with its types and lookups. A new edition changes the data, not the code. */

import type { Network } from '../payment-method.ts';
import type { DeclineClass } from './classes.ts';
import data from './decline-codes.json' with { type: 'json' };

/** How far a withdrawn consent reaches. */
export type ConsentEffect =
  /** This obligation is no longer charged, on any method. */
  | 'obligation'
  /** Also: this method is no longer charged off-session. */
  | 'method'
  /** Also: the customer's other open recoveries that failed on this method end. */
  | 'customer_obligations';

export interface CodeRow {
  readonly codes: readonly string[];
  readonly meaning: string;
  /** `null`: advice without a meaning for the decline. */
  readonly class: DeclineClass | null;
  /** A key of `sources`, which names the edition. */
  readonly source: string;
  /** The networks that use these codes; absent: every card network. */
  readonly networks?: readonly Network[];
  /** The first day in force, and the first day after it; UTC. */
  readonly from?: string;
  readonly until?: string;
  /** By code: Visa's category; category 1 forbids every further attempt. */
  readonly visa_category?: Readonly<Record<string, number | undefined>>;
  /** The category for issuers in CEMEA or Europe, where it differs. */
  readonly visa_category_cemea_europe?: Readonly<Record<string, number | undefined>>;
  /** 'By MAC': the class under each Merchant Advice Code that determines it. */
  readonly by_advice?: Readonly<Record<string, DeclineClass | undefined>>;
  readonly consent?: ConsentEffect;
  /** Never disclosed to the customer. */
  readonly masks?: boolean;
  readonly notify_chimera?: boolean;
  /** Only a risk engine's or a block list's opinion, not the issuer's statement. */
  readonly opinion?: boolean;
  readonly expired?: boolean;
  /** Concerns only the token: another token of the same card may work. */
  readonly token_only?: boolean;
  /** The issuer knows that the card or account itself is lost, stolen, closed or does not exist, whatever the token. */
  readonly card_dead?: boolean;
  /** 'By MAC': the Merchant Advice Codes under which `card_dead` applies. */
  readonly card_dead_by_advice?: readonly string[];
  /** A code that only states that there was a decline. */
  readonly says_nothing?: boolean;
  /** Decides only if nothing more specific is known, not even a text reason. */
  readonly vague?: boolean;
  /** Advice that forbids this method while the class follows the code itself. */
  readonly do_not_try_again?: boolean;
  /** Anywhere in a card's history, this forbids the card permanently. */
  readonly never_again?: boolean;
  /** The Merchant Advice Code that the gateway's advice corresponds to. */
  readonly as_advice?: string;
  /** The delay from the decline to the earliest next attempt. */
  readonly delay_hours?: number;
  /** The rule's name, if not composed of network and code. */
  readonly rule?: string;
  /** Public sources disagree on the class; the one given is Persona's decision. */
  readonly disputed?: boolean;
  readonly note?: string;
}

export interface TextRow {
  /** In lower case, with single spaces; names the rule. */
  readonly contains: string;
  /** A regular expression in place of `contains`. */
  readonly pattern?: string;
  readonly class: DeclineClass;
  readonly consent?: ConsentEffect;
  readonly masks?: boolean;
  readonly card_dead?: boolean;
  readonly source: string;
}

export interface CeilingRow {
  readonly rule: string;
  /** `other`: every network not named in any row, and an unknown one. */
  readonly networks: readonly (Network | 'other')[];
  readonly counts:
    | 'reattempts'
    | 'declines'
    | 'consecutive_declines'
    | 'declines_of_the_same_amount'
    | 'reinitiations';
  readonly limit: number;
  readonly window_hours: number;
  /** The first day in force, and the first day after it; UTC. */
  readonly from?: string;
  readonly until?: string;
  /** The only codes after which the network allows a reinitiation. */
  readonly only_after?: readonly string[];
  readonly source: string;
  readonly note?: string;
}

export interface DeclineTable {
  readonly edition: string;
  readonly sources: Readonly<Record<string, { readonly title: string; readonly edition: string }>>;
  readonly network_codes: readonly CodeRow[];
  readonly bank_debit_codes: readonly CodeRow[];
  readonly psp_codes: readonly CodeRow[];
  readonly merchant_advice_codes: readonly CodeRow[];
  readonly psp_advice_codes: readonly CodeRow[];
  readonly text_reasons: readonly TextRow[];
  readonly ceilings: readonly CeilingRow[];
}

export const DECLINE_TABLE = data as DeclineTable;

const NETWORK_CODES = index([...DECLINE_TABLE.network_codes, ...DECLINE_TABLE.bank_debit_codes]);
const PSP_CODES = index(DECLINE_TABLE.psp_codes);
const MERCHANT_ADVICE = index(DECLINE_TABLE.merchant_advice_codes);
const PSP_ADVICE = index(DECLINE_TABLE.psp_advice_codes);
const BANK_RAILS: readonly string[] = ['ach', 'sepa'];

/**
 * The row of a network's own code. A bank debit's `R01` is not Visa's `R1`: each rail has its own codes.
 * @param at - when it was declined, epoch milliseconds
 */
export function networkRow(network: Network, code: string, at: number): CodeRow | undefined {
  return NETWORK_CODES.get(code)?.find(
    (row) =>
      isInForce(row, at) &&
      (row.networks === undefined ? !isBankRail(network) : row.networks.includes(network)),
  );
}

/** The row of a code without a known network: the code's only row on the rail, if it is unique. */
export function rowWithoutNetwork(bankDebit: boolean, code: string, at: number): CodeRow | undefined {
  const rows = NETWORK_CODES.get(code)?.filter(
    (row) => isInForce(row, at) && (row.networks?.some(isBankRail) ?? false) === bankDebit,
  );
  return rows?.length === 1 ? rows[0] : undefined;
}

export function pspRow(code: string): CodeRow | undefined {
  return PSP_CODES.get(code)?.[0];
}

export function merchantAdviceRow(code: string): CodeRow | undefined {
  return MERCHANT_ADVICE.get(code)?.[0];
}

export function pspAdviceRow(code: string): CodeRow | undefined {
  return PSP_ADVICE.get(code)?.[0];
}

/**
 * Whether this code, from a card of this network, forbids the card permanently. Visa's category 1 does, except `R0`, which
 * ends only its obligation; so does every row marked `never_again`.
 */
export function forbidsPermanently(row: CodeRow, code: string, network: Network | undefined): boolean {
  const category = network === 'visa' ? row.visa_category?.[code] : undefined;
  return row.never_again === true || (category === 1 && row.consent !== 'obligation');
}

/** Whether a row or ceiling is in force at this time (epoch milliseconds). */
export function isInForce({ from, until }: { from?: string; until?: string }, at: number): boolean {
  return (from === undefined || at >= Date.parse(from)) && (until === undefined || at < Date.parse(until));
}

export function isBankRail(network: string): boolean {
  return BANK_RAILS.includes(network);
}

function index(rows: readonly CodeRow[]): ReadonlyMap<string, readonly CodeRow[]> {
  const byCode = new Map<string, CodeRow[]>();
  for (const row of rows) {
    for (const code of row.codes) byCode.set(code, [...(byCode.get(code) ?? []), row]);
  }
  return byCode;
}
