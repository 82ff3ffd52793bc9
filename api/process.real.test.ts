/** The API as a program: how it starts, refuses to, and ends. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiUnderTest, openApiUnderTest, spawnApi } from '../test/api.ts';
import { rest } from './testing.ts';

let under: ApiUnderTest;
beforeAll(async () => {
  under = await openApiUnderTest();
});
afterAll(() => under.close());

test('says that it is ready, counts what it did, and ends at once and well when told to', async () => {
  const api = await under.startApi();
  expect((await rest(api, '/readyz')).body).toEqual({
    status: 'ready',
    dependencies: { neo4j: 'up', temporal: 'up' },
  });
  const metrics = await (await fetch(api.metrics)).text();
  expect(metrics).toMatch(/persona_request_duration_seconds_count\{[^}]*operation="GET \/readyz"[^}]*\} 1/);
  expect(await api.stop()).toBe(0);
});

test.each([
  ['without PERSONA_INSECURE', {}, 78, 'PERSONA_INSECURE: must be 1'],
  [
    'in production',
    { PERSONA_INSECURE: '1', NODE_ENV: 'production' },
    78,
    'refused with NODE_ENV=production',
  ],
  [
    'on an address that others reach',
    { PERSONA_INSECURE: '1', HTTP_HOST: '0.0.0.0' },
    78,
    'HTTP_HOST: must be a loopback address',
  ],
])('does not start %s', async (_, variables, code, line) => {
  const child = spawnApi(variables);
  let errors = '';
  child.stderr?.on('data', (data) => {
    errors += data;
  });
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(code);
  expect(errors).toContain(line);
});
