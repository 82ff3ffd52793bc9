/**
 * The precedence of several codes (docs/reference/decline-codes.md, 'Order when several codes come together'), checked for
 * every pair and every triple of sources on every rail against an oracle that repeats that section's sentences.
 */

import { describe, expect, test } from 'vitest';
import { classify } from './classify.ts';
import type { DeclineCodes } from './codes.ts';

/** A code's meaning in the reference's tables, transcribed manually: a class, or one of the others. */
type Meaning =
  | 'STOP'
  | 'FRAUD'
  | 'OPINION'
  | 'UNKNOWN'
  | 'HARD'
  | 'CONFIG'
  | 'AUTH'
  | 'FIX'
  | 'LATER'
  | 'TECH'
  /** By MAC: 01 FIX, 03 FRAUD or HARD, none FIX. */
  | 'BY_MAC_FRAUD'
  | 'BY_MAC_HARD'
  /** Do not try again. */
  | 'BAN'
  /** `try_again_later`. */
  | 'VAGUE'
  /** In the table, without a meaning for the decline. */
  | 'NOTHING'
  /** Not in the table. */
  | 'UNLISTED';
type Source = 'network_code' | 'network_advice_code' | 'advice_code' | 'decline_code' | 'code' | 'reason';
type Codes = Record<string, Meaning>;

const CARD: Codes = {
  '51': 'LATER',
  '91': 'TECH',
  '14': 'HARD',
  '54': 'FIX',
  '1A': 'AUTH',
  '43': 'FRAUD',
  '94': 'UNKNOWN',
  R1: 'STOP',
  '03': 'CONFIG',
  XX: 'UNLISTED',
  R01: 'UNLISTED',
};
/** Visa's category 1 among them, except `R0`. */
const VISA_NEVER = ['14', '43', 'R1'];
const NETWORK_CODES: Record<string, Codes> = {
  visa: { ...CARD, '83': 'FIX', '79': 'UNLISTED', '111': 'UNLISTED' },
  mastercard: { ...CARD, '83': 'BY_MAC_FRAUD', '79': 'BY_MAC_HARD', '65': 'LATER' },
  amex: { ...CARD, '83': 'UNLISTED', '101': 'FIX', '111': 'HARD', '130': 'AUTH', '911': 'TECH' },
  unionpay: CARD,
  // Two networks each define 83, so its meaning is unknown without a network.
  unknown: { ...CARD, '83': 'UNLISTED' },
  ach: { R01: 'LATER', R03: 'HARD', R07: 'STOP', R24: 'UNKNOWN', R1: 'UNLISTED', '43': 'UNLISTED' },
  sepa: { MS03: 'LATER', AC04: 'HARD', MS02: 'STOP', AM05: 'UNKNOWN', '14': 'UNLISTED' },
};
const PSP: Codes = {
  insufficient_funds: 'LATER',
  processing_error: 'TECH',
  invalid_account: 'HARD',
  expired_card: 'FIX',
  new_account_information_available: 'BY_MAC_HARD',
  authentication_required: 'AUTH',
  stolen_card: 'FRAUD',
  fraudulent: 'OPINION',
  gateway_timeout: 'UNKNOWN',
  recurring_mandate_cancelled: 'STOP',
  testmode_decline: 'CONFIG',
  try_again_later: 'VAGUE',
  card_declined: 'NOTHING',
  odd: 'UNLISTED',
};
const COMMON: Record<Exclude<Source, 'network_code'>, Codes> = {
  network_advice_code: {
    '01': 'FIX',
    '02': 'LATER',
    '03': 'BAN',
    '04': 'CONFIG',
    '21': 'STOP',
    '42': 'HARD',
    '43': 'NOTHING',
    '77': 'UNLISTED',
    '99': 'BAN',
  },
  advice_code: {
    do_not_try_again: 'BAN',
    try_again_later: 'VAGUE',
    confirm_card_data: 'FIX',
    maybe: 'UNLISTED',
  },
  decline_code: PSP,
  code: PSP,
  reason: { 'Stolen Card': 'FRAUD', 'stop payment': 'STOP', timeout: 'UNKNOWN', 'no idea': 'NOTHING' },
};
const SOURCES = Object.keys({ network_code: 0, ...COMMON }) as Source[];
const BY_MAC: Meaning[] = ['BY_MAC_FRAUD', 'BY_MAC_HARD'];
const EMPTY: Meaning[] = ['NOTHING', 'UNLISTED', 'VAGUE'];

