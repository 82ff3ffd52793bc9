import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import type { Settings } from '../settings.ts';
import { type CheckResult, ok, wrong } from './check.ts';

const TIMEOUT_MS = 10_000;
const REMEDY = 'Set PERSONA_TOKEN to a new access token of the issuer';
/** Scopes that give the role that commands need (docs/reference/security.md, 'Access tokens'). */
const OPS = ['ops', 'role:ops'];

/**
 * Checks the claims of PERSONA_TOKEN, and its signature as far as the issuer is known here: the API would refuse the
 * commands. Nothing if it is not set.
 */
export async function checkToken(settings: Settings): Promise<Record<string, CheckResult>> {
  const { token } = settings;
  if (token === undefined) return {};
  const text = token.reveal();
  const claims = claimsOf(text);
  if (claims === undefined) return { token: wrong('PERSONA_TOKEN is no access token (JWT)', REMEDY) };
  const problem = claimProblem(claims, settings) ?? (await signatureProblem(text, settings));
  if (problem !== undefined) return { token: wrong(`PERSONA_TOKEN ${problem}`, REMEDY) };
  const expiry = new Date(Number(claims.exp) * 1_000).toISOString();
  return { token: ok(`of '${claims.sub}'; expires at ${expiry}`) };
}

function claimsOf(text: string): JWTPayload | undefined {
  try {
    return decodeJwt(text);
  } catch {
    return undefined;
  }
}

function claimProblem(
  { exp, nbf, aud, iss, scope }: JWTPayload,
  { variables: { AUTH_AUDIENCE: audience, AUTH_ISSUER }, auth }: Settings,
): string | undefined {
  const now = Date.now() / 1_000;
  const atTime = (seconds: number) => new Date(seconds * 1_000).toISOString();
  if (typeof exp !== 'number') return "has no time of expiry ('exp')";
  if (exp <= now) return `expired at ${atTime(exp)}`;
  if (typeof nbf === 'number' && nbf > now) return `is not valid before ${atTime(nbf)}`;
  const issuer = AUTH_ISSUER ?? auth?.issuer;
  if (issuer !== undefined && iss !== issuer) return `is from the issuer '${iss}', not '${issuer}'`;
  const audiences = [aud ?? []].flat();
  if (audience !== undefined && !audiences.includes(audience))
    return `is for the audience '${audiences.join(' ')}', not '${audience}'`;
  const scopes = typeof scope === 'string' ? scope.split(' ') : [];
  // A customer's token never gives a role.
  if (scopes.includes('self') || !scopes.some((one) => OPS.includes(one)))
    return `has no role 'ops' in its scope '${scopes.join(' ')}', which commands need`;
  return undefined;
}

/** Nothing if the issuer does not answer: the check of the issuer reports that. */
async function signatureProblem(
  text: string,
  { variables: { AUTH_JWKS_URL }, auth }: Settings,
): Promise<string | undefined> {
  const url = AUTH_JWKS_URL ?? (auth && `${auth.issuer}/jwks.json`);
  if (url === undefined || !URL.canParse(url)) return undefined;
  try {
    await jwtVerify(text, createRemoteJWKSet(new URL(url), { timeoutDuration: TIMEOUT_MS }));
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed)
      return `is not signed with a key of ${url}`;
  }
  return undefined;
}
