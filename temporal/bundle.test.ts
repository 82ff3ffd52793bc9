import { appendFile, cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { WorkflowName } from '../domain/workflow-contracts.ts';
import * as barrel from '../workflows/index.ts';
import { buildBundle, workflowBundle } from './bundle.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const BUNDLING_MS = 60_000;

test('exports exactly the workflows that clients may name', () => {
  expect(Object.keys(barrel).sort()).toEqual(Object.values(WorkflowName).sort());
});

test('contains no package other than Temporal’s and its dependencies', { timeout: BUNDLING_MS }, async () => {
  const code = await readFile((await workflowBundle()).codePath, 'utf8');
  const modules = code.matchAll(/"\.\/node_modules\/((?:@[^/"]+\/)?[^/"]+)/g);
  const packages = new Set([...modules].map(([, name]) => name));
  // A schema library such as zod at module level would be initialised again for every cached workflow.
  expect([...packages].sort()).toEqual([
    '@temporalio/common',
    '@temporalio/workflow',
    'long',
    'ms',
    'nexus-rpc',
  ]);
});

test('the shared modules cover every domain module that workflows import', {
  timeout: BUNDLING_MS,
}, async () => {
  const copy = await copyOfWorkflows();
  await writeFile(path.join(copy, 'workflows', 'index.ts'), 'export async function none() {}\n');
  const domainIn = (code: string) =>
    new Set([...code.matchAll(/"[^"]*\/(domain\/[^"]+\.ts)"/g)].map(([, name]) => name));
  // With no workflow exported, the bundle contains only what the shared modules import.
  const shared = domainIn(await buildBundle(copy));
  const all = domainIn(await readFile((await workflowBundle()).codePath, 'utf8'));
  expect([...shared].sort()).toEqual([...all].sort());
});

test('is built once, and rebuilt only when a source changes', { timeout: BUNDLING_MS }, async () => {
  const root = await copyOfWorkflows();
  await expect(workflowBundle({ root, prebuiltOnly: true })).rejects.toThrow(/is missing.*build-bundle\.ts/);

  const built = await workflowBundle({ root });
  expect(await readFile(built.codePath, 'utf8')).toContain('onboardCustomer');
  expect(await workflowBundle({ root, prebuiltOnly: true })).toEqual(built);

  await appendFile(path.join(root, 'domain', 'policy.ts'), '\n// changed\n');
  await expect(workflowBundle({ root, prebuiltOnly: true })).rejects.toThrow(/is missing/);
});

test.each([
  ["import { readFileSync } from 'node:fs';", 'readFileSync', 'node:fs'],
  ["import { request } from 'http';", 'request', "'http'"],
  ["import { Client } from '@temporalio/client';", 'Client', "'@temporalio/client'"],
])(
  'refuses a workflow that imports a forbidden module: %s',
  { timeout: BUNDLING_MS },
  async (statement, name, module) => {
    const copy = await copyOfWorkflows();
    // Imported indirectly, which is how it usually happens.
    await writeFile(
      path.join(copy, 'domain', 'planted.ts'),
      `${statement}\nexport const planted = ${name};\n`,
    );
    await writeFile(
      path.join(copy, 'workflows', 'index.ts'),
      "import { planted } from '../domain/planted.ts';\nexport async function bad() {\n  return typeof planted;\n}\n",
    );
    await expect(buildBundle(copy)).rejects.toThrow(module);
  },
);

async function copyOfWorkflows(): Promise<string> {
  const copy = await mkdtemp(path.join(tmpdir(), 'workflows-'));
  onTestFinished(() => rm(copy, { recursive: true }));
  for (const folder of ['workflows', 'domain']) {
    await cp(path.join(ROOT, folder), path.join(copy, folder), { recursive: true });
  }
  await cp(path.join(ROOT, 'package.json'), path.join(copy, 'package.json'));
  await symlink(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  return copy;
}
