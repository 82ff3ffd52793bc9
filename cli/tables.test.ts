import { expect, test } from 'vitest';
import { fields, moneyText, table, timeText } from './tables.ts';

test('a table has a heading and a line for each row, without colours', () => {
  expect(
    table(
      ['a', 'long heading'],
      [
        ['x', true],
        [undefined, 3],
      ],
      'none',
    ),
  ).toBe(
    [
      '┌───┬──────────────┐',
      '│ a │ long heading │',
      '├───┼──────────────┤',
      '│ x │ yes          │',
      '│ – │ 3            │',
      '└───┴──────────────┘',
    ].join('\n'),
  );
  expect(table(['a'], [], 'none')).toBe('none');
});

test('a long sentence is wrapped, an id is never broken', () => {
  const sentence = 'The bank did not approve the payment this time, and the collection was called off.';
  const id = `recovery:${'x'.repeat(90)}:1`;
  const lines = table(['what'], [[sentence], [id]], 'none').split('\n');
  expect(lines.map((line) => line.replaceAll(/[│ ]+$|^│ /g, ''))).toEqual(
    expect.arrayContaining([
      'The bank did not approve the payment this time, and the collection was',
      'called off.',
      id,
    ]),
  );
});

test('fields are printed one per line, aligned', () => {
  expect(
    fields([
      ['a', false],
      ['long name', 'v'],
      ['b', ''],
    ]),
  ).toBe('a          no\nlong name  v\nb          –');
});

test('money and times are formatted for display', () => {
  expect(moneyText(4900, 'USD')).toBe('$49.00');
  expect(timeText('2026-04-18T10:00:00.123Z')).toBe('2026-04-18 10:00:00');
  expect(timeText(undefined)).toBe('–');
});
