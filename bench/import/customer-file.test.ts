import { expect, test } from 'vitest';
import { validateOnboarding } from '../../domain/onboarding.ts';
import { formatRules } from '../../domain/onboarding-formats.ts';
import { readPolicy } from '../../platform/policy.ts';
import { expectedOf, lineOf, type LineRange } from './customer-file.ts';

const range: LineRange = { first: 10_000, lines: 3_000 };
const rules = formatRules(readPolicy());

interface AcceptedLine {
  line: number;
  emails: string[];
  token?: string;
  device?: string;
}

/** Validates the lines as the import does. */
function readRange(): { accepted: AcceptedLine[]; refused: number[] } {
  const accepted: AcceptedLine[] = [];
  const refused: number[] = [];
  for (let line = 1; line <= range.lines; line += 1) {
    const request = requestOf(lineOf(range.first + line - 1, range));
    if (request === undefined) refused.push(line);
    else {
      const identifiers = request.digital_identifiers ?? [];
      const emails = identifiers.filter(({ type }) => type === 'email');
      accepted.push({
        line,
        emails: emails.map(({ value }) => value.toLowerCase()),
        token: request.payment_method_details?.token,
        device: request.device_details?.fingerprint,
      });
    }
  }
  return { accepted, refused };
}

function requestOf(line: string) {
  try {
    const checked = validateOnboarding(JSON.parse(line), rules);
    return checked.ok ? checked.request : undefined;
  } catch {
    return undefined;
  }
}

test('a range has the expected numbers of customers, cards and refused lines', () => {
  const { accepted, refused } = readRange();
  const expected = expectedOf(range);
  expect(refused).toEqual(expected.refused);
  expect(refused).toEqual([251, 751, 1251, 1751, 2251, 2751]);
  expect(new Set(accepted.flatMap(({ emails }) => emails)).size).toBe(expected.customers);
  const cards = accepted.flatMap(({ token }) => token ?? []);
  expect(new Set(cards).size).toBe(expected.cards);
  expect(cards).toHaveLength(expected.cards);
  // A returning customer has another device.
  expect(new Set(accepted.map(({ device }) => device)).size).toBe(accepted.length);
});

test('a returning customer has occurred in the file before', () => {
  const { accepted } = readRange();
  const seen = new Set<string>();
  const returning = accepted.filter(({ emails: [email = ''] }) => {
    const known = seen.has(email);
    seen.add(email);
    return known;
  });
  expect(returning).toHaveLength(range.lines / 20);
});

test('a line is reproducible and unique', () => {
  expect(lineOf(10_007, range)).toBe(lineOf(10_007, range));
  const all = Array.from({ length: 2_000 }, (_, n) => lineOf(n, { first: 0, lines: 2_000 }));
  expect(new Set(all).size).toBe(2_000);
});
