/** What a decline means (specification: decline codes, 'Order when several codes come together'). */

import type { DeclineClass } from './classes.ts';
import type { DeclineCodes } from './codes.ts';
import type { MethodRail, Sources, Verdict } from './sources.ts';
import { sourcesOf } from './sources.ts';
import type { ConsentEffect } from './table.ts';
import { DECLINE_TABLE } from './table.ts';

export type { DeclineClass } from './classes.ts';
export { DECLINE_CLASSES } from './classes.ts';

export interface Decision {
  readonly class: DeclineClass;
  /**
   * Which rule gave the class: `visa:51`, `mac:21`, `stripe:expired_card`, `text:stolen_card`, `duplicate`,
   * `unmapped` (no code is in the table), `unspecified` (nothing was said). After a `+` the rule that forbids the card for ever, where it is another one (`visa:54+mac:03`).
   */
  readonly rule: string;
  /** The code that the class rests on, as the table has it. */
  readonly code?: string;
  /** The customer is told nothing about the reason. */
  readonly masks: boolean;
  readonly tellChimera: boolean;
  /** This card is forbidden for ever, whatever becomes of the method's status. */
  readonly neverAgain: boolean;
  /** Who suspects fraud: somebody who knows, or a risk engine's opinion. Also beside a STOP. */
  readonly suspicion?: 'known' | 'opinion';
  /** The card is past its date. */
  readonly expired: boolean;
  readonly consent?: ConsentEffect;
  /** The issuer's advice: no earlier attempt on this method, epoch milliseconds. */
  readonly notBefore?: number;
  /** Codes that the table does not have, as `field:code`; each is to be logged and counted. */
  readonly unmapped: readonly string[];
}

const HOUR_MS = 3_600_000;

/**
 * Decides what a decline means. Always gives an answer: what nobody knows is LATER.
 * @param method - the rail of the method, for codes that do not name their network
 * @param at - when it was declined, epoch milliseconds
 */
export function classify(codes: DeclineCodes, method: MethodRail, at: number): Decision {
  const sources = sourcesOf(codes, method);
  const decided = decide(sources);
  if (decided === undefined) return undecided(codes.reason, sources);
  return describe(decided, sources, at);
}

/** The verdict that stands, from the strongest rule to the weakest; `undefined` if no source is known. */
function decide(sources: Sources): Verdict | undefined {
  const spoken = sources.codes.filter(({ row }) => row.says_nothing !== true);
  const all = [...sources.advice, ...spoken];
  const own = all.filter(({ row }) => row.do_not_try_again !== true);
  const doNotTryAgain = all.find(({ row }) => row.do_not_try_again === true);
  return (
    // STOP outranks every other rule (workflows, 2): even a row 'by MAC' goes first only among the rest.
    own.find((verdict) => verdict.class === 'STOP') ??
    byAdvice(sources) ??
    own.find((verdict) => verdict.class === 'FRAUD' && verdict.row.opinion !== true) ??
    own.find((verdict) => verdict.class === 'FRAUD') ??
    own.find((verdict) => verdict.class === 'HARD') ??
    // Nobody knows whether it was charged: no advice about a next attempt may lead past that.
    own.find((verdict) => verdict.class === 'UNKNOWN') ??
    (doNotTryAgain ? beside(doNotTryAgain, [...spoken, ...own]) : undefined) ??
    all[0]
  );
}

/** 'By MAC': network code and advice are one statement, made of both. */
function byAdvice({ codes, merchantAdvice, advice }: Sources): Verdict | undefined {
  const found = codes.find(({ row }) => row.by_advice !== undefined);
  if (found === undefined) return undefined;
  // An advice that the row does not speak of keeps its own class; one without a meaning changes nothing.
  const general = advice.find(({ rule }) => rule === `mac:${merchantAdvice}`);
  const listed = merchantAdvice === undefined ? undefined : found.row.by_advice?.[merchantAdvice];
  const declineClass = listed ?? general?.class;
  if (declineClass === undefined) return found;
  return { ...found, class: declineClass, rule: `${found.rule}+mac:${merchantAdvice}` };
}

/** 'Do not try again' lets the cascade follow the code's own class; alone, or beside one that would retry, it is HARD. */
function beside(doNotTryAgain: Verdict, others: readonly Verdict[]): Verdict {
  const own = others[0];
  return own === undefined || own.class === 'LATER' || own.class === 'TECH' ? doNotTryAgain : own;
}

function describe(decided: Verdict, { advice, codes, unmapped }: Sources, at: number): Decision {
  const all = [...advice, ...codes];
  const forbidding = decided.forbids ? decided : all.find(({ forbids }) => forbids);
  const named = forbidding === undefined || decided.rule.split('+').includes(forbidding.rule);
  const fraud = [decided, ...all].filter((verdict) => verdict.class === 'FRAUD');
  const delay = Math.max(0, ...all.map(({ row }) => row.delay_hours ?? 0));
  return {
    class: decided.class,
    rule: named ? decided.rule : `${decided.rule}+${forbidding.rule}`,
    // An advice is no reason: the code it came with says more.
    code: advice.includes(decided) ? (codes[0]?.code ?? decided.code) : decided.code,
    masks: fraud.length > 0 || all.some(({ row }) => row.masks === true),
    tellChimera: fraud.length > 0 || all.some(({ row }) => row.tells_chimera === true),
    neverAgain: forbidding !== undefined,
    ...(fraud.length > 0 && {
      suspicion: fraud.every(({ row }) => row.opinion === true) ? ('opinion' as const) : ('known' as const),
    }),
    expired: all.some(({ row }) => row.expired === true),
    ...(decided.class === 'STOP' && { consent: furthestConsent(all) }),
    ...(delay > 0 && { notBefore: at + delay * HOUR_MS }),
    unmapped,
  };
}

/** Several may say STOP at once; what one of them withdraws stays withdrawn. */
function furthestConsent(verdicts: readonly Verdict[]): ConsentEffect {
  const reach: readonly ConsentEffect[] = ['customer_obligations', 'method'];
  return reach.find((effect) => verdicts.some(({ row }) => row.consent === effect)) ?? 'obligation';
}

/** No code is known: the words, if they say something, else LATER. */
function undecided(reason: string | undefined, { codes, unmapped }: Sources): Decision {
  const text = reason?.toLowerCase().replaceAll(/[\s_-]+/g, ' ') ?? '';
  const row = DECLINE_TABLE.text_reasons.find(({ contains }) => text.includes(contains));
  const declineClass = row?.class ?? 'LATER';
  return {
    class: declineClass,
    rule: row ? `text:${row.contains.replaceAll(' ', '_')}` : ruleOfNothing(codes, unmapped, text),
    code: unmapped[0]?.split(':')[1] ?? codes[0]?.code,
    masks: declineClass === 'FRAUD',
    tellChimera: declineClass === 'FRAUD',
    neverAgain: false,
    ...(declineClass === 'FRAUD' && { suspicion: 'known' as const }),
    expired: false,
    unmapped,
  };
}

function ruleOfNothing(codes: readonly Verdict[], unmapped: readonly string[], text: string): string {
  if (unmapped.length > 0) return 'unmapped';
  // 'card_declined' alone: a decline, and nothing more.
  return codes[0]?.rule ?? (text === '' ? 'unspecified' : 'text:other');
}
