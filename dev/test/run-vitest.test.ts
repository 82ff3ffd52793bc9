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
    'a file that fails after its tests, and a failed test in another file',
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
  ['an error outside tests', report(), 1, { passed: 3, failed: 1 }],
  ['no tests', report({ numPassedTests: 0, testResults: [] }), 0, { passed: 0, failed: 1 }],
  ['no report', undefined, 1, { passed: 0, failed: 1 }],
])('%s', (_name, given, exitCode, count) => {
  expect(countTests(given, exitCode, false)).toEqual(count);
});

test('tests skipped by a name filter do not count as failed', () => {
  expect(countTests(report({ numPendingTests: 9 }), 0, true)).toEqual({ passed: 3, failed: 0 });
});
