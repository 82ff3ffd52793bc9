import { cpSync, globSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { checkStructure } from '../../dev/test/structure.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
let copy: string;
// Each check reads the whole repository.
vi.setConfig({ testTimeout: 30_000 });

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'persona-structure-'));
  const files = globSync('{*/**/*,*}.{ts,tsx,mjs,json}', {
    cwd: repository,
    exclude: ['node_modules', '.persona', 'coverage'],
  });
  for (const file of [...files, '.dependency-cruiser.mjs']) cpSync(join(repository, file), join(copy, file));
  symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'), 'junction');
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** What the check finds wrong with the repository once this file is in it. */
async function problemsWith(file: string, content: string): Promise<string[]> {
  const path = join(copy, file);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  try {
    return (await checkStructure(copy)).problems.filter((problem) => problem.includes(file));
  } finally {
    rmSync(path);
  }
}

test('the check sees every file of the repository', async () => {
  const { files, problems } = await checkStructure(repository);
  expect(problems.filter((problem) => problem.startsWith('not seen'))).toEqual([]);
  expect(files).toBeGreaterThan(100);
});

test.each([
  ['workflows/planted.ts', "import 'neo4j-driver';", /workflows-reach-nothing-but-domain: .*neo4j-driver/],
  [
    'workflows/planted.ts',
    "import { z } from 'zod';\nexport const schema = z.string();",
    /workflows-reach-nothing-but-domain: .*zod/,
  ],
  [
    'workflows/planted.ts',
    "import '../dev/lock.mjs';",
    /workflows-reach-nothing-but-domain: .*lock\.mjs → fs/,
  ],
  [
    'domain/planted.ts',
    "import { readFileSync } from 'node:fs';\nexport { readFileSync };",
    /domain-is-pure: .*fs/,
  ],
  ['domain/planted.ts', "import '../dev/lock.mjs';", /domain-imports-only-itself/],
  ['platform/planted.ts', "import '../dev/lock.mjs';", /platform-imports-only-domain/],
  [
    'activities/planted.ts',
    "import '../workflows/recover-payment.ts';",
    /activities-know-workflows-by-type-only/,
  ],
  ['domain/planted.ts', "import './money.test.ts';", /only-tests-import-tests/],
  ['domain/planted.ts', "import './nowhere.ts';", /resolvable/],
])('%s with %j is found', async (file, content, problem) => {
  expect(await problemsWith(file, content)).toContainEqual(expect.stringMatching(problem));
});

test('a forbidden import three files away is found', async () => {
  writeFileSync(join(copy, 'domain', 'far.ts'), "export { readFileSync } from 'node:fs';");
  writeFileSync(join(copy, 'domain', 'near.ts'), "export { readFileSync } from './far.ts';");
  const problems = await problemsWith(
    'workflows/planted.ts',
    "export { readFileSync } from '../domain/near.ts';",
  );
  rmSync(join(copy, 'domain', 'far.ts'));
  rmSync(join(copy, 'domain', 'near.ts'));
  expect(problems).toContainEqual(expect.stringMatching(/domain\/near\.ts → domain\/far\.ts → fs/));
});

test('a check that sees no files does not pass', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'persona-structure-'));
  writeFileSync(join(empty, 'file.ts'), 'export {};');
  cpSync(join(repository, 'tsconfig.json'), join(empty, 'tsconfig.json'));
  writeFileSync(
    join(empty, '.dependency-cruiser.mjs'),
    'export default { options: { exclude: "file", doNotFollow: "node_modules" } };',
  );
  symlinkSync(join(repository, 'node_modules'), join(empty, 'node_modules'), 'junction');
  const { problems } = await checkStructure(empty);
  rmSync(empty, { recursive: true, force: true });
  expect(problems).toEqual(['not seen by dependency-cruiser: file.ts']);
});
