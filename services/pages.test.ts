import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareKeys, pageOf, readTimeCursor, writeCursor } from './pages.ts';

const keyOf = (item: string) => [item.slice(0, 1), item];

test('consecutive pages of any size make up the list', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1 })),
      fc.integer({ min: 1, max: 7 }),
      (list, limit) => {
        const sorted = list.toSorted((a, b) => compareKeys(keyOf(a), keyOf(b)));
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page = pageOf(sorted, keyOf, { limit, cursor });
          expect(page.items.length).toBeLessThanOrEqual(limit);
          seen.push(...page.items);
          cursor = page.next_cursor;
        } while (cursor !== undefined);
        expect(seen).toEqual(sorted);
      },
    ),
  );
});

test('entries added or removed between two pages neither repeat nor hide others', () => {
  const first = pageOf(['a', 'b', 'c', 'd'], keyOf, { limit: 2 });
  expect(pageOf(['aa', 'c', 'd'], keyOf, { limit: 2, cursor: first.next_cursor }).items).toEqual(['c', 'd']);
});

test.each([
  ['2026-11-21T10:00:00.000Z', true],
  ['2026-11-21', false],
  ['Sat Nov 21 2026', false],
  ['2026-13-41T10:00:00Z', false],
])('a list sorted by time accepts %s as a position: %s', (time, is) => {
  const cursor = writeCursor([time, 'a']);
  if (is) expect(readTimeCursor(cursor)).toEqual({ time, id: 'a' });
  else expect(() => readTimeCursor(cursor)).toThrow('next_cursor');
});

test.each([
  'nonsense',
  '',
  Buffer.from('{}').toString('base64url'),
  Buffer.from('[1]').toString('base64url'),
])('the cursor %j is refused', (cursor) => {
  expect(() => pageOf(['a'], keyOf, { limit: 1, cursor })).toThrow(
    expect.objectContaining({
      type: 'invalid_argument',
      problems: [expect.objectContaining({ field: 'cursor' })],
    }),
  );
});
