import { expect, test } from 'vitest';
import { countTests, type VitestReport } from './run-vitest.ts';

const passed = { status: 'passed' };
const report = (changes: Partial<VitestReport> = {}): VitestReport => ({
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [{ status: 'passed', assertionResults: [passed, passed, passed] }],
  ...changes,
});

test.each([
  ['all passed', report(), 0, { passed: 3, failed: 0 }],
  ['failed tests', report({ numFailedTests: 2 }), 1, { passed: 3, failed: 2 }],
  [
    'a file that cannot be loaded',
    report({ testResults: [{ status: 'failed', assertionResults: [] }] }),
    1,
    { passed: 3, failed: 1 },
  ],
  [
    'a file that fails behind its tests, beside a failed test of another one',
    report({
      numFailedTests: 1,
      testResults: [
        { status: 'failed', assertionResults: [passed] },
        { status: 'failed', assertionResults: [passed, { status: 'failed' }] },
      ],
    }),
    1,
    { passed: 3, failed: 2 },
  ],
  ['skipped tests', report({ numPendingTests: 1, numTodoTests: 1 }), 0, { passed: 3, failed: 2 }],
  ['an error outside of tests', report(), 1, { passed: 3, failed: 1 }],
  ['no test at all', report({ numPassedTests: 0, testResults: [] }), 0, { passed: 0, failed: 1 }],
  ['no report at all', undefined, 1, { passed: 0, failed: 1 }],
])('%s', (_name, given, exitCode, count) => {
  expect(countTests(given, exitCode, false)).toEqual(count);
});

test('tests that were left out by name are no failure', () => {
  expect(countTests(report({ numPendingTests: 9 }), 0, true)).toEqual({ passed: 3, failed: 0 });
});
