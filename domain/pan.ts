/**
 * Detects full card numbers, which are refused in every field that is not an id (docs/reference/security.md,
 * 'Card numbers'): a valid Luhn check digit and a known issuer range, however the digits are grouped and in any script.
 */

import { isInIssuerRange } from './issuer-ranges.ts';

/** Groups of digits, separated by at most three spaces or dashes, including a word processor's typographic ones. */
const DIGIT_RUN = /\d(?:[\s\u2010-\u2015\u2212-]{0,3}\d)*/g;
const GROUP = /\d+/g;
const DECIMAL_DIGIT = /\p{Nd}/gu;
/** Joiners, soft hyphens and the like. */
const INVISIBLE = /\p{Cf}/u;

/** Text that contains digits like a card number's but is something else; it is blanked out before the search. */
const UUID = /(?<![0-9a-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z])/gi;
/** Only years that no card number starts with, and not within further groups of digits: `4242-12-01-…` is no date. */
const ISO_DATE = /(?<!\d-?)(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!-?\d)/g;
/** `pi_3Qx…`, `pm_…`. */
const PREFIXED_ID = /(?<!\w)[a-z]\w*_\w+/gi;
/** A letter between digits: hashes, generated ids. A number attached to a word (`card4242…`) is still checked. */
const MIXED_WORD = /(?<!\w)(?=\w*\d[a-z]\w*\d)\w+/gi;

const MIN_DIGITS = 12;
const MAX_DIGITS = 19;
const MAX_PHONE_DIGITS = 15;
/** Longer than any mobile number with its country code, and shorter than the cards that are issued today. */
const MAX_MAILBOX_DIGITS = 13;

/** The position of the first card number in a text, `end` exclusive; never the number itself, so that it is not logged. */
export function findCardNumber(text: string): { start: number; end: number } | undefined {
  if (isAscii(text)) return findInAscii(text);
  const { ascii, origins } = toAscii(text);
  const found = findInAscii(ascii);
  if (found === undefined) return undefined;
  const last = origins[found.end - 1] ?? 0;
  return {
    start: origins[found.start] ?? 0,
    end: last + String.fromCodePoint(text.codePointAt(last) ?? 0).length,
  };
}

function findInAscii(text: string): { start: number; end: number } | undefined {
  const searched = [UUID, ISO_DATE, PREFIXED_ID, MIXED_WORD].reduce(blank, text);
  for (const run of searched.matchAll(DIGIT_RUN)) {
    const position = { text: searched, start: run.index, run: run[0] };
    if (isPhone(position) || isFraction(position) || isMailbox(position)) continue;
    const found = findInRun(run[0]);
    if (found) return { start: run.index + found.start, end: run.index + found.end };
  }
  return undefined;
}

function isAscii(text: string): boolean {
  return !/[^\p{ASCII}]/u.test(text);
}

/**
 * Converts digits of any script and width (`４２４２`, `٤٢٤٢`) to ASCII and the rest to NFKC, and drops invisible
 * characters.
 * @returns also the index in `text` from which each of its UTF-16 units originates
 */
function toAscii(text: string): { ascii: string; origins: number[] } {
  const origins: number[] = [];
  let ascii = '';
  let at = 0;
  for (const character of text) {
    const normalised = INVISIBLE.test(character)
      ? ''
      : character.normalize('NFKC').replace(DECIMAL_DIGIT, digitOf);
    for (let unit = 0; unit < normalised.length; unit += 1) origins.push(at);
    ascii += normalised;
    at += character.length;
  }
  return { ascii, origins };
}

/** Unicode keeps the ten digits of a script together, zero first. */
function digitOf(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let value = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value += 1;
  return String(value % 10);
}

/**
 * The paths of all fields that hold a card number (`address_details.street1`), in strings, integers and keys at any
 * depth, or a card's security code under its usual names. Ids are skipped: a numeric id may pass every check by
 * chance, and an id is never a card number.
 */
export function findCardNumbersIn(value: unknown, isId: (field: string) => boolean = isIdField): string[] {
  const paths: string[] = [];
  // An explicit stack: a hostile body may be nested deeper than the engine's stack allows.
  const stack: { value: unknown; path: string }[] = [{ value, path: '' }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value: item, path } = next;
    if (isScalar(item)) {
      if (findCardNumber(String(item))) paths.push(path);
    } else if (Array.isArray(item)) {
      for (let at = item.length - 1; at >= 0; at -= 1)
        stack.push({ value: item[at], path: `${path}[${at}]` });
    } else if (typeof item === 'object' && item !== null) {
      for (const [key, inner] of Object.entries(item).reverse()) {
        const innerPath = path === '' ? key : `${path}.${key}`;
        // A key that is itself a card number must not be repeated in the path.
        if (findCardNumber(key)) paths.push(path);
        else if (isSecurityCode(key, inner)) paths.push(innerPath);
        else if (!isId(key)) stack.push({ value: inner, path: innerPath });
      }
    }
  }
  return paths;
}

/** `id`, `payment_id`, `gateway_customer_ref`: a field whose value is an assigned id. */
export function isIdField(field: string): boolean {
  return field === 'id' || field.endsWith('_id') || field.endsWith('_ref');
}

function isSecurityCode(field: string, value: unknown): boolean {
  return (
    /^(card_?)?(cvv2?|cvc2?|csc|cid|security_?code)$/i.test(field) &&
    isScalar(value) &&
    /^\d{3,4}$/.test(String(value))
  );
}

function isScalar(value: unknown): value is string | number {
  return typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value));
}

/** A card number consists of whole groups: `12 4242 4242 4242 4242` holds one; a longer number that contains one does not. */
function findInRun(run: string): { start: number; end: number } | undefined {
  const groups = [...run.matchAll(GROUP)];
  for (const [first, { index: start }] of groups.entries()) {
    let digits = '';
    // At most nineteen groups: a message may consist of thousands of single digits.
    for (const group of groups.slice(first, first + MAX_DIGITS)) {
      digits += group[0];
      if (digits.length > MAX_DIGITS) break;
      if (digits.length >= MIN_DIGITS && isInIssuerRange(digits) && passesLuhn(digits))
        return { start, end: group.index + group[0].length };
    }
  }
  return undefined;
}

/** A run of digits and its position in the text. */
interface DigitRun {
  text: string;
  start: number;
  run: string;
}

function isPhone({ text, start, run }: DigitRun): boolean {
  return text[start - 1] === '+' && run.replace(/\D/g, '').length <= MAX_PHONE_DIGITS;
}

/** The fraction of a decimal: measurements can have as many digits as a card number. */
function isFraction({ text, start, run }: DigitRun): boolean {
  return /^\d+$/.test(run) && /(?<![\w.])\d+\.$/.test(text.slice(Math.max(0, start - MAX_DIGITS - 2), start));
}

/** Some providers use the phone number as the mailbox name: `4917612345678@…`. */
function isMailbox({ text, start, run }: DigitRun): boolean {
  return (
    run.length <= MAX_MAILBOX_DIGITS && text[start + run.length] === '@' && !/\w/.test(text[start - 1] ?? ' ')
  );
}

/** ISO/IEC 7812-1, annex B. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let position = 0; position < digits.length; position += 1) {
    const digit = Number(digits[digits.length - 1 - position]);
    const weighted = position % 2 === 0 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}

function blank(text: string, pattern: RegExp): string {
  return text.replace(pattern, (found) => '.'.repeat(found.length));
}
