import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { classify } from '../../../domain/decline/classify.ts';
import { declineOf } from './declines.ts';
import { testMethod } from './test-methods.ts';

const page = readFileSync(new URL('../../../docs/stripe.md', import.meta.url), 'utf8');
/** Name, last digits, status when added, class; only rows with the full name of one method. */
const rows = [...page.matchAll(/^\| `(pm_\w+)` \| (\d{4}) \| (.+?) \| .+ \| (.+?) \|$/gm)].map(
  ([, name = '', digits, added, then = '']) => ({ name, digits, added, then }),
);

test('every test method in the documentation exists', () => {
  expect(rows.length).toBeGreaterThan(5);
  for (const [name] of page.matchAll(/pm_(card|usBankAccount)_\w+/g))
    expect(testMethod(name), name).toBeDefined();
});

test.each(rows)('$name ends in $digits and behaves as documented', ({ name, digits, added, then }) => {
  const method = testMethod(name);
  expect(method).toMatchObject({ last4: digits, refusesAttach: added !== '`active`' });
  const { behaviour } = method ?? {};
  const codes = {
    approve: undefined,
    processing: undefined,
    requires_action: { code: 'authentication_required' },
    decline: behaviour && declineOf(behaviour),
  }[behaviour?.do as string];
  const expected = codes ? classify(codes, { type: 'card', network: 'visa' }, Date.now()).class : '–';
  expect(then.split(/[:,]/)[0]).toBe(expected);
});
