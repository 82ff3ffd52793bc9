/** Against a server of the test's own: what a registry answers that `test/e2e/consumers.test.ts` cannot make a real one answer. */

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../platform/secret.ts';
import { openSchemaRegistry } from './client.ts';

const SUBJECT = 'persona.log.v1-value';
const missing = (error_code: number) => ({ status: 404, body: { error_code, message: 'not found' } });
type Answers = Readonly<Record<string, { status?: number; body: unknown }>>;

/** @returns a client, and what the server has received */
async function open(answers: Answers, credentials = '') {
  const requests: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const server = createServer((request, response) => {
    const line = `${request.method} ${request.url}`;
    requests.push(line);
    headers.push(request.headers);
    const { status = 200, body } = answers[line] ?? { status: 500, body: 'not expected' };
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const url = new Secret(`http://${credentials}127.0.0.1:${port}/api/`);
  return { client: openSchemaRegistry({ url }), requests, headers };
}

test('a schema that the subject has is not registered again, and asked for once', async () => {
  const { client, requests, headers } = await open(
    { [`POST /api/subjects/${SUBJECT}`]: { body: { id: 7 } } },
    'per%40sona:a-password@',
  );
  expect(await Promise.all([client.register(SUBJECT, {}), client.register(SUBJECT, {})])).toEqual([7, 7]);
  expect(requests).toHaveLength(1);
  expect(headers[0]?.authorization).toBe(`Basic ${Buffer.from('per@sona:a-password').toString('base64')}`);
});

const register = (versions: object): Answers => ({
  [`POST /api/subjects/${SUBJECT}`]: missing(40403),
  [`GET /api/subjects/${SUBJECT}/versions`]: versions as { body: unknown },
  [`PUT /api/config/${SUBJECT}`]: { body: { compatibility: 'FULL' } },
  [`POST /api/subjects/${SUBJECT}/versions`]: { body: { id: 8 } },
});

test('a new subject is made compatible in both directions before its first version', async () => {
  const { client, requests } = await open(register(missing(40401)));
  expect(await client.register(SUBJECT, {})).toBe(8);
  expect(requests.slice(2).map((line) => line.split(' ')[0])).toEqual(['PUT', 'POST']);
});

test('the compatibility of a subject that exists is left to its operators', async () => {
  const { client, requests } = await open(register({ body: [1] }));
  expect(await client.register(SUBJECT, {})).toBe(8);
  expect(requests.some((line) => line.startsWith('PUT'))).toBe(false);
});

test.each([
  ['a 404 that is not the registry’s', { status: 404, body: { error_code: 404 } }, 'answers 404'],
  ['a page instead of JSON', { body: '<html>' }, 'answers 200'],
  ['an answer without a schema', { body: {} }, 'without a schema'],
  ['an error', { status: 500, body: { error_code: 50001 } }, 'answers 500'],
  ['a refused login', { status: 401, body: {} }, 'Check user, password and rights of SCHEMA_REGISTRY_URL'],
])('%s says nothing about a schema, and the next call asks again', async (_, answer, message) => {
  const { client, requests } = await open({ 'GET /api/schemas/ids/7': answer });
  for (let call = 1; call <= 2; call += 1) {
    await expect(client.schema(7)).rejects.toMatchObject({ type: 'schema_registry_unavailable' });
    expect(requests).toHaveLength(call);
  }
  await expect(client.schema(7)).rejects.toThrow(message);
});

test('an unknown schema may be known later', async () => {
  const answers: Record<string, { status?: number; body: unknown }> = {
    'GET /api/schemas/ids/7': missing(40403),
  };
  const { client } = await open(answers);
  expect(await client.schema(7)).toBeUndefined();
  answers['GET /api/schemas/ids/7'] = { body: { schema: '"string"', schemaType: 'AVRO' } };
  expect(await client.schema(7)).toEqual({ type: 'AVRO', text: '"string"' });
});

test('a registry that is not there is unavailable, by its address and without its password', async () => {
  const url = new Secret('http://persona:a-password@127.0.0.1:1');
  const failure = await openSchemaRegistry({ url })
    .verify()
    .catch((error: unknown) => String(error));
  expect(failure).toMatch(/127\.0\.0\.1:1 is unavailable \(.*ECONNREFUSED.*\)\. Check SCHEMA_REGISTRY_URL/);
  expect(failure).not.toContain('a-password');
});
