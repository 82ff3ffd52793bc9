/** Client certificates: the role of an agent is in its SPIFFE id. */

import { isServiceRole, SERVICE_ROLES, type ServiceRole } from './grants.ts';
import type { Identity } from './identity.ts';
import { unauthenticated } from './tokens.ts';

const AGENT = /^URI:spiffe:\/\/persona\/agent\/([a-z]+)$/;

/** One object for each: what was found out about a caller is kept with it. */
const IDENTITIES = Object.fromEntries(
  SERVICE_ROLES.map((role) => [role, { name: `agent:${role}`, grants: new Set([role]) }]),
) as unknown as Readonly<Record<ServiceRole, Identity>>;

/**
 * @param subjectAltName of a certificate that the TLS layer has verified, in Node's format: `URI:…, DNS:…`
 * @throws PersonaError unauthenticated
 */
export function identityOfCertificate(subjectAltName: string | undefined): Identity {
  // Node quotes names that contain separators; such a name could contain another one.
  const names = subjectAltName?.includes('"') ? [] : (subjectAltName ?? '').split(', ');
  const uris = names.filter((name) => name.startsWith('URI:'));
  const [, role = ''] = AGENT.exec(uris[0] ?? '') ?? [];
  // SPIFFE allows exactly one URI: with two, the names would contradict each other.
  if (uris.length !== 1 || !isServiceRole(role))
    throw unauthenticated("the client certificate must have one URI, 'spiffe://persona/agent/<role>'");
  return IDENTITIES[role];
}
