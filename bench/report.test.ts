import { expect, test } from 'vitest';
import { describeMachine } from './machine.ts';
import { asMarkdown, asTable } from './report.ts';
import type { FigureTable, RatioGrid } from './result.ts';

const described = {
  ...{ name: 'n', title: 'Title', conditions: 'As it was', machine: describeMachine() },
  at: '2026-11-23T00:00:00.000Z',
};
const comparison = { what: 'speed', unit: 'per s', persona: [1], bare: [2] };
const figures: FigureTable = { head: ['', 'bytes', 'events'], rows: [['a customer', 12_345.6, 9.5]] };

test('figures without a comparison have a separate table', () => {
  const page = asMarkdown([{ ...described, comparisons: [], tables: [figures] }]);
  expect(page).toContain('|  | bytes | events |\n| --- | ---: | ---: |\n| a customer | 12 346 | 9.50 |');
  expect(page).not.toContain('Persona |');
});

test('the table of figures follows that of comparisons', () => {
  const result = { ...described, comparisons: [comparison], tables: [figures] };
  expect(asMarkdown([result])).toMatch(/\| speed \(per s\) \| 1\.00 .*\n\n\|  \| bytes/);
  expect(asTable(result)).toMatch(/speed[\s\S]*a customer/);
});

test('a grid shows the ratios of each condition with their spread, and which of them miss their goal', () => {
  const cells = [
    { ...comparison, persona: [1, 2, 3], bare: [2, 2, 2] },
    { ...comparison, goal: { atLeast: 0.8 } },
  ];
  const grid: RatioGrid = { head: ['ratio of', '1', '16'], rows: [{ what: 'throughput', cells }] };
  const page = asMarkdown([{ ...described, comparisons: [], grids: [grid] }]);
  expect(page).toContain(
    '| ratio of | 1 | 16 |\n| --- | ---: | ---: |\n| throughput | 1.00 (0.50–1.50) | 0.50 (0.50–0.50) **missed** |',
  );
});
