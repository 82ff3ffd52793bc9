/** The proto files against those of the last release: a caller with older generated code must still be understood. */

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { buf } from '../../proto/generate.ts';
import { RELEASED_PROTO } from './released.ts';

const PROTO = join(import.meta.dirname, '..', '..', 'proto');

/** @throws ExecaError whose message names each breaking change */
function compareWithRelease(folder: string): void {
  buf('breaking', folder, '--against', RELEASED_PROTO);
}

test('the proto files break nothing of the last release', () => {
  compareWithRelease(PROTO);
});

test('a renumbered field is reported', () => {
  const copy = mkdtempSync(join(tmpdir(), 'persona-breaking-'));
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  cpSync(PROTO, copy, { recursive: true, filter: (file) => !/\.ts$|\/gen$/.test(file) });
  const file = join(copy, 'persona', 'v1', 'types.proto');
  const text = readFileSync(file, 'utf8');
  const edited = text.replace(/(string customer_id = )1;/, '$199;');
  expect(edited).not.toBe(text);
  writeFileSync(file, edited);
  expect(() => compareWithRelease(copy)).toThrow(/field "1".*customer_id/);
});
