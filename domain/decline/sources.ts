/** Looks up all the codes of one decline in the table, source by source. */

import type { Network, PaymentMethodType } from '../payment-method.ts';
import type { DeclineClass } from './classes.ts';
import type { DeclineCodes } from './codes.ts';
import { networkOf } from './network.ts';
import type { CodeRow } from './table.ts';
import {
  forbidsPermanently,
  isBankRail,
  merchantAdviceRow,
  rowWithoutNetwork,
  networkRow,
  pspAdviceRow,
  pspRow,
} from './table.ts';

/** The verdict of one source. */
export interface Verdict {
  readonly row: CodeRow;
  readonly class: DeclineClass;
  readonly rule: string;
  readonly code: string;
  /** Its class is determined by its row together with a Merchant Advice Code. */
  readonly byAdvice: boolean;
  /** It forbids the card permanently. */
  readonly forbids: boolean;
  /** It marks the card itself as dead (`card_dead` of its row). */
  readonly dead: boolean;
}

/** Placeholder in a rule for a Visa code that is not in the table. */
const UNLISTED = 'unlisted';

/** The format of networks' and gateways' codes. Words with blanks between them are one only if the table has it. */
const CODE = /^[\w.:-]{1,40}$/;
/** In place of a text that is no code, and may name a person: codes are stored and logged in the open. */
const NOT_A_CODE = '[not a code]';

/** A code that is not in the table. */
export interface UnmappedCode {
  readonly field: keyof DeclineCodes;
  /** As sent, or that it is none. */
  readonly code: string;
}

export interface Sources {
  /** The Merchant Advice Code, then the gateway's advice, without those that do not apply to this network. */
  readonly advice: readonly Verdict[];
  /** The network's own code: one or none. */
  readonly network: readonly Verdict[];
  /** The gateway's `decline_code`, then its `code`. */
  readonly psp: readonly Verdict[];
  /** The most specific first. */
  readonly unmapped: readonly UnmappedCode[];
}

/** The method's rail, for codes that do not name it. */
export interface MethodRail {
  type?: PaymentMethodType;
  network?: string;
}

/**
 * Looks up every code, unchanged except for case, blanks and a missing leading zero.
 * @param at - when it was declined, epoch milliseconds
 */
export function sourcesOf(codes: DeclineCodes, method: MethodRail, at: number): Sources {
  const network = networkOf(codes.network) ?? networkOf(method.network);
  const bankDebit = network === undefined ? method.type === 'bank_account' : isBankRail(network);
  const unmapped: UnmappedCode[] = [];
  const lookUp = (
    field: keyof DeclineCodes,
    code: string | undefined,
    prefix: string,
    find: (code: string) => CodeRow | undefined,
  ): Verdict[] => {
    if (code === undefined) return [];
    const row = find(code);
    if (row === undefined) unmapped.push({ field, code: isCode(codes[field]) ? code : NOT_A_CODE });
    return row === undefined || row.class === null ? [] : [verdict(row, row.class, prefix, code, network)];
  };

  const sentCode = normaliseNetworkCode(codes.network_code);
  const fromNetwork = () =>
    network === undefined
      ? lookUp('network_code', sentCode, bankDebit ? 'bank' : 'card', (code) =>
          rowWithoutNetwork(bankDebit, code, at),
        )
      : lookUp('network_code', sentCode, network, (code) => networkRow(network, code, at));
  const fromPsp = () => [
    ...lookUp('decline_code', normaliseCode(codes.decline_code), 'stripe', pspRow),
    ...lookUp('code', normaliseCode(codes.code), 'stripe', pspRow),
  ];
  // An unknown network's code yields to the gateway's. If the gateway is not specific, it is the only information, and a
  // `41` of an unknown network still means a card that must not be retried.
  const pspIsSpecific = [codes.decline_code, codes.code].some((sent) =>
    isSpecificRow(pspRow(normaliseCode(sent) ?? '')),
  );
  const networkVerdicts = network === undefined && pspIsSpecific ? [] : fromNetwork();
  const psp = fromPsp();

  // Only Mastercard has Merchant Advice Codes; a bank debit has no advice.
  const mac =
    network === 'mastercard' || (network === undefined && !bankDebit)
      ? normaliseNetworkCode(codes.network_advice_code)
      : undefined;
  const pspAdvice = bankDebit ? undefined : normaliseCode(codes.advice_code);
  const advice = [
    ...lookUp('network_advice_code', mac, 'mac', merchantAdviceRow),
    ...lookUp('advice_code', pspAdvice, 'advice', pspAdviceRow),
  ];

  const adviceCodes = [mac, pspAdvice && pspAdviceRow(pspAdvice)?.as_advice].filter(
    (code) => code !== undefined,
  );
  const visaCode =
    network === 'visa' && sentCode !== undefined ? (networkVerdicts[0]?.code ?? UNLISTED) : undefined;
  return {
    advice,
    network: networkVerdicts.map((one) => applyAdvice(one, adviceCodes)),
    psp: psp.map((one) =>
      applyAdvice(visaCode === undefined ? one : withVisaCode(visaCode, one), adviceCodes),
    ),
    unmapped,
  };
}

function verdict(
  row: CodeRow,
  declineClass: DeclineClass,
  prefix: string,
  code: string,
  network: Network | undefined,
): Verdict {
  return {
    row,
    class: declineClass,
    rule: row.rule ?? `${prefix}:${code}`,
    code,
    byAdvice: false,
    forbids: forbidsPermanently(row, code, network),
    dead: row.card_dead === true,
  };
}

/** A row 'by MAC' and an advice that it lists form one verdict; any other advice is a verdict of its own. */
function applyAdvice(one: Verdict, adviceCodes: readonly string[]): Verdict {
  const listed = adviceCodes.find((advice) => one.row.by_advice?.[advice] !== undefined);
  const declineClass = listed === undefined ? undefined : one.row.by_advice?.[listed];
  if (listed === undefined || declineClass === undefined) return one;
  const dead = one.row.card_dead_by_advice?.includes(listed) === true;
  return { ...one, class: declineClass, rule: `${one.rule}+mac:${listed}`, byAdvice: true, dead };
}

/**
 * The gateway's code implies Visa's category only if Visa's own code is missing. The rule includes Visa's code, so that
 * the stored attempt records it too.
 */
function withVisaCode(sentCode: string, psp: Verdict): Verdict {
  return psp.row.visa_category === undefined
    ? psp
    : { ...psp, forbids: psp.row.never_again === true, rule: `${psp.rule}+visa:${sentCode}` };
}

function isSpecificRow(row: CodeRow | undefined): boolean {
  return row !== undefined && row.says_nothing !== true && row.vague !== true;
}

/** @param sent before it is normalised, which makes a code of a name: `Ada Marlow` */
function isCode(sent: string | undefined): boolean {
  return CODE.test(sent?.trim() ?? '');
}

/** `5` and ` 05` are the same code; letters are upper case. */
function normaliseNetworkCode(sent: string | undefined): string | undefined {
  const code = sent?.trim().toUpperCase() ?? '';
  if (code === '') return undefined;
  return /^\d$/.test(code) ? `0${code}` : code;
}

/** `Stolen Card` and `stolen_card` are the same code. */
function normaliseCode(sent: string | undefined): string | undefined {
  const code =
    sent
      ?.trim()
      .toLowerCase()
      .replaceAll(/[\s-]+/g, '_') ?? '';
  return code === '' ? undefined : code;
}
