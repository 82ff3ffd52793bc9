import { dirname, delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { type Log, elapsedSince } from '../stack/progress.ts';
import { readPassedChecks } from './passed-checks.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

interface Check {
  name: string;
  command: readonly [file: string, ...args: string[]];
}

/** Checks that run none of Persona's code. Each prints what is wrong and where. */
export const DEFAULT_CHECKS: readonly Check[] = [
  // The linter already checks all types, with the compiler written in Go.
  { name: 'types and lint', command: packaged('oxlint', '--type-aware', '--type-check', '--deny-warnings') },
  { name: 'format', command: packaged('biome', 'format', '.') },
  { name: 'structure', command: [process.execPath, 'dev/test/check-structure.ts'] },
  { name: 'vocabulary', command: [process.execPath, 'dev/test/check-vocabulary.ts'] },
  { name: 'unused code', command: packaged('knip', '--no-progress') },
  {
    name: 'code that only tests use',
    command: packaged('knip', '--production', '--config', 'knip.production.ts', '--no-progress'),
  },
];
/** A minute of CPU time for what the linter does not cover: generated code, and differences between the two compilers. */
export const LONG_CHECKS: readonly Check[] = [{ name: 'types', command: packaged('tsc', '-p', '.') }];
const CONCURRENCY = 2;

export interface TestCount {
  passed: number;
  failed: number;
}

export interface TestOutcome extends TestCount {
  /** What failed, where and why. The output of tests that run concurrently would hide it. */
  failures: readonly string[];
}

/** Runs the checks, but for those that passed on the same files before. */
export async function runStaticChecks(checks: readonly Check[], log: Log): Promise<TestOutcome> {
  // The programs run the `node` on PATH, and the system's own may be too old for them.
  process.env.PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
  const count = { passed: 0, failed: 0 };
  const failures: string[] = [];
  const passedChecks = readPassedChecks(repository);
  const waiting = [...checks];
  const worker = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      if (passedChecks.has(check.name)) {
        log(`ok      ${check.name} (passed before, nothing has changed)`);
        count.passed += 1;
        continue;
      }
      const started = Date.now();
      const [file, ...args] = check.command;
      const options = { cwd: repository, stdin: 'ignore', all: true, reject: false } as const;
      const { failed, all: output } = await execa(file, args, options);
      log(`${failed ? 'FAILED' : 'ok    '}  ${check.name} (${elapsedSince(started)})`);
      if (failed) failures.push(`${check.name}\n${output}`);
      else passedChecks.add(check.name);
      count[failed ? 'failed' : 'passed'] += 1;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return { ...count, failures };
}

function packaged(program: string, ...args: string[]): [string, ...string[]] {
  const file = process.platform === 'win32' ? `${program}.cmd` : program;
  return [join(repository, 'node_modules', '.bin', file), ...args];
}
