import { globSync } from 'node:fs';
import { join, sep } from 'node:path';
import { execa } from 'execa';

/** The part of dependency-cruiser's JSON report that is used. */
interface CruiseReport {
  modules: { source: string }[];
  summary: { violations: { rule: { name: string }; from: string; to: string; via?: { name: string }[] }[] };
}

/** Finds the imports that `.dependency-cruiser.mjs` forbids. @returns one line each, and the number of files read */
export async function checkStructure(folder: string): Promise<{ files: number; problems: string[] }> {
  const program = join(folder, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs');
  const args = [program, '--config', '.dependency-cruiser.mjs', '--output-type', 'json', '.'];
  const { all: output } = await execa(process.execPath, args, { cwd: folder, all: true, reject: false });
  if (!output.startsWith('{')) return { files: 0, problems: [`dependency-cruiser failed:\n${output}`] };
  const { modules, summary }: CruiseReport = JSON.parse(output);
  const violations = summary.violations.map(
    ({ rule, from, to, via }) =>
      `${rule.name}: ${[from, ...(via?.map(({ name }) => name) ?? [to])].join(' → ')}`,
  );
  return { files: modules.length, problems: [...violations, ...unscannedFiles(folder, modules)] };
}

/** Files that dependency-cruiser did not read: with an unsupported TypeScript it reads none and reports no problem. */
function unscannedFiles(folder: string, modules: CruiseReport['modules']): string[] {
  const seen = new Set(modules.map(({ source }) => source));
  const files = globSync('**/*.{ts,tsx}', { cwd: folder, exclude: ['node_modules', '.persona', 'coverage'] });
  return files
    .map((file) => file.replaceAll(sep, '/'))
    .filter((file) => !seen.has(file))
    .map((file) => `not read by dependency-cruiser: ${file}`);
}
