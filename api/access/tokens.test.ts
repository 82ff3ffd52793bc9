/** Access tokens against a real key server on loopback, whose keys each test replaces or withdraws. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import { bearerToken, createTokenVerifier, type TokenVerifier } from './tokens.ts';

const ISSUER = 'https://login.shop.example';
const AUDIENCE = 'persona';
const ADA = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';

interface Key {
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
}

let keyServer: Server;
let jwksUrl: string;
/** What the key server publishes; undefined: it fails. */
let published: Key[] | undefined;
let requests: number;
let key: Key;
let verifier: TokenVerifier;

async function newKey(kid: string, algorithm = 'ES256'): Promise<Key> {
  return { kid, ...(await generateKeyPair(algorithm, { extractable: true })) };
}

let outages: unknown[];
/** Verifications in progress, and how many there may be. */
let verifying: number;
let places: number;
const newVerifier = () =>
  createTokenVerifier(
    { issuer: ISSUER, audience: AUDIENCE, jwksUrl },
    {
      onUnavailable: (error) => outages.push(error),
      begin() {
        if (verifying >= places) throw new PersonaError('overloaded', 'too many');
        verifying += 1;
        return () => {
          verifying -= 1;
        };
      },
    },
  );

beforeAll(async () => {
  keyServer = createServer((_, response) => {
    requests += 1;
    if (published === undefined) return void response.writeHead(500).end();
    const keys = published.map(async ({ kid, publicKey }) => ({ ...(await exportJWK(publicKey)), kid }));
    void Promise.all(keys).then((jwks) => response.end(JSON.stringify({ keys: jwks })));
  });
  await new Promise<void>((resolve) => void keyServer.listen(0, '127.0.0.1', resolve));
  jwksUrl = `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/`;
  key = await newKey('first');
});
afterAll(() => void keyServer.close());
beforeEach(() => {
  published = [key];
  outages = [];
  requests = 0;
  [verifying, places] = [0, 250];
  verifier = newVerifier();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  verifier.close();
});

const seconds = (fromNow: number) => Math.floor(Date.now() / 1_000) + fromNow;
const valid = (): JWTPayload => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'checkout-1',
  scope: 'role:checkout',
  exp: seconds(600),
});

function sign(claims: JWTPayload, { kid, privateKey }: Key = key, alg = 'ES256'): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(privateKey);
}

async function refusal(token: string): Promise<[type: string, message: string]> {
  const error: PersonaError = await verifier.verify(token).then(
    () => Promise.reject(new Error('the token was accepted')),
    (thrown) => thrown,
  );
  return [error.type, error.message];
}

test("a service's token gives the roles and scopes that it names, and no others", async () => {
  const scope = 'role:checkout payments:report ops openid role:admin role:self';
  expect(await verifier.verify(await sign({ ...valid(), scope }))).toEqual({
    name: 'service:checkout-1',
    grants: new Set(['checkout', 'payments:report', 'ops']),
  });
});

test("a customer's token is that customer and nothing else, whatever else its scope says", async () => {
  const token = await sign({ ...valid(), sub: ADA.toUpperCase(), scope: 'self ops' });
  expect(await verifier.verify(token)).toEqual({
    name: `customer:${ADA}`,
    customerId: ADA,
    grants: new Set(['self']),
  });
  expect(await refusal(await sign({ ...valid(), sub: 'ada', scope: 'self' }))).toEqual([
    'unauthenticated',
    "a customer's access token must have their id as 'sub'",
  ]);
});

test.each(['RS256', 'EdDSA'])('tokens signed with %s are accepted', async (algorithm) => {
  const other = await newKey('other', algorithm);
  published = [key, other];
  expect(await verifier.verify(await sign(valid(), other, algorithm))).toMatchObject({
    name: 'service:checkout-1',
  });
});

