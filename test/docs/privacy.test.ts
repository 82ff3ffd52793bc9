import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');

/** A test file that the page names, and the tests in parentheses behind it. */
const PROOF = /`([\w./-]+\.test\.ts)`(?:\s\('([^)]+)'\))?/g;

test('every test that the page on privacy names as a proof exists', () => {
  const page = read('docs/privacy.md').replaceAll(/,\n/g, ', ');
  const proofs = [...page.matchAll(PROOF)].map(([, file = '', names]) => ({ file, names }));
  expect(proofs.length).toBeGreaterThan(10);
  expect(proofs.filter(({ file }) => !existsSync(path.join(ROOT, file)))).toEqual([]);
  const missing = proofs.flatMap(({ file, names }) =>
    (names?.split("', '") ?? []).filter((name) => !read(file).includes(name)).map((name) => ({ file, name })),
  );
  expect(missing).toEqual([]);
});
