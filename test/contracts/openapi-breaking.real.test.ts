/** The OpenAPI document against the specification, and against that of the last release. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { currentOpenApi, RELEASED_OPENAPI } from './released.ts';

let folder: string;
let current: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'persona-openapi-'));
  current = join(folder, 'openapi.json');
  writeFileSync(current, await currentOpenApi());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** @returns its report; empty if it has no findings */
async function oasdiff(...args: string[]): Promise<string> {
  const program = process.env.PERSONA_OASDIFF_BIN;
  if (!program)
    throw new Error(
      'PERSONA_OASDIFF_BIN is not set: npm test sets it if Go is installed, which builds oasdiff',
    );
  const { exitCode, stdout, stderr } = await execa(program, args, { reject: false });
  if (exitCode !== 0 && exitCode !== 1) throw new Error(`oasdiff failed with ${exitCode}: ${stderr}`);
  return exitCode === 0 ? '' : stdout;
}

/** A warning may break callers, too. */
function compareWithRelease(file: string): Promise<string> {
  return oasdiff('breaking', RELEASED_OPENAPI, file, '--fail-on', 'WARN');
}

/** Writes the released document with one edit. @returns the file */
function editedRelease(from: string, to: string): string {
  const text = readFileSync(RELEASED_OPENAPI, 'utf8');
  const edited = text.replace(from, to);
  expect(edited).not.toBe(text);
  const file = join(folder, 'edited.json');
  writeFileSync(file, edited);
  return file;
}

test('the document is valid', async () => {
  expect(await oasdiff('validate', current, '--fail-on', 'WARN')).toBe('');
});

test('the document breaks nothing of the last release', async () => {
  expect(await compareWithRelease(current)).toBe('');
});

test('a reference without a target is reported', async () => {
  const file = editedRelease('"#/components/schemas/Problem"', '"#/components/schemas/Nothing"');
  await expect(oasdiff('validate', file, '--fail-on', 'WARN')).rejects.toThrow(/Nothing/);
});

test('a removed route is reported', async () => {
  expect(await compareWithRelease(editedRelease('"/healthz"', '"/alive"'))).toContain('GET /healthz');
});