test.each<[what: string, claims: () => JWTPayload, message: string]>([
  ['expired', () => ({ ...valid(), exp: seconds(-60) }), 'the access token has expired'],
  [
    'not valid yet',
    () => ({ ...valid(), nbf: seconds(60) }),
    "the access token's 'nbf' is missing or not accepted",
  ],
  [
    'for another audience',
    () => ({ ...valid(), aud: 'shop' }),
    "the access token's 'aud' is missing or not accepted",
  ],
  [
    'of another issuer',
    () => ({ ...valid(), iss: 'https://evil.example' }),
    "the access token's 'iss' is missing or not accepted",
  ],
  [
    'without an expiry',
    () => ({ ...valid(), exp: undefined }),
    "the access token's 'exp' is missing or not accepted",
  ],
  [
    'without a subject',
    () => ({ ...valid(), sub: undefined }),
    "the access token's 'sub' is missing or not accepted",
  ],
  [
    'with a line break in its subject',
    () => ({ ...valid(), sub: 'a\nb' }),
    "the access token's 'sub' must be 1 to 128 of A-Z a-z 0-9 . _ @ : / -",
  ],
])('a token %s is refused', async (_, claims, message) => {
  expect(await refusal(await sign(claims()))).toEqual(['unauthenticated', message]);
});

test('a logout token is no access token', async () => {
  const token = await new SignJWT(valid())
    .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'logout+jwt' })
    .sign(key.privateKey);
  expect(await refusal(token)).toEqual([
    'unauthenticated',
    "a token of type 'logout+jwt' is no access token",
  ]);
});

test('a few seconds of difference between the clocks are accepted', async () => {
  await expect(verifier.verify(await sign({ ...valid(), nbf: seconds(3) }))).resolves.toBeDefined();
});

test('algorithm confusion: the published key is no HMAC secret, and an unsigned token is no token', async () => {
  const secret = new TextEncoder().encode(await exportSPKI(key.publicKey));
  const hmac = await new SignJWT(valid()).setProtectedHeader({ alg: 'HS256', kid: key.kid }).sign(secret);
  const wrongAlgorithm = 'the access token must be signed with one of RS256, ES256, EdDSA';
  expect(await refusal(hmac)).toEqual(['unauthenticated', wrongAlgorithm]);
  const [, payload = ''] = new UnsecuredJWT(valid()).encode().split('.');
  const header = Buffer.from(JSON.stringify({ alg: 'none', kid: key.kid })).toString('base64url');
  expect((await refusal(`${header}.${payload}.`))[0]).toBe('unauthenticated');
});

test('a token with a forged signature, a changed claim or another key is refused', async () => {
  const stranger = await newKey(key.kid);
  expect((await refusal(await sign(valid(), stranger)))[0]).toBe('unauthenticated');
  const [header, , signature] = (await sign(valid())).split('.');
  const claims = Buffer.from(JSON.stringify({ ...valid(), scope: 'ops' })).toString('base64url');
  expect((await refusal(`${header}.${claims}.${signature}`))[0]).toBe('unauthenticated');
});

test.each(['', 'a', 'a.b.c', '..', `${'x'.repeat(9_000)}.b.c`])('%.20s is no token', async (token) => {
  expect((await refusal(token))[0]).toBe('unauthenticated');
});

test('a new key of the issuer is found by its id', async () => {
  await verifier.verify(await sign(valid()));
  const next = await newKey('second');
  published = [key, next];
  // The keys were just read: for a few seconds tokens with unknown keys do not make them be read again.
  await expect
    .poll(async () => verifier.verify(await sign(valid(), next)).catch((error) => error))
    .toMatchObject({ name: 'service:checkout-1' });
});

test('while the issuer is unavailable, known keys are used, and without any the answer is to retry', async () => {
  const token = await sign(valid());
  await verifier.verify(token);
  published = undefined;
  await expect(verifier.verify(token)).resolves.toBeDefined();
  verifier.close();
  verifier = newVerifier();
  const unavailable = ['issuer_unavailable', "the issuer's keys cannot be read"];
  expect(await refusal(token)).toEqual(unavailable);
  const asked = requests;
  for (let n = 0; n < 20; n += 1) expect(await refusal(token)).toEqual(unavailable);
  expect([requests, outages.length]).toEqual([asked, 1]);
  published = [key];
  await expect
    .poll(() => verifier.verify(token).catch((error) => error))
    .toMatchObject({
      name: 'service:checkout-1',
    });
});

