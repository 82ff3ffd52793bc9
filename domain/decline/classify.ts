/** Classifies a decline (docs/reference/decline-codes.md, 'Order when several codes come together'). */

import type { DeclineClass } from './classes.ts';
import type { DeclineCodes } from './codes.ts';
import type { MethodRail, Sources, UnmappedCode, Verdict } from './sources.ts';
import { sourcesOf } from './sources.ts';
import type { ConsentEffect } from './table.ts';
import { DECLINE_TABLE } from './table.ts';

export type { DeclineClass } from './classes.ts';

export interface DeclineDecision {
  readonly class: DeclineClass;
  /**
   * The rule that determined the class: `visa:51`, `mac:21`, `stripe:expired_card`, `text:stolen_card`, `duplicate`,
   * `unmapped` (no code is in the table), `unspecified` (no code and no text). After a `+` further rules that the stored
   * attempt needs: the one that forbids the card permanently or marks it dead, if it is another one
   * (`mastercard:54+mac:03`), and Visa's own code next to a gateway code that would otherwise imply its category
   * (`stripe:lost_card+visa:05`).
   */
  readonly rule: string;
  /** The code that determined the class, as written in the table. */
  readonly code?: string;
  /** The reason is not disclosed to the customer. */
  readonly masks: boolean;
  readonly notifyChimera: boolean;
  /** The card is forbidden permanently, whatever the method's status. */
  readonly neverAgain: boolean;
  /**
   * The issuer knows that the card or account itself is lost, stolen, closed or unknown: every token of its number is
   * dead. Set by the deciding row, or by a known FRAUD alongside a STOP; never by an opinion.
   */
  readonly cardDead: boolean;
  /** The basis of a fraud suspicion: the issuer's knowledge or a risk engine's opinion. Also set alongside a STOP. */
  readonly suspicion?: 'known' | 'opinion';
  /** The card has expired. */
  readonly expired: boolean;
  readonly consent?: ConsentEffect;
  /** The issuer's advice: no earlier attempt on this method, epoch milliseconds. */
  readonly notBefore?: number;
  /** Codes missing from the table, as `field:code`; each is to be logged and counted. */
  readonly unmapped: readonly string[];
}

const HOUR_MS = 3_600_000;

/**
 * Classifies a decline. Always returns a decision: unknown codes are LATER.
 * @param method - the method's rail, for codes that do not name their network
 * @param at - when it was declined, epoch milliseconds
 */
export function classify(codes: DeclineCodes, method: MethodRail, at: number): DeclineDecision {
  const sources = sourcesOf(codes, method, at);
  const decided = decidingVerdict(sources);
  return decided === undefined
    ? fallbackDecision(codes.reason, sources, at)
    : toDecision(decided, sources, at);
}

/** The deciding verdict, from the strongest rule to the weakest; `undefined` if no source is specific. */
function decidingVerdict({ advice, network, psp }: Sources): Verdict | undefined {
  const codes = [...network, ...psp].filter(isSpecific);
  const ban = advice.find(({ row }) => row.do_not_try_again === true);
  const all = [...advice.filter((one) => isSpecific(one) && one.row.do_not_try_again !== true), ...codes];
  const firstOfClass = (declineClass: DeclineClass) => all.find((one) => one.class === declineClass);
  const decided =
    firstOfClass('STOP') ??
    all.find((one) => one.class === 'FRAUD' && one.row.opinion !== true) ??
    firstOfClass('FRAUD') ??
    // While it is unknown whether it was charged, no advice about a next attempt may override that.
    firstOfClass('UNKNOWN') ??
    codes.find(({ byAdvice }) => byAdvice) ??
    hardVerdict(network, psp) ??
    psp.find((one) => one.class === 'CONFIG') ??
    psp.find((one) => one.class === 'AUTH') ??
    (ban ? resolveBan(ban, codes[0]) : all[0]);
  // An authentication link is useless for a banned card.
  return ban && decided?.class === 'AUTH' ? { ...decided, class: 'FIX' } : decided;
}

/** The gateway's HARD counts only if the network's own code is not more permanent. */
function hardVerdict([own]: readonly Verdict[], psp: readonly Verdict[]): Verdict | undefined {
  if (own?.class === 'HARD') return own;
  const open = own === undefined || own.class === 'LATER' || own.class === 'TECH';
  return open ? psp.find((one) => one.class === 'HARD') : undefined;
}

