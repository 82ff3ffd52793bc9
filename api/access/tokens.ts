/** Access tokens: JWTs of one issuer, checked against its published keys. */

import {
  createLocalJWKSet,
  createRemoteJWKSet,
  type ExportedJWKSCache,
  errors,
  jwksCache,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { PersonaError } from '../../domain/errors.ts';
import { type Grant, isServiceRole, NARROW_SCOPES } from './grants.ts';
import { customerIdentity, type Identity } from './identity.ts';
import { createVerifiedTokens } from './verified-tokens.ts';

export interface TokenIssuer {
  /** `iss` of its tokens. */
  readonly issuer: string;
  /** `aud` of tokens for Persona. */
  readonly audience: string;
  readonly jwksUrl: string;
}

/** Public key algorithms only: with HMAC, every reader of the published key could sign. */
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];
/** RFC 9068, and what many issuers put instead. Others are, for example, logout tokens. */
const TOKEN_TYPES = ['at+jwt', 'application/at+jwt', 'jwt'];
/** Larger tokens are refused before they are parsed; issuers' tokens have about 1 kB. */
const MAX_TOKEN_LENGTH = 8_192;
/** Between the clocks of the issuer and this host. */
const CLOCK_TOLERANCE_SECONDS = 5;
const JWKS_TIMEOUT_MS = 5_000;
/** Tokens with an unknown key make the keys be read again, but no more often, whether that succeeded or not. */
const JWKS_COOLDOWN_MS = 5_000;
/** How often the keys are read again, so that a key that the issuer has withdrawn is no longer accepted. */
const JWKS_REFRESH_MS = 5 * 60_000;
/** How long known keys are used while the issuer cannot be reached. */
const JWKS_MAX_AGE_MS = 6 * 60 * 60_000;
/** Names go into logs, events and idempotency keys. */
const SUBJECT = /^[\w.@:/-]{1,128}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export interface TokenVerifier {
  /** @throws PersonaError unauthenticated, issuer_unavailable */
  verify(token: string): Promise<Identity>;
  close(): void;
}

export interface VerificationObserver {
  /** Receives why the issuer's keys cannot be read. */
  onUnavailable(error: unknown): void;
  /**
   * Before a token is verified that is not remembered. @returns to be called at its end
   * @throws PersonaError overloaded
   */
  begin(): () => void;
}

export function createTokenVerifier(
  { issuer, audience, jwksUrl }: TokenIssuer,
  { onUnavailable, begin }: VerificationObserver,
): TokenVerifier {
  /** `jose` leaves each reading of the keys here. */
  const newest: Partial<ExportedJWKSCache> = {};
  const readKeys = createKeyIdentity();
  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    [jwksCache]: newest as ExportedJWKSCache,
    timeoutDuration: JWKS_TIMEOUT_MS,
    cooldownDuration: JWKS_COOLDOWN_MS,
    cacheMaxAge: JWKS_MAX_AGE_MS,
  });
  const refresh = setInterval(() => void keys.reload().catch(onUnavailable), JWKS_REFRESH_MS);
  refresh.unref();
  let retryAt = -Infinity;
  const findKey: JWTVerifyGetKey = async (header, token) => {
    const mayRead = performance.now() >= retryAt;
    try {
      // After a failure the keys that are known: requests must not wait for the issuer one after the other.
      if (mayRead) return await keys(header, token);
      const known = keys.fresh ? keys.jwks() : undefined;
      return await createLocalJWKSet(known ?? { keys: [] })(header, token);
    } catch (error) {
      if (mayRead && isAboutToken(error)) throw error;
      if (mayRead) {
        retryAt = performance.now() + JWKS_COOLDOWN_MS;
        onUnavailable(error);
      }
      throw new PersonaError('issuer_unavailable', "the issuer's keys cannot be read", {
        cause: error,
        retryAfterMs: JWKS_COOLDOWN_MS,
      });
    }
  };
  const verified = createVerifiedTokens();
  return {
    async verify(token) {
      if (token.length > MAX_TOKEN_LENGTH)
        throw unauthenticated(`the access token is longer than ${MAX_TOKEN_LENGTH} characters`);
      const current = readKeys(newest.jwks);
      const known = current && keys.fresh ? verified.find(token, current) : undefined;
      if (known !== undefined) return known;
      const end = begin();
      const options = {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['exp', 'sub'],
      };
      const { payload, protectedHeader } = await jwtVerify(token, findKey, options)
        .catch((error: unknown) => {
          throw refusalOf(error);
        })
        .finally(end);
      const { typ } = protectedHeader;
      if (typ !== undefined && !TOKEN_TYPES.includes(typ.toLowerCase()))
        throw unauthenticated(`a token of type '${typ.slice(0, 32)}' is no access token`);
      const identity = identityOf(payload);
      // Not if the keys were read meanwhile: the key of this token may be among those that are gone.
      if (current !== undefined && current === readKeys(newest.jwks)) {
        const expiresAt = (Number(payload.exp) + CLOCK_TOLERANCE_SECONDS) * 1_000;
        verified.keep(token, { identity, expiresAt, keys: current });
      }
      return identity;
    },
    close: () => clearInterval(refresh),
  };
}