interface SentCode {
  source: Source;
  code: string;
  means: Meaning;
}

function relevantCodes(rail: string, sent: readonly SentCode[]): SentCode[] {
  const bankDebit = rail === 'ach' || rail === 'sepa';
  const gatewayIsSpecific = sent.some(
    ({ source, means }) => (source === 'decline_code' || source === 'code') && !EMPTY.includes(means),
  );
  return sent.filter(({ source }) => {
    // 'MACs are Mastercard's: they count on Mastercard and where the network is unknown, nowhere else.'
    if (source === 'network_advice_code') return rail === 'mastercard' || rail === 'unknown';
    // 'Stripe's own `advice_code` counts on every card network.'
    if (source === 'advice_code') return !bankDebit;
    // 'An unknown network's code is ignored in favour of the PSP's.'
    if (source === 'network_code') return rail !== 'unknown' || !gatewayIsSpecific;
    return true;
  });
}

/** The class according to the reference; the sources are ranked as in its last rule. */
function expected(rail: string, allSent: readonly SentCode[]): string {
  const sent = relevantCodes(rail, allSent);
  const text = sent.find(({ source }) => source === 'reason');
  const codes = sent.filter(({ source }) => source !== 'reason');
  const has = (means: Meaning) => codes.some((one) => one.means === means);
  const banned = has('BAN');
  const mac = codes.find(({ source }) => source === 'network_advice_code')?.code;
  // 'do_not_try_again → as MAC 03'
  const says03 =
    mac === '03' || codes.some(({ code, source }) => source === 'advice_code' && code === 'do_not_try_again');
  const gateway = codes.filter(({ source }) => source === 'decline_code' || source === 'code');
  const network = codes.find(({ source, means }) => source === 'network_code' && means !== 'UNLISTED')?.means;

  if (has('STOP')) return 'STOP';
  if (has('FRAUD')) return 'FRAUD';
  const byMac = codes.find(({ means }) => BY_MAC.includes(means));
  const listed = mac === '01' ? '01' : says03 ? '03' : undefined;
  if (codes.some(({ means }) => means === 'BY_MAC_FRAUD') && listed === '03') return 'FRAUD';
  if (has('OPINION')) return 'FRAUD';
  if (has('UNKNOWN')) return 'UNKNOWN';
  if (byMac && listed !== undefined) return listed === '01' ? 'FIX' : 'HARD';
  if (network === 'HARD') return 'HARD';
  if (gateway.some(({ means }) => means === 'HARD') && [undefined, 'LATER', 'TECH'].includes(network))
    return 'HARD';
  if (gateway.some(({ means }) => means === 'CONFIG')) return 'CONFIG';
  if (gateway.some(({ means }) => means === 'AUTH')) return banned ? 'FIX' : 'AUTH';
  const known = codes
    .filter(({ means }) => !EMPTY.includes(means) && means !== 'BAN')
    .map(({ source, means }) => ({ source, means: BY_MAC.includes(means) ? 'FIX' : means }));
  if (banned) {
    // 'The cascade follows the class of the first code, never of another advice.'
    const first = known.find(
      ({ source }) => source !== 'network_advice_code' && source !== 'advice_code',
    )?.means;
    if (first === undefined || first === 'LATER' || first === 'TECH') return 'HARD';
    return first === 'AUTH' ? 'FIX' : first;
  }
  const rank: Source[] = ['network_advice_code', 'advice_code', 'network_code', 'decline_code', 'code'];
  const first = rank.flatMap((source) => known.filter((one) => one.source === source))[0];
  return first?.means ?? (text && !EMPTY.includes(text.means) ? text.means : 'LATER');
}

