import { expect, test } from 'vitest';
import { createKeyRing, keyCheckValue } from './key-ring.ts';
import { type KnownKey, ringProblems } from './key-ring-validation.ts';

const key = (id: string, byte = 1) => ({ id, key: Buffer.alloc(32, byte) });
const ring = (...ids: string[]) => createKeyRing(ids.map((id) => key(id)));
const known = (id: string, writes: boolean): KnownKey => ({
  id,
  writes,
  check: keyCheckValue(createKeyRing([key(id)]).first),
});

test.each<[string, string[], KnownKey[]]>([
  ['the first process of all', ['new'], []],
  ['a process like the others', ['old'], [known('old', true)]],
  ['one that brings a new key in second place', ['old', 'new'], [known('old', true)]],
  ['one without a new key with which none writes yet', ['old'], [known('old', true), known('new', false)]],
  ['one that puts the new key first', ['new', 'old'], [known('old', true), known('new', false)]],
  [
    'one of before while others write with the new key',
    ['old', 'new'],
    [known('old', true), known('new', true)],
  ],
  ['one whose key is known from what it wrote alone', ['old'], [{ id: 'old', check: null, writes: true }]],
])('%s may start', (_, ids, others) => {
  expect(ringProblems('PERSONA_KEYS', ring(...ids), others)).toEqual([]);
});

test.each<[string, ReturnType<typeof ring>, KnownKey[], string]>([
  [
    'one that lacks what others write with',
    ring('old'),
    [known('old', true), known('new', true)],
    'lacks the key new',
  ],
  [
    'one that has dropped what others wrote with',
    ring('new'),
    [known('old', true), known('new', true)],
    'lacks the key old',
  ],
  [
    'one that writes with what no other can read',
    ring('new', 'old'),
    [known('old', true)],
    'in second place',
  ],
  [
    'one whose key of that id is another',
    createKeyRing([key('old', 2)]),
    [known('old', true)],
    'is not the one that other processes know',
  ],
])('%s may not', (_, given, others, problem) => {
  expect(ringProblems('PERSONA_BLIND_KEYS', given, others)).toEqual([
    expect.stringMatching(`^PERSONA_BLIND_KEYS.*${problem}`),
  ]);
});
