import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../platform/secret.ts';
import { startHttpServer } from '../../test/stripe-fixture.ts';
import type { Settings } from '../settings.ts';
import { checkToken } from './token.ts';

const ISSUER = 'https://issuer.example';
const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
const HOUR_S = 3_600;

const sign = (claims: object = {}) =>
  new SignJWT({
    iss: ISSUER,
    aud: 'persona',
    sub: 'grace',
    scope: 'openid role:ops',
    exp: inHours(1),
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256' })
    .sign(privateKey);
const inHours = (hours: number) => Math.floor(Date.now() / 1_000) + hours * HOUR_S;

const check = async (text: string | undefined, variables: object = {}) => {
  const settings = {
    variables: { AUTH_ISSUER: ISSUER, AUTH_AUDIENCE: 'persona', ...variables },
    ...(text !== undefined && { token: new Secret(text) }),
  } as unknown as Settings;
  return (await checkToken(settings)).token;
};

test('a valid token is reported with its subject and the time at which it expires, and is not repeated', async () => {
  const text = await sign();
  const result = await check(text);
  expect(result).toEqual({
    state: 'ok',
    detail: expect.stringMatching(/^of 'grace'; expires at \d{4}-.*Z$/),
  });
  expect(JSON.stringify(result)).not.toContain(text);
  expect(await check(undefined)).toBeUndefined();
});

test.each([
  ['expired', { exp: inHours(-1) }, 'expired at'],
  ['not valid yet', { nbf: inHours(1) }, 'is not valid before'],
  ['without an expiry', { exp: undefined }, 'has no time of expiry'],
  ['of another issuer', { iss: 'https://other.example' }, "is from the issuer 'https://other.example'"],
  ['for others', { aud: ['crm', 'shop'] }, "is for the audience 'crm shop', not 'persona'"],
  ['of another role', { scope: 'role:checkout' }, "has no role 'ops' in its scope 'role:checkout'"],
  ['of a customer', { scope: 'self role:ops' }, "has no role 'ops'"],
])('a token that is %s is wrong', async (_, claims, detail) => {
  expect(await check(await sign(claims))).toMatchObject({
    state: 'wrong',
    detail: expect.stringContaining(detail),
  });
});

test('a text that is no token is wrong, and is not repeated', async () => {
  expect(await check('secret')).toMatchObject({
    state: 'wrong',
    detail: 'PERSONA_TOKEN is no access token (JWT)',
  });
});

test('the signature is checked with the keys of the issuer, if these can be read', async () => {
  const urlOf = async (key: CryptoKey) => {
    const { url, close } = await startHttpServer(async (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: [await exportJWK(key)] }));
    });
    onTestFinished(close);
    return { AUTH_JWKS_URL: url };
  };
  const text = await sign();
  expect(await check(text, await urlOf(publicKey))).toMatchObject({ state: 'ok' });
  const { publicKey: foreign } = await generateKeyPair('ES256', { extractable: true });
  expect(await check(text, await urlOf(foreign))).toMatchObject({
    state: 'wrong',
    detail: expect.stringContaining('is not signed with a key of http://127.0.0.1'),
  });
  expect(await check(text, { AUTH_JWKS_URL: 'http://127.0.0.1:1/keys' })).toMatchObject({ state: 'ok' });
});
