import { cpSync, globSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { checkStructure } from '../../dev/test/structure.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const folders: string[] = [];
// Each check reads the whole repository.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

/** Files that must not be there, each with what the check has to say of it. */
const PLANTED: readonly [file: string, content: string, problem: RegExp][] = [
  ['workflows/p1.ts', "import 'neo4j-driver';", /^workflows-reach-nothing-but-domain: .*neo4j-driver/],
  [
    'workflows/p2.ts',
    "import { z } from 'zod';\nexport const s = z.string();",
    /^workflows-reach-nothing-but-domain: .*zod/,
  ],
  ['workflows/p3.ts', "import '../dev/lock.mjs';", /^workflows-reach-nothing-but-domain: .*lock\.mjs → fs/],
  ['domain/far.ts', "export { readFileSync } from 'node:fs';", /^domain-is-pure: .*fs/],
  ['domain/near.ts', "export { readFileSync } from './far.ts';", /near\.ts/],
  [
    'workflows/p4.ts',
    "export * from '../domain/near.ts';",
    /^workflows-reach-nothing-but-domain: .*near\.ts → domain\/far\.ts → fs/,
  ],
  ['domain/p5.ts', "import '../dev/lock.mjs';", /^domain-imports-only-itself/],
  ['platform/p6.ts', "import '../dev/lock.mjs';", /^platform-imports-only-domain/],
  [
    'activities/p7.ts',
    "import '../workflows/recover-payment.ts';",
    /^activities-know-workflows-by-type-only/,
  ],
  ['domain/p8.ts', "import './money.test.ts';", /^only-tests-import-tests/],
  ['domain/p9.ts', "import './nowhere.ts';", /^resolvable/],
  ['graph/p10.ts', "import './p11.ts';", /^no-circles/],
  ['graph/p11.ts', "import './p10.ts';", /^no-circles/],
];
let problems: string[];

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'persona-structure-'));
  folders.push(folder);
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'), 'junction');
  return folder;
}

beforeAll(async () => {
  const copy = temporaryFolder();
  const exclude = ['node_modules', '.persona', 'coverage'];
  const files = globSync('{*/**/*,*}.{ts,tsx,mjs,json}', { cwd: repository, exclude });
  for (const file of [...files, '.dependency-cruiser.mjs']) cpSync(join(repository, file), join(copy, file));
  for (const [file, content] of PLANTED) writeFileSync(join(copy, file), content);
  problems = (await checkStructure(copy)).problems;
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

test('the check sees every file of the repository', async () => {
  const check = await checkStructure(repository);
  expect(check.problems.filter((problem) => problem.startsWith('not seen'))).toEqual([]);
  expect(check.files).toBeGreaterThan(100);
});

test.each(PLANTED)('%s, with %j, is found', (file, _content, problem) => {
  expect(problems.filter((line) => line.includes(file))).toContainEqual(expect.stringMatching(problem));
});

test('a check that sees no files does not pass', async () => {
  const blind = temporaryFolder();
  writeFileSync(join(blind, 'file.ts'), 'export {};');
  cpSync(join(repository, 'tsconfig.json'), join(blind, 'tsconfig.json'));
  const config = 'export default { options: { exclude: "file", doNotFollow: "node_modules" } };';
  writeFileSync(join(blind, '.dependency-cruiser.mjs'), config);
  expect((await checkStructure(blind)).problems).toEqual(['not seen by dependency-cruiser: file.ts']);
});
