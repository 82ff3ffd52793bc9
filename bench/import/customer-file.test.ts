import { expect, test } from 'vitest';
import { validateOnboarding } from '../../domain/onboarding.ts';
import { formRules } from '../../domain/onboarding-forms.ts';
import { readPolicy } from '../../platform/policy.ts';
import { expectedOf, lineOf, type Stretch } from './customer-file.ts';

const stretch: Stretch = { first: 10_000, lines: 3_000 };
const rules = formRules(readPolicy());

interface Taken {
  line: number;
  emails: string[];
  token?: string;
  device?: string;
}

/** As the import judges them. */
function read(): { taken: Taken[]; refused: number[] } {
  const taken: Taken[] = [];
  const refused: number[] = [];
  for (let line = 1; line <= stretch.lines; line += 1) {
    const request = requestOf(lineOf(stretch.first + line - 1, stretch));
    if (request === undefined) refused.push(line);
    else {
      const identifiers = request.digital_identifiers ?? [];
      const emails = identifiers.filter(({ type }) => type === 'email');
      taken.push({
        line,
        emails: emails.map(({ value }) => value.toLowerCase()),
        token: request.payment_method_details?.token,
        device: request.device_details?.fingerprint,
      });
    }
  }
  return { taken, refused };
}

function requestOf(line: string) {
  try {
    const checked = validateOnboarding(JSON.parse(line), rules);
    return checked.ok ? checked.request : undefined;
  } catch {
    return undefined;
  }
}

test('a stretch is what it is said to be: persons, cards, and lines that are refused', () => {
  const { taken, refused } = read();
  const expected = expectedOf(stretch);
  expect(refused).toEqual(expected.refused);
  expect(refused).toEqual([251, 751, 1251, 1751, 2251, 2751]);
  expect(new Set(taken.flatMap(({ emails }) => emails)).size).toBe(expected.customers);
  const cards = taken.flatMap(({ token }) => token ?? []);
  expect(new Set(cards).size).toBe(expected.cards);
  expect(cards).toHaveLength(expected.cards);
  // Whoever returns brings another device.
  expect(new Set(taken.map(({ device }) => device)).size).toBe(taken.length);
});

test('who returns has been in the file before', () => {
  const { taken } = read();
  const seen = new Set<string>();
  const returning = taken.filter(({ emails: [email = ''] }) => {
    const known = seen.has(email);
    seen.add(email);
    return known;
  });
  expect(returning).toHaveLength(stretch.lines / 20);
});

test('a line is the same each time, and in no other stretch', () => {
  expect(lineOf(10_007, stretch)).toBe(lineOf(10_007, stretch));
  const all = Array.from({ length: 2_000 }, (_, n) => lineOf(n, { first: 0, lines: 2_000 }));
  expect(new Set(all).size).toBe(2_000);
});