/** With 'do not try again' the cascade follows the code's own class; alone, or with a retryable class, it is HARD. */
function resolveBan(ban: Verdict, code: Verdict | undefined): Verdict {
  return code === undefined || code.class === 'LATER' || code.class === 'TECH' ? ban : code;
}

function isSpecific({ row }: Verdict): boolean {
  return row.says_nothing !== true && row.vague !== true;
}

function toDecision(
  decided: Verdict,
  { advice, network, psp, unmapped }: Sources,
  at: number,
): DeclineDecision {
  const codes = [...network, ...psp];
  const all = [...advice, ...codes];
  const forbidding = decided.forbids ? decided : all.find(({ forbids }) => forbids);
  const fraud = [decided, ...all].filter((verdict) => verdict.class === 'FRAUD');
  const deadVerdict = decided.dead ? decided : fraud.find(({ dead }) => dead);
  const rules = [decided, forbidding, deadVerdict].flatMap((one) => one?.rule.split('+') ?? []);
  const delay = Math.max(0, ...all.map(({ row }) => row.delay_hours ?? 0));
  return {
    class: decided.class,
    rule: [...new Set(rules)].join('+'),
    // Advice is not a reason: the code sent with it says more, whether in the table or not.
    code: advice.includes(decided)
      ? (codes[0]?.code ?? unmappedCode(unmapped) ?? decided.code)
      : decided.code,
    masks: fraud.length > 0 || all.some(({ row }) => row.masks === true),
    notifyChimera: fraud.length > 0 || all.some(({ row }) => row.notify_chimera === true),
    neverAgain: forbidding !== undefined,
    cardDead: deadVerdict !== undefined,
    ...(fraud.length > 0 && {
      suspicion: fraud.every(({ row }) => row.opinion === true) ? ('opinion' as const) : ('known' as const),
    }),
    expired: all.some(({ row }) => row.expired === true),
    ...(decided.class === 'STOP' && { consent: furthestConsent(all) }),
    ...(delay > 0 && { notBefore: at + delay * HOUR_MS }),
    unmapped: unmapped.map(({ field, code }) => `${field}:${code}`),
  };
}

/** The most specific of the unmapped codes that are not advice. */
function unmappedCode(unmapped: readonly UnmappedCode[]): string | undefined {
  return unmapped.find(({ field }) => field !== 'network_advice_code' && field !== 'advice_code')?.code;
}

/** Several sources may say STOP; the furthest-reaching withdrawal applies. */
function furthestConsent(verdicts: readonly Verdict[]): ConsentEffect {
  const reach: readonly ConsentEffect[] = ['customer_obligations', 'method'];
  return reach.find((effect) => verdicts.some(({ row }) => row.consent === effect)) ?? 'obligation';
}

/** No code is specific: the text if it matches a rule, else a vague code, else LATER. */
function fallbackDecision(reason: string | undefined, sources: Sources, at: number): DeclineDecision {
  const { advice, network, psp, unmapped } = sources;
  const text = reason?.toLowerCase().replaceAll(/[\s_-]+/g, ' ') ?? '';
  const row = DECLINE_TABLE.text_reasons.find(({ contains, pattern }) =>
    pattern === undefined ? text.includes(contains) : new RegExp(pattern).test(text),
  );
  const codes = [...network, ...psp];
  const vague = [...codes, ...advice].find((one) => one.row.vague === true);
  if (row === undefined && vague !== undefined) return toDecision(vague, sources, at);
  const declineClass = row?.class ?? 'LATER';
  return {
    class: declineClass,
    rule: row ? `text:${row.contains.replaceAll(' ', '_')}` : fallbackRule(codes, unmapped, text),
    code: unmappedCode(unmapped) ?? codes[0]?.code ?? unmapped[0]?.code,
    masks: declineClass === 'FRAUD' || row?.masks === true,
    notifyChimera: declineClass === 'FRAUD',
    neverAgain: false,
    cardDead: row?.card_dead === true,
    ...(declineClass === 'FRAUD' && { suspicion: 'known' as const }),
    expired: false,
    ...(row?.consent && { consent: row.consent }),
    unmapped: unmapped.map(({ field, code }) => `${field}:${code}`),
  };
}

function fallbackRule(codes: readonly Verdict[], unmapped: readonly UnmappedCode[], text: string): string {
  if (unmapped.length > 0) return 'unmapped';
  // 'card_declined' alone: a decline without details.
  return codes[0]?.rule ?? (text === '' ? 'unspecified' : 'text:other');
}
