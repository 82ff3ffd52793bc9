import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkStructure } from '../../dev/test/structure.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const folders: string[] = [];
/** Forbidden files, each with the problem that the check must report. */
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

/** The planted files' imports, and the check's configuration. `npm test` checks the repository itself as well. */
const COPIED = ['.dependency-cruiser.mjs', 'tsconfig.json', 'package.json', 'dev/lock.mjs'];
const IMPORTED = ['workflows/recover-payment.ts', 'domain/money.test.ts'];

beforeAll(async () => {
  const folder = temporaryFolder();
  const write = (file: string, content: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), content);
  };
  for (const file of COPIED) cpSync(join(repository, file), join(folder, file));
  for (const file of IMPORTED) write(file, 'export {};');
  for (const [file, content] of PLANTED) write(file, content);
  problems = (await checkStructure(folder)).problems;
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

test('permitted imports are not reported', () => {
  const planted = PLANTED.map(([file]) => file);
  expect(problems.filter((problem) => !planted.some((file) => problem.includes(file)))).toEqual([]);
});

test.each(PLANTED)('%s, with %j, is reported', (file, _content, problem) => {
  expect(problems.filter((line) => line.includes(file))).toContainEqual(expect.stringMatching(problem));
});

test('a check without any files fails', async () => {
  const blind = temporaryFolder();
  writeFileSync(join(blind, 'file.ts'), 'export {};');
  cpSync(join(repository, 'tsconfig.json'), join(blind, 'tsconfig.json'));
  const config = 'export default { options: { exclude: "file", doNotFollow: "node_modules" } };';
  writeFileSync(join(blind, '.dependency-cruiser.mjs'), config);
  expect((await checkStructure(blind)).problems).toEqual(['not read by dependency-cruiser: file.ts']);
});
