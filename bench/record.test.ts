import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readPublished, withFigures } from './record.ts';

const page = readFileSync(new URL('../docs/performance.md', import.meta.url), 'utf8');

test('the page shows the published figures', () => {
  const published = readPublished();
  expect(published).not.toHaveLength(0);
  expect(withFigures(page, published)).toBe(page);
});

test('a page without the markers for figures is refused', () => {
  expect(() => withFigures('# Performance', [])).toThrow(/figures/);
});
