/** What callers of a development copy authenticate with: an issuer of tokens, and certificates. */

import { join } from 'node:path';
import type { RunAccess } from '../../platform/run-access.ts';
import type { Program } from '../programs.ts';
import { writeCertificates } from './certificates.ts';

const AUDIENCE = 'persona';
const ISSUER_PORT = 8_090;

export interface DevelopmentAccess {
  /** For the run file. */
  auth: RunAccess;
  /** For the API. */
  variables: Record<string, string>;
  issuer: Program;
}

type Start = (
  name: string,
  file: string,
  ports: Record<string, number>,
  variables: Record<string, string>,
) => Promise<Program>;

/**
 * @param folder of the copy, which is deleted at its end
 * @param codecProxy of the proxy that authenticates Temporal's UI
 */
export async function startDevelopmentAccess(
  folder: string,
  start: Start,
  codecProxy: Record<string, string>,
): Promise<DevelopmentAccess> {
  const [{ ca, server, agents }, issuer] = await Promise.all([
    writeCertificates(join(folder, 'certificates')),
    start(
      'issuer',
      'dev/simulators/issuer/main.ts',
      { SIM_PORT: ISSUER_PORT },
      { AUTH_AUDIENCE: AUDIENCE, ...codecProxy },
    ),
  ]);
  const { url, token_url } = issuer.ready as { url: string; token_url: string };
  return {
    issuer,
    auth: { issuer: url, token_url, ca, certificates: agents },
    variables: {
      AUTH_ISSUER: url,
      AUTH_JWKS_URL: `${url}/jwks.json`,
      AUTH_AUDIENCE: AUDIENCE,
      HTTP_TLS_CERT: server.cert,
      HTTP_TLS_KEY: server.key,
      GRPC_TLS_CERT: server.cert,
      GRPC_TLS_KEY: server.key,
      GRPC_TLS_CA: ca,
    },
  };
}
