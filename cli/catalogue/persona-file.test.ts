import { readFileSync } from 'node:fs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { PERSONA_TYPES } from '../../domain/catalogue/persona.ts';
import { readPolicy } from '../../platform/policy.ts';
import { parsePersonas, readPersonaFiles } from './persona-file.ts';

const policy = readPolicy();
const problemsOf = (text: string) => parsePersonas('f.yaml', text, policy).problems;
const VALID = 'display_name: A\n  role: B\n  system_prompt: C\n';

test('one persona, a list, and a list in `personas`, in YAML and in JSON', () => {
  const persona = { name: 'a', display_name: 'A', role: 'B', system_prompt: 'C' };
  for (const document of [persona, [persona], { personas: [persona] }])
    expect(parsePersonas('f.json', JSON.stringify(document, null, 2), policy)).toMatchObject({
      personas: [{ name: 'a', content: { persona_type: 'standard' } }],
      problems: [],
    });
});

test('every problem of a file has its line', () => {
  const text = `- name: Wrong Name\n  ${VALID}- name: b\n  display_name: B\n  role: |\n    two\n    lines\n  expertise:\n    - ok\n    - 7\n  contxt: D\n  version: 3\n`;
  expect(problemsOf(text)).toEqual([
    'f.yaml:1: name: must consist of a–z, 0–9 and "-"',
    'f.yaml:14: version: is read-only: Persona sets it',
    'f.yaml:7: role: must be a single line of text',
    'f.yaml:5: system_prompt: is required',
    'f.yaml:12: expertise[1]: must be a string',
    'f.yaml:13: contxt: is not a field of a persona',
  ]);
});

test.each([
  ['broken YAML', 'name: [a\nrole: b', 'f.yaml:2:'],
  ['a cycle', '&a\nname: a\nexpertise: [*a]', 'f.yaml:3: an alias (*name) is not allowed'],
  ['a bomb', `a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]`, 'f.yaml:2: an alias'],
  ['the same key twice', 'name: a\nname: b', 'f.yaml:2: Map keys must be unique'],
  [
    'a prompt of 10 MB',
    `- name: a\n  ${VALID}  context: ${'x'.repeat(10_000_000)}`,
    'f.yaml:5: context: must',
  ],
  ['an unknown type', `- name: a\n  ${VALID}  persona_type: odd`, 'f.yaml:5: persona_type: must be one of'],
  [
    'a state that is none',
    `- name: a\n  ${VALID}  is_active: no`,
    'f.yaml:5: is_active: must be true or false',
  ],
  ['a number for a name', `- name: 7\n  ${VALID}`, 'f.yaml:1: name: must be a string'],
  ['a name in other letters', `- name: pаyments\n  ${VALID}`, 'f.yaml:1: name: must consist of'],
  ['two documents', `name: a\n---\nname: b`, 'multiple documents'],
  [
    'what would be code elsewhere',
    `- name: a\n  ${VALID}  __proto__: {is_active: false}`,
    '__proto__: is not a field',
  ],
  ['nothing', '', 'f.yaml: has no persona'],
  ['a number', '7', 'f.yaml:1: a persona: must be an object'],
  ['endless nesting', '['.repeat(100_000), 'f.yaml'],
])('%s is refused', (_, text, problem) => {
  expect(problemsOf(text)[0]).toContain(problem);
});

test('whatever the depth, nesting is refused', () => {
  for (const depth of [40, 300, 600, 900, 1_200, 2_000, 5_000])
    expect(problemsOf(`name: ${'['.repeat(depth)}${']'.repeat(depth)}`)[0]).toMatch(/nested/);
});

test('a name in two files of a folder is refused, with both places', () => {
  const folder = mkdtempSync(join(tmpdir(), 'persona-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const file of ['a.yaml', 'b.yml', 'c.txt']) writeFileSync(join(folder, file), `- name: a\n  ${VALID}`);
  expect(readPersonaFiles(folder, policy).problems).toEqual([
    `${folder}/b.yml:1: name: a is also at ${folder}/a.yaml:1`,
  ]);
});

test('a file that is not UTF-8 is refused, instead of losing what is not', () => {
  const folder = mkdtempSync(join(tmpdir(), 'persona-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'latin.yaml');
  writeFileSync(file, Buffer.from(`- name: a\n  ${VALID}  context: für\n`, 'latin1'));
  expect(readPersonaFiles(file, policy)).toEqual({ personas: [], problems: [`${file}: is not UTF-8`] });
});

test('whether a persona is active is read where a file says it', () => {
  const text = `- name: a\n  ${VALID}  is_active: false\n- name: b\n  ${VALID}`;
  const { personas } = parsePersonas('f.yaml', text, policy);
  expect(personas.map(({ is_active }) => is_active)).toEqual([false, undefined]);
});

test("the demo's personas are valid, and distributed as those of the first gateway", () => {
  const { personas, problems } = readPersonaFiles('dev/demo/personas', policy);
  expect(problems).toEqual([]);
  const count = (type: string) => personas.filter(({ content }) => content.persona_type === type).length;
  expect(PERSONA_TYPES.map(count)).toEqual([22, 8, 3, 2]);
  expect(readFileSync('dev/demo/personas/standard.yaml', 'utf8')).toContain('name: cerebrum');
});
