import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit } from './audit.ts';

const expected = { lines: 10, customers: 7, cards: 5, refused: [2, 9] };
const before = { customers: 100, receipts: 120, cards: 80, processes: 60 };
const after = { customers: 107, receipts: 128, cards: 85, processes: 65 };
let folder: string;
let report: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'audit-'));
  report = join(folder, 'rejected.jsonl');
  writeFileSync(
    report,
    '{"line": 2, "type": "malformed_request"}\n{"line": 9, "type": "invalid_argument"}\n',
  );
});
afterAll(() => rmSync(folder, { recursive: true }));
const summary = () => ({ lines: 10, created: 7, recognised: 1, repeated: 0, rejected: 2, report });

test('an import that processed or reported every line once passes', () => {
  expect(() => audit(expected, { summary: summary(), before, after })).not.toThrow();
});

test.each([
  ['customers', { after: { ...after, customers: 108 } }],
  ['receipts', { after: { ...after, receipts: 127 } }],
  ['cards', { after: { ...after, cards: 84 } }],
  ['processes', { after: { ...after, processes: 66 } }],
])('a wrong count of stored %s is reported', (what, found) => {
  expect(() => audit(expected, { summary: summary(), before, ...found })).toThrow(`${what}: `);
});

test('a line that was reported twice or not at all is detected', () => {
  const found = { before, after };
  writeFileSync(report, '{"line": 2}\n{"line": 2}\n');
  expect(() => audit(expected, { ...found, summary: summary() })).toThrow('lines in the report: [2,2]');
  const { report: _, ...silent } = summary();
  expect(() => audit(expected, { ...found, summary: silent })).toThrow('lines in the report: []');
});

test('wrong counts in the program’s own summary are reported', () => {
  const summaryWithRepeats = { ...summary(), created: 6, recognised: 0, repeated: 2 };
  expect(() => audit(expected, { summary: summaryWithRepeats, before, after })).toThrow(
    /created: 6 .*recognised: 0 .*repeated: 2 /,
  );
});
