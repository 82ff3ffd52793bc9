/** The decline table: `decline-codes.json` with its types and look-ups. A new edition changes the data, not the code. */

import type { Network } from '../payment-method.ts';
import type { DeclineClass } from './classes.ts';
import data from './decline-codes.json' with { type: 'json' };

/** How far a withdrawn consent reaches. */
export type ConsentEffect =
  /** This obligation is not charged any more, on any method. */
  | 'obligation'
  /** Also: this method is not charged again without the customer. */
  | 'method'
  /** Also: the customer's other open recoveries that failed on this method end. */
  | 'customer_obligations';

export interface CodeRow {
  readonly codes: readonly string[];
  readonly meaning: string;
  /** `null`: an advice without a meaning for the decline. */
  readonly class: DeclineClass | null;
  /** A key of `sources`, which names the edition. */
  readonly source: string;
  /** Whose codes these are; absent: every card network's. */
  readonly networks?: readonly Network[];
  /** First day of the edition, and the first day after it; UTC. */
  readonly from?: string;
  readonly until?: string;
  /** By code: Visa's category, of which 1 forbids every further attempt. */
  readonly visa_category?: Readonly<Record<string, number | undefined>>;
  /** The same where the issuer is in CEMEA or Europe, as far as it differs. */
  readonly visa_category_cemea_europe?: Readonly<Record<string, number | undefined>>;
  /** 'By MAC': the class under each Merchant Advice Code that gives this row its meaning. */
  readonly by_advice?: Readonly<Record<string, DeclineClass | undefined>>;
  readonly consent?: ConsentEffect;
  /** The customer is never told. */
  readonly masks?: boolean;
  readonly notify_chimera?: boolean;
  /** Only a risk engine's or a block list's opinion, not the issuer's word. */
  readonly opinion?: boolean;
  readonly expired?: boolean;
  /** It is about the token alone: another token of the same card may work. */
  readonly token_only?: boolean;
  /** The issuer knows that the card or account itself is lost, stolen, closed or does not exist, whatever the token. */
  readonly card_dead?: boolean;
  /** 'By MAC': the Merchant Advice Codes under which the row says so. */
  readonly card_dead_by_advice?: readonly string[];
  /** A code that only says that there was a decline. */
  readonly says_nothing?: boolean;
  /** Decides only where nothing more specific is known, not even words. */
  readonly vague?: boolean;
  /** An advice that forbids this method while the class follows the code itself. */
  readonly do_not_try_again?: boolean;
  /** Anywhere in a card's history, this forbids the card for ever. */
  readonly never_again?: boolean;
  /** An advice of the gateway that means this Merchant Advice Code. */
  readonly as_advice?: string;
  /** The earliest next attempt, after the decline. */
  readonly delay_hours?: number;
  /** The rule's name, where it is not made of network and code. */
  readonly rule?: string;
  /** Public sources disagree on the class; the one given is Persona's decision. */
  readonly disputed?: boolean;
  readonly note?: string;
}

export interface TextRow {
  /** In lower case, with single blanks; names the rule. */
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
  /** `other`: every network that no row names, and an unknown one. */
  readonly networks: readonly (Network | 'other')[];
  readonly counts:
    | 'reattempts'
    | 'declines'
    | 'consecutive_declines'
    | 'declines_of_the_same_amount'
    | 'reinitiations';
  readonly limit: number;
  readonly window_hours: number;
  /** First day of the edition, and the first day after it; UTC. */
  readonly from?: string;
  readonly until?: string;
  /** Codes after which alone the network allows a reinitiation. */
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
 * A network's own code. A bank debit's `R01` is not Visa's `R1`: each rail has its own codes.
 * @param at - when it was declined, epoch milliseconds
 */
export function networkRow(network: Network, code: string, at: number): CodeRow | undefined {
  return NETWORK_CODES.get(code)?.find(
    (row) =>
      isInForce(row, at) &&
      (row.networks === undefined ? !isBankRail(network) : row.networks.includes(network)),
  );
}

/** A code whose network is not known: the row that the code has on the rail, if there is only one. */
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
 * Does this code, from a card of this network, forbid the card for ever? Visa's category 1 does, but for `R0`, which
 * ends its obligation alone; so does every advice that says 'never again'.
 */
export function forbidsPermanently(row: CodeRow, code: string, network: Network | undefined): boolean {
  const category = network === 'visa' ? row.visa_category?.[code] : undefined;
  return row.never_again === true || (category === 1 && row.consent !== 'obligation');
}

/** Is the edition of a row or ceiling the one of this moment (epoch milliseconds)? */
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
