import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { describeFailures, type ReportedModule } from './failures-reporter.ts';

const FILE = resolve('domain/sums.test.ts');

const module = (changes: Partial<ReportedModule> = {}): ReportedModule => ({
  moduleId: FILE,
  errors: () => [],
  children: { allTests: () => [], allSuites: () => [] },
  ...changes,
});

test('a failed test is described by its file, its name, the difference and its own places', () => {
  const stack = `Error: unequal\n    at add (${FILE}:1:2)\n    at run (/node_modules/vitest/run.js:3:4)`;
  const failed = {
    fullName: 'sums > of two',
    result: () => ({ errors: [{ message: 'unequal', diff: '\u001B[31m- 1\u001B[39m\n+ 2', stack }] }),
  };
  const children = { allTests: () => [failed], allSuites: () => [] };
  expect(describeFailures([module(), module({ children })], [])).toEqual([
    `domain/sums.test.ts > sums > of two\n  unequal\n  - 1\n  + 2\n      at add (${FILE}:1:2)`,
  ]);
});

test('errors of files, hooks and outside tests are described, too', () => {
  const children = {
    allTests: () => [],
    allSuites: () => [{ fullName: 'sums', errors: () => [{ message: 'a hook failed' }] }],
  };
  const broken = module({ errors: () => [{ message: 'cannot be loaded' }], children });
  expect(describeFailures([broken], [{ message: 'a rejection' }])).toEqual([
    'domain/sums.test.ts\n  cannot be loaded',
    'domain/sums.test.ts > sums\n  a hook failed',
    'an error outside tests\n  a rejection',
  ]);
});

test('a long difference is cut', () => {
  const diff = Array(100).fill('+ a line').join('\n');
  const [described] = describeFailures([module({ errors: () => [{ message: 'unequal', diff }] })], []);
  expect(described?.split('\n')).toHaveLength(32);
  expect(described).toMatch(/…$/);
});
