import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readPassedChecks } from './passed-checks.ts';

let folder: string;
const file = (name: string) => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'persona-checks-'));
  for (const name of ['node_modules', 'domain', '.persona']) mkdirSync(file(name));
  writeFileSync(file('node_modules/.package-lock.json'), '{}');
  writeFileSync(file('domain/money.ts'), 'export {};');
  readPassedChecks(folder).add('types and lint');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const passed = (name = 'types and lint') => readPassedChecks(folder).has(name);

test('a check that passed is known as long as nothing changes, and others are not', () => {
  writeFileSync(file('.persona/log'), 'x');
  writeFileSync(file('node_modules/cache'), 'x');
  expect([passed(), passed('format')]).toEqual([true, false]);
});

test.each<[what: string, change: () => void]>([
  ['a changed file', () => writeFileSync(file('domain/money.ts'), 'export { };')],
  ['a new file', () => writeFileSync(file('domain/.hidden'), '')],
  ['a removed file', () => rmSync(file('domain/money.ts'))],
  ['a renamed file', () => renameSync(file('domain/money.ts'), file('domain/price.ts'))],
  ['another package', () => writeFileSync(file('node_modules/.package-lock.json'), '{"packages": {}}')],
])('%s makes it run again', (_, change) => {
  change();
  expect(passed()).toBe(false);
});

test('a file that changes while the check runs makes it run again', () => {
  const running = readPassedChecks(folder);
  writeFileSync(file('domain/money.ts'), 'export const late = 1;');
  running.add('types and lint');
  expect(passed()).toBe(false);
});
