import type { JWK } from 'jose';
import { apiVariables } from '../../platform/variables.ts';
import { reasonOf } from '../rest.ts';
import type { Settings } from '../settings.ts';
import { type CheckResult, ok, unreachable, wrong } from './check.ts';

const TIMEOUT_MS = 10_000;
const NAMES = ['AUTH_ISSUER', 'AUTH_JWKS_URL', 'AUTH_AUDIENCE'] as const;
/** What tokens may be signed with (docs/reference/security.md, 'Access tokens'), as `kty` and `crv`. */
const ALGORITHMS: Readonly<Record<string, string>> = {
  'RSA ': 'RS256',
  'EC P-256': 'ES256',
  'OKP Ed25519': 'EdDSA',
};

/** Checks that the issuer's keys can be read, and that tokens can be verified with one of them. */
export async function checkIssuer({ variables, auth }: Settings): Promise<CheckResult> {
  if (variables.PERSONA_INSECURE === '1')
    return variables.NODE_ENV === 'production'
      ? wrong('PERSONA_INSECURE is set, which production refuses', 'Set the AUTH_ variables instead')
      : ok('callers are not authenticated, because PERSONA_INSECURE is set');
  const given = NAMES.filter((name) => variables[name] !== undefined);
  if (given.length === 0) {
    return auth
      ? checkKeys(`${auth.issuer}/jwks.json`)
      : ok('not configured in this environment; only the API needs it');
  }
  for (const name of NAMES) {
    const { error } = apiVariables[name].safeParse(variables[name]);
    const problem = variables[name] === undefined ? 'is not set' : error?.issues[0]?.message;
    if (problem !== undefined)
      return wrong(`${name} ${problem}`, `Correct ${name}: the API does not start without it`);
  }
  return checkKeys(variables.AUTH_JWKS_URL ?? '');
}

async function checkKeys(url: string): Promise<CheckResult> {
  let response: Response;
  try {
    // As the API does, which follows no redirect.
    response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    return unreachable(
      `no response from ${url}: ${reasonOf(error)}`,
      'Check AUTH_JWKS_URL. A running API uses the keys that it knows for up to six hours',
    );
  }
  if (!response.ok)
    return wrong(`${url} returned ${response.status}`, "Set AUTH_JWKS_URL to the URL of the issuer's keys");
  const { keys } = (await response.json().catch(() => ({}))) as { keys?: JWK[] };
  if (!Array.isArray(keys))
    return wrong(`${url} returned no keys (JWKS)`, "Set AUTH_JWKS_URL to the URL of the issuer's keys");
  const usable = keys.flatMap((key) => algorithmOf(key) ?? []);
  return usable.length > 0
    ? ok(`${url} has keys for ${[...new Set(usable)].join(', ')}`)
    : wrong(
        `${url} has ${keys.length} keys, none of which is for ${Object.values(ALGORITHMS).join(', ')}`,
        'Let the issuer sign with one of these',
      );
}

function algorithmOf({ kty, crv, use, alg }: JWK): string | undefined {
  const algorithm = ALGORITHMS[`${kty} ${kty === 'RSA' ? '' : crv}`];
  const isForSigning = (use === undefined || use === 'sig') && (alg === undefined || alg === algorithm);
  return isForSigning ? algorithm : undefined;
}
