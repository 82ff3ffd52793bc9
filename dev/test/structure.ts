import { globSync } from 'node:fs';
import { join, sep } from 'node:path';
import { runTool } from '../stack/tools.ts';

/** The part of dependency-cruiser's JSON report that counts. */
interface CruiseReport {
  modules: { source: string }[];
  summary: { violations: { rule: { name: string }; from: string; to: string; via?: { name: string }[] }[] };
}

/** What the folder's code imports although `.dependency-cruiser.mjs` forbids it, one line each, and how many files were read. */
export async function checkStructure(folder: string): Promise<{ files: number; problems: string[] }> {
  const program = join(folder, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs');
  const args = [program, '--config', '.dependency-cruiser.mjs', '--output-type', 'json', '.'];
  const { output } = await runTool(process.execPath, args, { cwd: folder });
  if (!output.startsWith('{')) return { files: 0, problems: [`dependency-cruiser failed:\n${output}`] };
  const { modules, summary }: CruiseReport = JSON.parse(output);
  const violations = summary.violations.map(
    ({ rule, from, to, via }) =>
      `${rule.name}: ${[from, ...(via?.map(({ name }) => name) ?? [to])].join(' → ')}`,
  );
  return { files: modules.length, problems: [...violations, ...unscannedFiles(folder, modules)] };
}

/** With a TypeScript that it does not understand dependency-cruiser sees nothing, and finds nothing wrong with it. */
function unscannedFiles(folder: string, modules: CruiseReport['modules']): string[] {
  const seen = new Set(modules.map(({ source }) => source));
  const files = globSync('**/*.{ts,tsx}', { cwd: folder, exclude: ['node_modules', '.persona', 'coverage'] });
  return files
    .map((file) => file.replaceAll(sep, '/'))
    .filter((file) => !seen.has(file))
    .map((file) => `not seen by dependency-cruiser: ${file}`);
}
