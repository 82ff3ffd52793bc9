import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { countTests, describeFailures, type VitestReport } from './run-vitest.ts';

const passed = { status: 'passed', fullName: 'adds', failureMessages: [] };
const failed = { status: 'failed', fullName: 'divides by zero', failureMessages: ['expected 1 to be 2'] };
const FILE = { name: resolve('domain/sums.test.ts'), status: 'passed', message: '' };
const report = (changes: Partial<VitestReport> = {}): VitestReport => ({
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [{ ...FILE, assertionResults: [passed, passed, passed] }],
  ...changes,
});

test.each([
  ['all passed', report(), 0, { passed: 3, failed: 0 }],
  ['failed tests', report({ numFailedTests: 2 }), 1, { passed: 3, failed: 2 }],
  [
    'a file that cannot be loaded',
    report({ testResults: [{ ...FILE, status: 'failed', assertionResults: [] }] }),
    1,
    { passed: 3, failed: 1 },
  ],
  [
    'a file that fails after its tests, and a failed test in another file',
    report({
      numFailedTests: 1,
      testResults: [
        { ...FILE, status: 'failed', assertionResults: [passed] },
        { ...FILE, status: 'failed', assertionResults: [passed, failed] },
      ],
    }),
    1,
    { passed: 3, failed: 2 },
  ],
  ['skipped tests', report({ numPendingTests: 1, numTodoTests: 1 }), 0, { passed: 3, failed: 2 }],
  ['an error outside tests', report(), 1, { passed: 3, failed: 1 }],
  ['no tests', report({ numPassedTests: 0, testResults: [] }), 0, { passed: 0, failed: 1 }],
  ['no report', undefined, 1, { passed: 0, failed: 1 }],
])('%s', (_name, given, exitCode, count) => {
  expect(countTests(given, exitCode, false)).toEqual(count);
});

test('tests skipped by a name filter do not count as failed', () => {
  expect(countTests(report({ numPendingTests: 9 }), 0, true)).toEqual({ passed: 3, failed: 0 });
});

test('failures name the file, the test and the reason, in a bounded number of lines', () => {
  const long = { ...failed, fullName: 'is long', failureMessages: [Array(100).fill('a line').join('\n')] };
  const failures = describeFailures(
    report({
      testResults: [
        { ...FILE, assertionResults: [passed] },
        { ...FILE, status: 'failed', assertionResults: [passed, failed, long] },
        { ...FILE, status: 'failed', message: 'a hook threw', assertionResults: [passed] },
      ],
    }),
  );
  expect(failures).toEqual([
    'domain/sums.test.ts > divides by zero\n  expected 1 to be 2',
    expect.stringMatching(/^domain\/sums.test.ts > is long(\n {2}a line){25}\n {2}…$/),
    'domain/sums.test.ts\n  a hook threw',
  ]);
  expect(describeFailures(undefined)).toEqual(['vitest ended without a report']);
});
