import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkVocabulary } from './vocabulary.ts';

function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'persona-vocabulary-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['a', 'node_modules']) mkdirSync(join(folder, name));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  return folder;
}

test('a declared name or a file name with a replaced word is reported with its place and the word to use', () => {
  const folder = folderOf({
    'a/told-customers.ts':
      'export const NEVER_TOLD = 1;\nexport function f({ isHeard }: { isHeard: boolean }) {}',
    'node_modules/wish.ts': 'export const wish = 1;',
  });
  const { files, problems } = checkVocabulary(folder);
  expect(files).toBe(1);
  expect(problems).toEqual([
    expect.stringMatching(/^a\/told-customers\.ts: told-customers\.ts: use 'notified', not 'told'/),
    expect.stringMatching(/^a\/told-customers\.ts:1: NEVER_TOLD: /),
    expect.stringMatching(/^a\/told-customers\.ts:2: isHeard: /),
    expect.stringMatching(/^a\/told-customers\.ts:2: isHeard: /),
  ]);
});

test('prose, values and keys of object literals are not checked', () => {
  const text = "// nobody was told\nexport const answer = { told: 'news', fact: 'heard' };\nanswer.told;";
  expect(checkVocabulary(folderOf({ 'a/ok.ts': text })).problems).toEqual([]);
});