/**
 * Identifies keys by their content. Each reading is a new object, and an unauthenticated caller causes one with an invented key id:
 * tokens would have to be verified again each time.
 * @returns for the newest reading: the same object as long as the keys are the same
 */
function createKeyIdentity(): (jwks: object | undefined) => object | undefined {
  let last: { jwks: object; text: string; identity: object } | undefined;
  return (jwks) => {
    if (jwks === undefined || jwks === last?.jwks) return last?.identity;
    const text = JSON.stringify(jwks);
    last = { jwks, text, identity: text === last?.text ? last.identity : jwks };
    return last.identity;
  };
}

/** The token of an `Authorization` header. @throws PersonaError unauthenticated */
export function bearerToken(authorization: string): string {
  const [, token] = /^Bearer +([\w.~+/=-]+)$/i.exec(authorization) ?? [];
  if (token === undefined) throw unauthenticated("the authorization must be 'Bearer' and an access token");
  return token;
}

export function unauthenticated(message: string): PersonaError {
  return new PersonaError('unauthenticated', message);
}

function identityOf({ sub, scope }: JWTPayload): Identity {
  if (typeof sub !== 'string' || !SUBJECT.test(sub))
    throw unauthenticated("the access token's 'sub' must be 1 to 128 of A-Z a-z 0-9 . _ @ : / -");
  const scopes = typeof scope === 'string' ? scope.split(' ') : [];
  // A customer's token never gives more than that, whatever else its scope contains.
  if (scopes.includes('self')) {
    if (!UUID.test(sub)) throw unauthenticated("a customer's access token must have their id as 'sub'");
    return customerIdentity(sub.toLowerCase());
  }
  return { name: `service:${sub}`, grants: new Set(scopes.flatMap(grantsOf)) };
}

function grantsOf(scope: string): Grant[] {
  const narrow = NARROW_SCOPES.find((name) => name === scope);
  if (narrow !== undefined) return [narrow];
  if (scope === 'ops' || scope === 'privacy') return [scope];
  const role = scope.startsWith('role:') ? scope.slice('role:'.length) : '';
  return isServiceRole(role) ? [role] : [];
}

/** Whether the token is the reason, not the issuer. */
function isAboutToken(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys;
}

function refusalOf(error: unknown): PersonaError {
  if (error instanceof PersonaError) return error;
  if (error instanceof errors.JWTExpired) return unauthenticated('the access token has expired');
  if (error instanceof errors.JWTClaimValidationFailed)
    return unauthenticated(`the access token's '${error.claim}' is missing or not accepted`);
  if (error instanceof errors.JOSEAlgNotAllowed)
    return unauthenticated(`the access token must be signed with one of ${ALGORITHMS.join(', ')}`);
  if (
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys
  )
    return unauthenticated("the access token's signature cannot be verified");
  return unauthenticated('the access token is malformed');
}
