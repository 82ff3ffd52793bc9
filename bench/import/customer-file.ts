/**
 * Reproducible files for `persona import`: the n-th line is derived from n and the seed alone. Files are ranges of one
 * endless list, so that no two of them have a customer in common.
 */

import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const SEED = 'persona-import-1';
/** At these intervals a line is refused, or belongs to a customer from an earlier line of the file. */
const REFUSED = { every: 500, at: 250 };
const RETURNING = { every: 20, at: 19 };
const SHARE = { verified: 0.7, phone: 0.4, address: 0.8, card: 0.85 };
const CITIES = ['Berlin', 'Hamburg', 'Köln', 'Leipzig', 'München'] as const;
const FIRST_DAY = Date.parse('2026-01-01T00:00:00Z');
const MINUTES = 300 * 24 * 60;

/** A range of the list. */
export interface LineRange {
  /** The number of its first line in the list, a multiple of 500. */
  first: number;
  lines: number;
}

/** The expected result of importing a range. */
export interface Expected {
  lines: number;
  /** Distinct customers. */
  customers: number;
  cards: number;
  /** Numbers of the refused lines within the file, from 1. */
  refused: number[];
}

/** Prefix of the transaction ids of these files, and of no others. */
export const TRANSACTIONS = `${SEED}-`;

export async function writeCustomerFile(path: string, range: LineRange): Promise<void> {
  const lines = function* () {
    for (const n of numbersOf(range)) yield `${lineOf(n, range)}\n`;
  };
  await pipeline(Readable.from(lines()), createWriteStream(path));
}

export function expectedOf(range: LineRange): Expected {
  const expected: Expected = { lines: range.lines, customers: 0, cards: 0, refused: [] };
  for (const n of numbersOf(range)) {
    if (isRefused(n)) expected.refused.push(n - range.first + 1);
    else if (!isReturning(n)) {
      expected.customers += 1;
      if (hasCard(n)) expected.cards += 1;
    }
  }
  return expected;
}

export function lineOf(n: number, range: LineRange): string {
  if (isRefused(n)) return refusedLine(n);
  return JSON.stringify(isReturning(n) ? returningCustomerRequest(n, range) : newCustomerRequest(n));
}

function* numbersOf({ first, lines }: LineRange): Generator<number> {
  for (let n = first; n < first + lines; n += 1) yield n;
}

const isRefused = (n: number) => n % REFUSED.every === REFUSED.at;
const isReturning = (n: number) => n % RETURNING.every === RETURNING.at;
const hasCard = (n: number) => randomFraction(n, 'card') < SHARE.card;

/** 32 bytes in hexadecimal. */
const digest = (n: number, what: string) => createHash('sha256').update(`${SEED}:${n}:${what}`).digest('hex');
/** 0 to 1, exclusive. */
const randomFraction = (n: number, what: string) =>
  Number.parseInt(digest(n, what).slice(0, 8), 16) / 2 ** 32;

function newCustomerRequest(n: number) {
  return {
    ...checkoutFields(n),
    customer_metadata: {
      segment: 'imported',
      locale: 'de-DE',
      ltv: (randomFraction(n, 'ltv') * 2_000).toFixed(2),
    },
    digital_identifiers: [
      { type: 'email', value: email(n), is_verified: randomFraction(n, 'verified') < SHARE.verified },
      ...(randomFraction(n, 'phone') < SHARE.phone
        ? [{ type: 'phone_number', value: `+49151${10_000_000 + n}` }]
        : []),
    ],
    ...(randomFraction(n, 'address') < SHARE.address && { address_details: address(n) }),
    ...(hasCard(n) && { payment_method_details: card(n) }),
  };
}

/** With another device, and the e-mail address in upper case. */
function returningCustomerRequest(n: number, { first }: LineRange) {
  // Lines whose number is a multiple of `every` are new customers.
  const earlier =
    Math.floor((randomFraction(n, 'earlier') * (n - first)) / RETURNING.every) * RETURNING.every;
  return {
    ...checkoutFields(n),
    digital_identifiers: [{ type: 'email', value: email(first + earlier).toUpperCase() }],
  };
}

function checkoutFields(n: number) {
  return {
    transaction_id: `${TRANSACTIONS}${n}`,
    occurred_at: new Date(FIRST_DAY + Math.floor(randomFraction(n, 'time') * MINUTES) * 60_000).toISOString(),
    device_details: {
      fingerprint: `device-${digest(n, 'device')}`,
      ip: `203.0.113.${n % 256}`,
      user_agent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X)',
      trust_score: Number(randomFraction(n, 'trust').toFixed(2)),
    },
  };
}

const email = (n: number) => `customer.${n}.${digest(n, 'email').slice(0, 6)}@shop.example`;

function address(n: number) {
  return {
    street1: `Erlenweg ${1 + (n % 120)}`,
    city: CITIES[n % CITIES.length],
    zip_code: String(10_000 + (n % 80_000)),
    country: 'DE',
    type: 'shipping',
  };
}

function card(n: number) {
  return {
    type: 'card',
    token: `pm_${digest(n, 'token').slice(0, 24)}`,
    brand: 'visa',
    last_four: String(n % 10_000).padStart(4, '0'),
    expiry_month: 1 + (n % 12),
    expiry_year: 2030 + (n % 6),
    off_session_consent: true,
    consent_source: 'checkout',
  };
}

/** Alternates between invalid JSON, a missing time, and a card number in place of the token. */
function refusedLine(n: number): string {
  const { occurred_at, ...timeless } = newCustomerRequest(n);
  const withNumber = { type: 'card', token: '4242424242424242' };
  const kinds = [
    JSON.stringify({ ...timeless, occurred_at }).slice(0, -10),
    JSON.stringify(timeless),
    JSON.stringify({ ...timeless, occurred_at, payment_method_details: withNumber }),
  ];
  return kinds[Math.floor(n / REFUSED.every) % kinds.length] ?? '';
}
