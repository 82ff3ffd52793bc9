import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Hono } from 'hono';
import { expect, onTestFinished, test } from 'vitest';
import { listen } from '../../dev/simulators/listen.ts';
import { runCli } from '../program.ts';

test('an import that the server stops half-way says what it has written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'persona-import-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const problem = (status: 404 | 412, type: string) => ({
    ...{ type: `urn:persona:error:${type}`, title: type, status, detail: `${type} of the server` },
  });
  const written: string[] = [];
  const app = new Hono()
    .get('/personas/:name', (c) => c.json(problem(404, 'persona_not_found'), 404))
    .put('/personas/:name', (c) => {
      if (c.req.param('name') === 'second') return c.json(problem(412, 'stale_version'), 412);
      written.push(c.req.param('name'));
      return c.json({ version: 1, is_active: true }, 201);
    });
  const api = await listen(app.fetch, 0);
  onTestFinished(() => api.close());
  const file = join(folder, 'personas.json');
  const content = { display_name: 'A', role: 'B', system_prompt: 'C' };
  writeFileSync(file, JSON.stringify(['first', 'second', 'third'].map((name) => ({ name, ...content }))));
  const err: string[] = [];
  const { hostname, port } = new URL(api.url);
  const code = await runCli(['catalogue', 'import', file], {
    env: {
      HTTP_HOST: hostname,
      HTTP_PORT: port,
      PERSONA_INSECURE: '1',
      PERSONA_RUN_FILE: join(folder, 'none'),
    },
    stdin: Readable.from([]),
    out: () => {},
    err: (line) => err.push(line),
  });
  expect([code, written]).toEqual([1, ['first']]);
  expect(err.join('\n')).toMatch(
    /stale_version of the server\n.*second was being imported.*before: first\.$/m,
  );
});
