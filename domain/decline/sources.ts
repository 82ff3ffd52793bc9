/** Everything that was said about one decline, source by source, as the table has it. */

import type { Network, PaymentMethodType } from '../payment-method.ts';
import type { DeclineClass } from './classes.ts';
import type { DeclineCodes } from './codes.ts';
import { networkOf } from './network.ts';
import type { CodeRow } from './table.ts';
import {
  forbidsForEver,
  isBankRail,
  merchantAdviceRow,
  networklessRow,
  networkRow,
  pspAdviceRow,
  pspRow,
} from './table.ts';

/** One source's word. */
export interface Verdict {
  readonly row: CodeRow;
  readonly class: DeclineClass;
  readonly rule: string;
  readonly code: string;
  /** It forbids the card for ever. */
  readonly forbids: boolean;
}

export interface Sources {
  /** Merchant advice code, then the gateway's advice. */
  readonly advice: readonly Verdict[];
  /** Network code, gateway's `decline_code`, gateway's `code`, in this order. */
  readonly codes: readonly Verdict[];
  /** What 'by MAC' refers to: the network's advice, or the gateway's where it means the same. */
  readonly merchantAdvice?: string;
  /** Codes that the table does not have, each with the field it came in. */
  readonly unmapped: readonly string[];
}

/** What the method itself tells about the rail, where the codes do not. */
export interface MethodRail {
  type?: PaymentMethodType;
  network?: string;
}

/** Looks every code up; a code is taken as sent but for case, blanks and a missing leading zero. */
export function sourcesOf(codes: DeclineCodes, method: MethodRail): Sources {
  const network = networkOf(codes.network) ?? networkOf(method.network);
  const bankDebit = network === undefined ? method.type === 'bank_account' : isBankRail(network);
  const unmapped: string[] = [];
  const look = (
    field: keyof DeclineCodes,
    code: string | undefined,
    prefix: string,
    find: (code: string) => CodeRow | undefined,
  ): Verdict[] => {
    if (code === undefined) return [];
    const row = find(code);
    if (row === undefined) unmapped.push(`${field}:${code}`);
    return row === undefined || row.class === null ? [] : [verdict(row, row.class, prefix, code, network)];
  };

  const mac = networkCode(codes.network_advice_code);
  const pspAdvice = word(codes.advice_code);
  // Only Mastercard has Merchant Advice Codes, and only cards have advice. A gateway that reports one for another card
  // network translated that network's advice into the same numbers, and passing over a 'do not try again' costs more
  // than heeding one too many.
  const advice = [
    ...(bankDebit ? [] : look('network_advice_code', mac, 'mac', merchantAdviceRow)),
    ...look('advice_code', pspAdvice, 'advice', pspAdviceRow),
  ];
  const psp = [
    ...look('decline_code', word(codes.decline_code), 'stripe', pspRow),
    ...look('code', word(codes.code), 'stripe', pspRow),
  ];
  const own = networkCode(codes.network_code);
  // An unknown network's code gives way to the gateway's; where the gateway says nothing, it is all there is, and
  // '41' from nobody in particular is still no card to try again.
  const pspSpeaks = psp.some(({ row }) => row.says_nothing !== true);
  const fromNetwork =
    network !== undefined
      ? look('network_code', own, network, (code) => networkRow(network, code))
      : pspSpeaks
        ? []
        : look('network_code', own, bankDebit ? 'bank' : 'card', (code) => networklessRow(bankDebit, code));
  return {
    advice,
    codes: [...fromNetwork, ...psp],
    merchantAdvice: mac ?? (pspAdvice === undefined ? undefined : pspAdviceRow(pspAdvice)?.as_advice),
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
  const forbids = forbidsForEver(row, code, network);
  return { row, class: declineClass, rule: row.rule ?? `${prefix}:${code}`, code, forbids };
}

/** `5` and ` 05` are the same code; letters are capitals. */
function networkCode(sent: string | undefined): string | undefined {
  const code = sent?.trim().toUpperCase() ?? '';
  if (code === '') return undefined;
  return /^\d$/.test(code) ? `0${code}` : code;
}

/** `Stolen Card` and `stolen_card` are the same code. */
function word(sent: string | undefined): string | undefined {
  const code =
    sent
      ?.trim()
      .toLowerCase()
      .replaceAll(/[\s-]+/g, '_') ?? '';
  return code === '' ? undefined : code;
}
