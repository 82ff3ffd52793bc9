import { dirname, delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Log, since } from '../stack/progress.ts';
import { runTool } from '../stack/tools.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** What is checked without running anything: each is a program of node_modules that says what is wrong and where. */
const CHECKS: readonly { name: string; program: string; args: readonly string[] }[] = [
  { name: 'types', program: 'tsc', args: ['-p', '.'] },
  { name: 'format', program: 'biome', args: ['format', '.'] },
  { name: 'lint', program: 'oxlint', args: ['--type-aware', '--deny-warnings'] },
  { name: 'structure', program: 'depcruise', args: ['--config', '.dependency-cruiser.mjs', '.'] },
  { name: 'unused code', program: 'knip', args: ['--no-progress'] },
];
const AT_ONCE = 2;

export interface Count {
  passed: number;
  failed: number;
}

/** Runs all checks and prints what each found. */
export async function runStaticChecks(log: Log): Promise<Count> {
  // The programs ask for `node` on PATH, and this machine's own may be too old for them.
  process.env.PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
  const count = { passed: 0, failed: 0 };
  const waiting = [...CHECKS];
  const worker = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const started = Date.now();
      const file = join(repository, 'node_modules', '.bin', check.program);
      const { code, output } = await runTool(
        process.platform === 'win32' ? `${file}.cmd` : file,
        check.args,
        repository,
      );
      log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${check.name} (${check.program}, ${since(started)})`);
      if (code !== 0) log(output.trimEnd());
      count[code === 0 ? 'passed' : 'failed'] += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return count;
}
