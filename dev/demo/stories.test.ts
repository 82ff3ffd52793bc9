/** The stories against the policy that the demo runs with. */

import { expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { readStories } from './stories.ts';

const DAY_MS = 86_400_000;

test('no story starts with an onboarding that Persona refuses as too old', () => {
  const { retention } = readPolicy();
  const ages = readStories().flatMap(({ customer }) => customer.onboardings.map(({ days_ago }) => days_ago));
  expect(ages.length).toBeGreaterThan(8);
  expect(Math.max(...ages) * DAY_MS).toBeLessThan(retention.receipts);
});
