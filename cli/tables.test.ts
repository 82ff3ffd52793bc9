import { expect, test } from 'vitest';
import { fields, moneyText, table, timeText } from './tables.ts';

test('a table has its headings and a line for each row, without colours', () => {
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

test('fields stand below each other', () => {
  expect(
    fields([
      ['a', false],
      ['long name', 'v'],
      ['b', ''],
    ]),
  ).toBe('a          no\nlong name  v\nb          –');
});

test('money and times are written for people', () => {
  expect(moneyText(4900, 'USD')).toBe('$49.00');
  expect(timeText('2026-04-18T10:00:00.123Z')).toBe('2026-04-18 10:00:00');
  expect(timeText(undefined)).toBe('–');
});
