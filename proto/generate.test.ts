import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { buf, generate } from './generate.ts';

test('the committed code is what the contracts generate', () => {
  const folder = mkdtempSync(join(tmpdir(), 'persona-proto-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  generate(folder);

  const fresh = contents(join(folder, 'gen'));
  const committed = contents(join(import.meta.dirname, 'gen'));
  expect(Object.keys(fresh).length).toBeGreaterThan(10);
  expect(Object.keys(committed)).toEqual(Object.keys(fresh));
  for (const [file, bytes] of Object.entries(fresh)) {
    expect(committed[file]?.equals(bytes), `${file} is not up to date: run "npm run generate"`).toBe(true);
  }
});

test('the contracts follow the style rules', () => {
  buf('lint');
});

function contents(folder: string): Record<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    files
      .filter((file) => statSync(join(folder, file)).isFile())
      .map((file) => [file, readFileSync(join(folder, file))]),
  );
}
