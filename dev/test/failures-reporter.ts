/** A reporter of vitest: writes why tests failed, as a JSON list of texts, to the file in `PERSONA_TEST_FAILURES`. */

import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import type { Reporter } from 'vitest/node';

const repository = fileURLToPath(new URL('../..', import.meta.url));
/** Of one failure: enough for the comparison and the place. */
const MAX_LINES = 30;

interface Failure {
  message?: string;
  /** What was expected and what was received. */
  diff?: string;
  stack?: string;
}

/** The part of a test module that is used. */
export interface ReportedModule {
  moduleId: string;
  /** Of the file and of its hooks. */
  errors(): readonly Failure[];
  children: {
    allTests(state: 'failed'): Iterable<{
      fullName: string;
      result(): { errors?: readonly Failure[] | undefined };
    }>;
    allSuites(): Iterable<{ fullName: string; errors(): readonly Failure[] }>;
  };
}

export default class FailuresReporter implements Reporter {
  onTestRunEnd(modules: readonly ReportedModule[], unhandledErrors: readonly Failure[]): void {
    const file = process.env.PERSONA_TEST_FAILURES;
    if (file !== undefined) writeFileSync(file, JSON.stringify(describeFailures(modules, unhandledErrors)));
  }
}

/** @param unhandledErrors thrown outside any test @returns one text for each failed test, suite and file, and each error */
export function describeFailures(
  modules: readonly ReportedModule[],
  unhandledErrors: readonly Failure[],
): string[] {
  const ofModules = modules.flatMap((module) => {
    const file = relative(repository, module.moduleId);
    const titled = (fullName: string) => `${file} > ${fullName}`;
    return [
      ...describe(file, module.errors()),
      ...[...module.children.allSuites()].flatMap((suite) =>
        describe(titled(suite.fullName), suite.errors()),
      ),
      ...[...module.children.allTests('failed')].flatMap((test) =>
        describe(titled(test.fullName), test.result().errors ?? []),
      ),
    ];
  });
  return [...ofModules, ...describe('an error outside tests', unhandledErrors)];
}

function describe(title: string, errors: readonly Failure[]): string[] {
  return errors.map(({ message = '', diff = '', stack = '' }) => {
    const places = stack.split('\n').filter((line) => line.trim().startsWith('at '));
    // The test's own place comes before those of the tools.
    const own = places.filter((line) => !/node_modules|<anonymous>/.test(line)).slice(0, 3);
    const lines = stripVTControlCharacters([message, diff].join('\n')).split('\n').filter(Boolean);
    const cut = lines.length > MAX_LINES ? ['…'] : [];
    return [title, ...lines.slice(0, MAX_LINES), ...cut, ...own].join('\n  ');
  });
}
