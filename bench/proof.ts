/** What the benchmarks' callers prove who they are with: a client certificate, or an access token. */

import { readFileSync } from 'node:fs';
import type { DevelopmentAccess } from '../dev/access/access.ts';
import { accessToken, type RunCaller } from '../platform/run-access.ts';

/** Of one connection over TLS. */
export interface Proof {
  /** PEM. */
  tls: { ca: Buffer; cert?: Buffer; key?: Buffer };
  /** Sent with every call. */
  token?: string;
}

/** A client certificate of the role. */
export function certificateProof({ auth }: Pick<DevelopmentAccess, 'auth'>, role: string): Proof {
  const files = auth.certificates[role];
  if (files === undefined) throw new Error(`there is no certificate for the role '${role}'`);
  const { cert, key } = files;
  return { tls: { ca: readFileSync(auth.ca), cert: readFileSync(cert), key: readFileSync(key) } };
}

/** A token of the development issuer, for a service's role or a customer, and no client certificate. */
export async function tokenProof(
  { auth }: Pick<DevelopmentAccess, 'auth'>,
  caller: RunCaller,
): Promise<Proof> {
  return { tls: { ca: readFileSync(auth.ca) }, token: await accessToken(auth, caller) };
}
