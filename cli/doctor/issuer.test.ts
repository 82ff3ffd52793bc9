import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { expect, onTestFinished, test } from 'vitest';
import { startHttpServer } from '../../test/stripe-fixture.ts';
import type { Settings } from '../settings.ts';
import { checkIssuer } from './issuer.ts';

/** An issuer that publishes this. @returns the URL of its keys */
async function startIssuer(body: string, status = 200): Promise<string> {
  const { url, close } = await startHttpServer((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body);
  });
  onTestFinished(close);
  return url;
}

const check = (changes: Record<string, string | undefined>, others: Partial<Settings> = {}) =>
  checkIssuer({
    variables: { AUTH_ISSUER: 'https://issuer.example', AUTH_AUDIENCE: 'persona', ...changes },
    ...others,
  } as unknown as Settings);

async function publicKey(algorithm: string): Promise<JWK> {
  return exportJWK((await generateKeyPair(algorithm, { extractable: true })).publicKey);
}

test('the kinds of the usable keys are reported', async () => {
  const keys = await Promise.all(['ES256', 'EdDSA', 'RS256', 'ES384'].map(publicKey));
  const AUTH_JWKS_URL = await startIssuer(JSON.stringify({ keys }));
  expect(await check({ AUTH_JWKS_URL })).toEqual({
    state: 'ok',
    detail: `${AUTH_JWKS_URL} has keys for ES256, EdDSA, RS256`,
  });
});

test('keys for encryption, or for other algorithms, are of no use', async () => {
  const keys = [
    { ...(await publicKey('ES256')), use: 'enc' },
    { ...(await publicKey('RS256')), alg: 'PS256' },
    await publicKey('ES384'),
    { kty: 'oct', k: 'AAAA' },
  ];
  const AUTH_JWKS_URL = await startIssuer(JSON.stringify({ keys }));
  expect(await check({ AUTH_JWKS_URL })).toMatchObject({
    state: 'wrong',
    detail: expect.stringContaining('has 4 keys, none of which is for RS256, ES256, EdDSA'),
  });
});

test.each([
  ['an error', '{}', 404, 'returned 404'],
  ['a page', '<html>', 200, 'returned no keys'],
])('%s instead of keys is wrong', async (_, body, status, detail) => {
  const AUTH_JWKS_URL = await startIssuer(body, status);
  expect(await check({ AUTH_JWKS_URL })).toMatchObject({
    state: 'wrong',
    detail: expect.stringContaining(detail),
  });
});

test('an issuer that does not answer is unreachable', async () => {
  expect(await check({ AUTH_JWKS_URL: 'http://127.0.0.1:1/jwks.json' })).toMatchObject({
    state: 'unreachable',
    remedy: expect.stringContaining('AUTH_JWKS_URL'),
  });
});

test.each([
  [{ AUTH_JWKS_URL: undefined }, 'AUTH_JWKS_URL is not set'],
  [{ AUTH_JWKS_URL: 'http://issuer.example/keys' }, 'AUTH_JWKS_URL must be an https address'],
])('%j is wrong', async (changes, detail) => {
  expect(await check(changes)).toMatchObject({ state: 'wrong', detail: expect.stringContaining(detail) });
});

test("without variables the local instance's issuer is checked; without one, nothing", async () => {
  const url = await startIssuer(JSON.stringify({ keys: [await publicKey('ES256')] }));
  const none = { AUTH_ISSUER: undefined, AUTH_AUDIENCE: undefined };
  const auth = { issuer: url } as Settings['auth'];
  expect(await check(none, { ...(auth && { auth }) })).toMatchObject({
    state: 'ok',
    detail: `${url}/jwks.json has keys for ES256`,
  });
  expect(await check(none)).toMatchObject({ state: 'ok', detail: expect.stringContaining('not configured') });
});

test('no authentication is wrong in production alone', async () => {
  expect(await check({ PERSONA_INSECURE: '1' })).toMatchObject({ state: 'ok' });
  expect(await check({ PERSONA_INSECURE: '1', NODE_ENV: 'production' })).toMatchObject({ state: 'wrong' });
});
