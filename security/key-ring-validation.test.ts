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
  ['the first process', ['new'], []],
  ['a process with the same keys as the others', ['old'], [known('old', true)]],
  ['a process with a new key in second place', ['old', 'new'], [known('old', true)]],
  [
    'a process without a new key that is not used for writing yet',
    ['old'],
    [known('old', true), known('new', false)],
  ],
  [
    'a process with the new key in first place after all have read with it',
    ['new', 'old'],
    [known('old', true), known('new', false)],
  ],
  [
    'a process with the old key first while others write with the new one',
    ['old', 'new'],
    [known('old', true), known('new', true)],
  ],
  [
    'a process whose key is known only from written data',
    ['old'],
    [{ id: 'old', check: null, writes: true }],
  ],
])('%s may start', (_, ids, others) => {
  expect(ringProblems('PERSONA_KEYS', ring(...ids), others)).toEqual([]);
});

test.each<[string, ReturnType<typeof ring>, KnownKey[], string]>([
  [
    'a process that lacks the key others write with',
    ring('old'),
    [known('old', true), known('new', true)],
    'lacks the key new',
  ],
  [
    'a process that has dropped a key others have written with',
    ring('new'),
    [known('old', true), known('new', true)],
    'lacks the key old',
  ],
  [
    'a process that writes with a key no other process has',
    ring('new', 'old'),
    [known('old', true)],
    'in second place',
  ],
  [
    'a process with a different key under a known id',
    createKeyRing([key('old', 2)]),
    [known('old', true)],
    'differs from the key that other processes know',
  ],
])('%s may not start', (_, given, others, problem) => {
  expect(ringProblems('PERSONA_BLIND_KEYS', given, others)).toEqual([
    expect.stringMatching(`^PERSONA_BLIND_KEYS.*${problem}`),
  ]);
});
