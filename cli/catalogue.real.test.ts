/** `persona catalogue` against a real API process. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type ApiProcess, startApiProcess } from '../test/api-fixture.ts';
import { runCli } from './program.ts';

let api: ApiProcess;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'persona-catalogue-'));
  api = await startApiProcess({});
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await api.stop();
});

async function catalogue(...args: string[]) {
  const { hostname, port } = new URL(api.http);
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runCli(['catalogue', ...args], {
    env: {
      ...process.env,
      HTTP_HOST: hostname,
      HTTP_PORT: port,
      PERSONA_RUN_FILE: join(folder, 'none.json'),
    },
    stdin: Readable.from([]),
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

test('a file is imported once, changed, compared and rolled back; nothing of a file with a problem is imported', async () => {
  const [first, second] = [`cli-${randomUUID()}`, `cli-${randomUUID()}`];
  const file = join(folder, 'personas.yaml');
  const persona = (name: string, system_prompt = 'One.') => ({
    ...{ name, display_name: 'A', role: 'B', system_prompt, expertise: ['cli'] },
  });
  const write = (...personas: object[]) => writeFileSync(file, stringify(personas));
  write(persona(first), persona(second));
  expect(await catalogue('import', file, '--dry-run')).toMatchObject({
    code: 0,
    out: expect.stringContaining('2 added, 0 changed, 0 unchanged: nothing was written'),
  });
  expect((await catalogue('show', first)).code).toBe(1);
  expect(await catalogue('import', file)).toMatchObject({ code: 0, out: expect.stringContaining('2 added') });
  expect((await catalogue('import', file)).out).toBe('0 added, 0 changed, 2 unchanged');

  write(persona(first, 'Two.'), { ...persona(second), role: '' }, persona(first));
  const refused = await catalogue('import', file);
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('Nothing is imported: 2 problems') });
  expect(refused.err).toMatch(/personas\.yaml:\d+: role: is required/);
  expect(refused.err).toMatch(/personas\.yaml:\d+: name: .* is also at .*personas\.yaml:1/);

  write(persona(first, 'Two.'));
  expect((await catalogue('import', file, '--reason', 'clearer')).out).toContain(
    `changed ${first}: system_prompt`,
  );
  expect((await catalogue('diff', first, '--from', '1')).out).toBe('system_prompt\n- One.\n+ Two.');
  expect((await catalogue('activate', first, '--of', '1')).out).toBe(`${first} is active, in version 3.`);
  expect((await catalogue('show', first, '--of', '2')).out).toContain('Two.');
  expect((await catalogue('list')).out).toContain(first);
  const { personas, items, total, ...rest } = JSON.parse((await catalogue('list', '--json')).out);
  expect([personas.length, items.map(({ name }: { name: string }) => name)]).toEqual([total, personas]);
  expect(Object.keys(rest)).toEqual(['cache_loaded_at', 'database_backed']);
  expect((await catalogue()).out).toContain(first);
  const exported = join(folder, 'all.yaml');
  expect((await catalogue('export', exported)).code).toBe(0);
  expect(readFileSync(exported, 'utf8')).toContain(second);
  expect((await catalogue('import', exported)).out).toMatch(/^0 added, 0 changed/);
  expect((await catalogue('import', join(folder, 'missing.yaml'))).code).toBe(2);
});

test('what is not active is exported and imported as such; a file that does not say it changes nothing of it', async () => {
  const name = `cli-${randomUUID()}`;
  const file = join(folder, 'state.yaml');
  const write = (change: object = {}) =>
    writeFileSync(file, stringify({ name, display_name: 'A', role: 'B', system_prompt: 'One.', ...change }));
  const stateOf = async () => {
    const { version, is_active } = JSON.parse((await catalogue('show', name, '--json')).out);
    return [version, is_active];
  };
  write({ is_active: false });
  expect((await catalogue('import', file, '--dry-run')).out).toContain(`added ${name}, which is not active`);
  expect((await catalogue('import', file)).out).toContain(`added ${name}, which is not active`);
  expect(await stateOf()).toEqual([2, false]);
  const exported = join(folder, 'states.json');
  await catalogue('export', exported);
  const { personas } = JSON.parse(readFileSync(exported, 'utf8'));
  expect(personas).toContainEqual(expect.objectContaining({ name, is_active: false }));
  expect((await catalogue('import', file)).out).toBe('0 added, 0 changed, 1 unchanged');

  write({ system_prompt: 'Two.' });
  expect((await catalogue('import', file)).out).toContain(`changed ${name}: system_prompt\n`);
  expect(await stateOf()).toEqual([3, false]);
  write({ system_prompt: 'Two.', is_active: true });
  expect((await catalogue('import', file, '--dry-run')).out).toContain(`changed ${name}: is_active (true)\n`);
  expect(await stateOf()).toEqual([3, false]);
  await catalogue('import', file, '--reason', 'on again');
  expect(await stateOf()).toEqual([4, true]);
  write({ system_prompt: 'Three.', is_active: false });
  expect((await catalogue('import', file)).out).toContain(
    `changed ${name}: system_prompt, is_active (false)\n`,
  );
  expect(await stateOf()).toEqual([6, false]);
  expect((await catalogue('import', file)).out).toBe('0 added, 0 changed, 1 unchanged');
  await catalogue('activate', name);
  expect((await catalogue('deactivate', name, '--reason', 'wrong answers')).out).toBe(
    `${name} is not active, in version 8.`,
  );
  // A version that is none must not become an activation without one.
  expect((await catalogue('activate', name, '--of', 'v4')).code).toBe(2);
  expect(await stateOf()).toEqual([8, false]);
});