/** A token that the verifier has verified with keys that it knew before, and so remembers. */
async function rememberedToken(claims: JWTPayload = valid()): Promise<string> {
  await verifier.verify(await sign(valid()));
  const token = await sign(claims);
  await verifier.verify(token);
  return token;
}

test('the signature of a token is verified once, and that of another token for itself', async () => {
  const token = await rememberedToken({ ...valid(), scope: 'role:checkout' });
  const other = await sign({ ...valid(), sub: 'ops-1', scope: 'ops' });
  const verifications = vi.spyOn(crypto.subtle, 'verify');
  expect(await verifier.verify(token)).toEqual({
    name: 'service:checkout-1',
    grants: new Set(['checkout']),
  });
  expect(verifications).not.toHaveBeenCalled();
  expect(await verifier.verify(other)).toEqual({ name: 'service:ops-1', grants: new Set(['ops']) });
  expect(verifications).toHaveBeenCalledTimes(1);
});

test('a remembered token does not vouch for its claims under another signature', async () => {
  const token = await rememberedToken();
  const forged = await sign(valid(), await newKey(key.kid));
  expect((await refusal(forged))[0]).toBe('unauthenticated');
  const parts = [token.split('.').slice(0, 2), forged.split('.').slice(2)].flat();
  expect((await refusal(parts.join('.')))[0]).toBe('unauthenticated');
});

test('a remembered token is refused once it has expired', async () => {
  const exp = seconds(600);
  const token = await rememberedToken({ ...valid(), exp });
  vi.useFakeTimers({ toFake: ['Date'], now: exp * 1_000 + 4_000 });
  await expect(verifier.verify(token)).resolves.toBeDefined();
  vi.setSystemTime(exp * 1_000 + 6_000);
  expect(await refusal(token)).toEqual(['unauthenticated', 'the access token has expired']);
});

test('a remembered token is refused once the issuer has withdrawn its key', async () => {
  const token = await rememberedToken();
  const next = await newKey('second');
  published = [next];
  await expect
    .poll(async () => verifier.verify(await sign(valid(), next)).catch((error) => error))
    .toMatchObject({ name: 'service:checkout-1' });
  expect(await refusal(token)).toEqual([
    'unauthenticated',
    "the access token's signature cannot be verified",
  ]);
});

test('a remembered token needs keys that are not too old', async () => {
  const token = await rememberedToken({ ...valid(), exp: seconds(24 * 3_600) });
  published = undefined;
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 6 * 3_600_000 - 60_000 });
  await expect(verifier.verify(token)).resolves.toBeDefined();
  vi.setSystemTime(Date.now() + 61_000);
  // Also while the issuer is not asked again.
  const other = await sign({ ...valid(), sub: 'checkout-2' });
  for (const old of [token, token, other, token])
    expect(await refusal(old)).toEqual(['issuer_unavailable', "the issuer's keys cannot be read"]);
});

test('reading the same keys again forgets no token', async () => {
  const token = await rememberedToken();
  const asked = requests;
  // The keys are not read again within five seconds.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 6_000 });
  await refusal(await sign(valid(), await newKey('invented')));
  expect(requests).toBe(asked + 1);
  places = 0;
  await expect(verifier.verify(token)).resolves.toBeDefined();
});

test('a token that is not remembered needs a place while it is verified', async () => {
  const token = await rememberedToken();
  expect(verifying).toBe(0);
  await refusal(await sign({ ...valid(), aud: 'another' }));
  expect(verifying).toBe(0);
  places = 0;
  expect((await refusal(await sign({ ...valid(), sub: 'checkout-2' })))[0]).toBe('overloaded');
  await expect(verifier.verify(token)).resolves.toBeDefined();
});

test.each(['Basic YTpi', 'Bearer', 'bearer a b', 'Bearer a\u0000'])('%j is no bearer token', (header) => {
  expect(() => bearerToken(header)).toThrow("the authorization must be 'Bearer' and an access token");
});