function forbidden(rail: string, allSent: readonly SentCode[]): boolean {
  const sent = relevantCodes(rail, allSent);
  const own = sent.find(({ source }) => source === 'network_code');
  if (
    sent.some(
      ({ source, code, means }) => means === 'BAN' || (source === 'network_advice_code' && code === '21'),
    )
  )
    return true;
  if (rail !== 'visa') return false;
  // 'A Visa category is taken from Visa's own code; only without one is it inferred from the PSP's word.'
  return own ? VISA_NEVER.includes(own.code) : sent.some(({ code }) => code === 'stolen_card');
}

function* combinations(rail: string, count: number, from = 0): Generator<SentCode[]> {
  if (count === 0) return yield [];
  for (let at = from; at < SOURCES.length; at++) {
    const source = SOURCES[at] as Source;
    const codes = source === 'network_code' ? (NETWORK_CODES[rail] ?? {}) : COMMON[source];
    for (const rest of combinations(rail, count - 1, at + 1))
      for (const [code, means] of Object.entries(codes)) yield [{ source, code, means }, ...rest];
  }
}

describe.each(Object.keys(NETWORK_CODES))('%s', (rail) => {
  test.each([1, 2, 3])('%i sources together follow the reference', (count) => {
    const wrong: unknown[] = [];
    let seen = 0;
    for (const sent of combinations(rail, count)) {
      seen += 1;
      const codes: DeclineCodes = Object.fromEntries(sent.map(({ source, code }) => [source, code]));
      const network = rail === 'unknown' ? {} : { network: rail };
      const decision = classify({ ...codes, ...network }, {}, 0);
      const got = { class: decision.class, neverAgain: decision.neverAgain };
      const want = { class: expected(rail, sent), neverAgain: forbidden(rail, sent) };
      if (got.class !== want.class || got.neverAgain !== want.neverAgain)
        wrong.push({ codes, got, want, rule: decision.rule });
    }
    expect(seen).toBeGreaterThan(30);
    expect(wrong.slice(0, 5)).toEqual([]);
  });
});

test.each([
  // Worked examples.
  [
    { network: 'mastercard', network_code: '83', network_advice_code: '03', decline_code: 'fraudulent' },
    'FRAUD',
    'known',
  ],
  [{ network: 'visa', network_code: '58', decline_code: 'transaction_not_allowed' }, 'FIX', undefined],
  [{ network: 'visa', network_code: '05', decline_code: 'testmode_decline' }, 'CONFIG', undefined],
  [{ network: 'mastercard', network_code: '65', code: 'authentication_required' }, 'AUTH', undefined],
  [
    { network: 'mastercard', network_code: '65', code: 'authentication_required', network_advice_code: '03' },
    'FIX',
    undefined,
  ],
  [{ network: 'visa', network_code: '94', decline_code: 'invalid_account' }, 'UNKNOWN', undefined],
  [{ decline_code: 'expired_card', advice_code: 'do_not_try_again' }, 'FIX', undefined],
  [
    { network: 'mastercard', network_code: '54', network_advice_code: '02', advice_code: 'do_not_try_again' },
    'FIX',
    undefined,
  ],
  [{ network: 'ach', network_code: 'R01' }, 'LATER', undefined],
  [{ network: 'visa', network_code: 'R1' }, 'STOP', undefined],
  [{ network: 'visa', network_code: '41', decline_code: 'fraudulent' }, 'FRAUD', 'known'],
  [{ decline_code: 'fraudulent' }, 'FRAUD', 'opinion'],
] satisfies [DeclineCodes, string, string | undefined][])('%j is %s', (codes, declineClass, suspicion) => {
  const decision = classify(codes, { type: 'card' }, 0);
  expect([decision.class, decision.suspicion]).toEqual([declineClass, suspicion]);
});
