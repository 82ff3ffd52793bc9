import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { createPayloadCodec } from './codec.ts';
import { createCodecApp, serveCodec } from './codec-server.ts';

const UI = 'http://127.0.0.1:8233';
const SECRET = 'ada@shop.example';
const keys = [{ id: 'k1', key: randomBytes(32) }];
const lines: string[] = [];
const OPERATOR = 'Bearer operator';
async function authorise(authorization: string | undefined): Promise<void> {
  if (authorization === undefined) throw new PersonaError('unauthenticated', 'an access token is required');
  if (authorization !== OPERATOR) throw new PersonaError('permission_denied', 'oracle may not call');
}
const options = {
  origins: [UI],
  keys,
  authorise,
  logger: pino({}, { write: (line) => void lines.push(line) }),
};
const app = createCodecApp(options);

const base64 = (value?: Uint8Array | null) => Buffer.from(value ?? []).toString('base64');
const plain = (base?: string) => Buffer.from(base ?? '', 'base64').toString();
const asJson = ({ metadata, data }: Payload) => ({
  metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)])),
  data: base64(data),
});

async function sealed(value: unknown, ring = keys) {
  const [payload] = await createPayloadCodec(ring).encode([defaultPayloadConverter.toPayload(value)]);
  return asJson(payload as Payload);
}

const decode = (body: unknown, headers: Record<string, string> = {}) =>
  app.request('/decode', {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', authorization: OPERATOR, ...headers },
  });

interface Answer {
  payloads: { metadata: Record<string, string>; data: string }[];
}

test('the UI gets encrypted and plain payloads decoded in order, and the log has their number but not their content', async () => {
  const clear = asJson(defaultPayloadConverter.toPayload({ payment_id: 'pay-1' }) as Payload);
  const payloads = [await sealed({ email: SECRET }), clear];
  const answer = await decode({ payloads }, { origin: UI, 'x-namespace': 'default' });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe(UI);
  const [first, second] = ((await answer.json()) as Answer).payloads;
  expect(plain(first?.metadata.encoding)).toBe('json/plain');
  expect(JSON.parse(plain(first?.data))).toEqual({ email: SECRET });
  expect(second).toEqual(clear);
  expect(lines.join()).toContain('"payloads":2');
  expect(lines.join()).not.toContain(SECRET);
});

test('a payload that no key decrypts is returned encrypted, and the others are decoded', async () => {
  const foreign = await sealed({ a: 1 }, [{ id: 'k2', key: randomBytes(32) }]);
  const forged = { ...(await sealed({ a: 2 })), data: base64(randomBytes(64)) };
  const answer = await decode({ payloads: [foreign, forged, await sealed({ a: 3 })] });
  const [first, second, third] = ((await answer.json()) as Answer).payloads;
  expect([first, second]).toEqual([foreign, forged]);
  expect(JSON.parse(plain(third?.data))).toEqual({ a: 3 });
});

test('preflight and decode requests of any origin except the UI are refused', async () => {
  const ask = (origin: string) =>
    app.request('/decode', {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-namespace',
      },
    });
  const allowed = await ask(UI);
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get('access-control-allow-headers')).toContain('x-namespace');
  for (const origin of ['http://evil.example', 'null', `${UI}.evil.example`]) {
    expect((await ask(origin)).status).toBe(403);
    const refused = await decode({ payloads: [await sealed({ email: SECRET })] }, { origin });
    expect(refused.status).toBe(403);
    expect(refused.headers.has('access-control-allow-origin')).toBe(false);
    expect(await refused.text()).not.toContain(SECRET);
  }
});

test.each([
  [undefined, 401],
  ['Bearer oracle', 403],
] as const)('with the authorization %s nothing is decoded: %s', async (authorization, status) => {
  const body = JSON.stringify({ payloads: [await sealed({ email: SECRET })] });
  const headers = { origin: UI, ...(authorization !== undefined && { authorization }) };
  const refused = await app.request('/decode', { method: 'POST', body, headers });
  expect(refused.status).toBe(status);
  expect(refused.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null);
  // The UI's page may read why.
  expect(refused.headers.get('access-control-allow-origin')).toBe(UI);
  expect(await refused.text()).not.toContain(SECRET);
});

test.each(['{', '[]', '{}', '{"payloads": [1]}', '{"payloads": [{"metadata": {"a": 1}}]}'])(
  'a body of %s is refused',
  async (body) => {
    expect((await decode(body)).status).toBe(400);
  },
);

test('there is no encode endpoint', async () => {
  const headers = { authorization: OPERATOR };
  const answer = await app.request('/encode', { method: 'POST', body: '{"payloads": []}', headers });
  expect(answer.status).toBe(404);
});

test('the server listens on loopback', async () => {
  const server = await serveCodec({ ...options, port: 0 });
  onTestFinished(() => server.close());
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const body = JSON.stringify({ payloads: [await sealed({ a: 1 })] });
  const answer = await fetch(`${server.url}/decode`, {
    method: 'POST',
    body,
    headers: { authorization: OPERATOR },
  });
  expect(JSON.parse(plain(((await answer.json()) as Answer).payloads[0]?.data))).toEqual({ a: 1 });
});
