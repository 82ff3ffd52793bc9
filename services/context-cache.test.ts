import { expect, test } from 'vitest';
import { readPolicy } from '../platform/policy.ts';
import { createContextCache } from './context-cache.ts';
import type { CustomerContextView } from './views.ts';

test('a flush discards every context, and what was being read then is not kept', () => {
  const cache = createContextCache({ ...readPolicy().context, maxStalenessMs: 60_000 });
  const entry = { context: { version: 1 } as CustomerContextView, asOf: performance.now() };
  cache.keep('c-1', entry);
  cache.keep('c-2', { asOf: entry.asOf });
  expect([cache.find('c-1'), cache.find('c-2')]).not.toContain(undefined);
  cache.flush();
  cache.keep('c-1', entry);
  expect([cache.find('c-1'), cache.find('c-2')]).toEqual([undefined, undefined]);
  const later = { ...entry, asOf: performance.now() + 1 };
  cache.keep('c-1', later);
  expect(cache.find('c-1')).toBe(later);
});
