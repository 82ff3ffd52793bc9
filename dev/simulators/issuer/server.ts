/** The development issuer: publishes its keys and gives an access token for any role and any customer. */

import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { type HttpEnv, listen, type RunningHttpServer } from '../listen.ts';

const ALGORITHM = 'ES256';
const DEFAULT_LIFETIME_S = 3_600;
const MAX_LIFETIME_S = 7 * 24 * 3_600;

export interface IssuerSimulator extends RunningHttpServer {
  /** The address to get tokens from. */
  token_url: string;
}

interface SigningKey {
  id: string;
  privateKey: CryptoKey;
  publicKey: object;
}

interface TokenRequest {
  sub: string;
  scope: string;
  lifetimeS: number;
}

/** Starts an issuer on 127.0.0.1. @param options.port 0 or absent: any free one */
export async function startIssuerSimulator({
  port,
  audience,
}: {
  port?: number;
  audience: string;
}): Promise<IssuerSimulator> {
  let keys = [await newKey()];
  const app = new Hono<HttpEnv>();

  // Any page in a developer's browser could get a token otherwise, or under another name of this address.
  app.use(async (c, next) => {
    const { hostname } = new URL(`http://${c.req.header('host') ?? ''}`);
    if (c.req.header('origin') !== undefined || !['127.0.0.1', 'localhost'].includes(hostname))
      return c.json({ error: 'access_denied', error_description: 'for programs on this machine only' }, 403);
    return next();
  });

  app.get('/jwks.json', (c) => c.json({ keys: keys.map(({ publicKey }) => publicKey) }));
  app.get('/.well-known/openid-configuration', (c) =>
    c.json({ issuer: url, jwks_uri: `${url}/jwks.json`, token_endpoint: `${url}/token` }),
  );

  app.on(['GET', 'POST'], '/token', async (c) => {
    const parameters = { ...c.req.query(), ...(await bodyOf(c.req.raw)) };
    const request = readTokenRequest(parameters);
    if (typeof request === 'string')
      return c.json({ error: 'invalid_request', error_description: request }, 400);
    const { sub, scope, lifetimeS } = request;
    return c.json({
      access_token: await sign({ sub, scope }, lifetimeS),
      token_type: 'Bearer',
      expires_in: lifetimeS,
      scope,
    });
  });

  // As a rotation at an issuer: the old key is withdrawn at once.
  app.post('/_sim/rotate', async (c) => {
    keys = [await newKey()];
    return c.json({ kid: keys[0]?.id });
  });

  const server = await listen(app.fetch, port);
  const { url } = server;

  function sign(claims: JWTPayload, lifetimeS: number): Promise<string> {
    const [key] = keys as [SigningKey];
    const now = Math.floor(Date.now() / 1_000);
    return new SignJWT({ ...claims, jti: randomUUID() })
      .setProtectedHeader({ alg: ALGORITHM, kid: key.id, typ: 'at+jwt' })
      .setIssuer(url)
      .setAudience(audience)
      .setIssuedAt(now)
      .setExpirationTime(now + lifetimeS)
      .sign(key.privateKey);
  }
  return { ...server, token_url: `${url}/token` };
}

async function newKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM);
  const id = randomUUID();
  return {
    id,
    privateKey,
    publicKey: { ...(await exportJWK(publicKey)), kid: id, alg: ALGORITHM, use: 'sig' },
  };
}

/** `role`, or `customer_id`, or `scope` with an optional `sub`; `expires_in` in seconds. @returns what is wrong, or the request */
function readTokenRequest(parameters: Record<string, string>): TokenRequest | string {
  const { role, customer_id, scope, sub, expires_in } = parameters;
  const lifetimeS = expires_in === undefined ? DEFAULT_LIFETIME_S : Number(expires_in);
  if (!Number.isInteger(lifetimeS) || lifetimeS < 1 || lifetimeS > MAX_LIFETIME_S)
    return `expires_in: must be an integer from 1 to ${MAX_LIFETIME_S}`;
  if (customer_id) return { sub: customer_id, scope: 'self', lifetimeS };
  if (role) return { sub: sub || role, scope: `role:${role}`, lifetimeS };
  if (scope) return { sub: sub || 'developer', scope, lifetimeS };
  return 'one of role, customer_id and scope is required';
}

/** A form or JSON; empty for anything else. */
async function bodyOf(request: Request): Promise<Record<string, string>> {
  const text = request.method === 'POST' ? await request.text() : '';
  if (text === '') return {};
  try {
    return text.startsWith('{') ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text));
  } catch {
    return {};
  }
}
