/** Why a connection to Temporal over TLS fails: its clients say little, and never which setting is wrong. */

import { isIP } from 'node:net';
import { connect, type ConnectionOptions } from 'node:tls';
import type { TemporalAddress } from './address.ts';

const TIMEOUT_MS = 3_000;
/** With TLS 1.3 the server refuses a client's certificate only after the handshake. */
const REFUSAL_MS = 500;
const PLAIN_TEXT = /^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG))$/;
const NOT_TLS = /wrong version number|packet length too long/;

/** @returns the problem and the variable that solves it; `undefined`: TLS is not the problem, as far as can be seen */
export async function findTlsProblem({ address, apiKey, tls }: TemporalAddress): Promise<string | undefined> {
  if (!URL.canParse(`https://${address}`)) return undefined;
  const { hostname, port } = new URL(`https://${address}`);
  const host = hostname.replaceAll(/[[\]]/g, '');
  const isConfigured = tls !== undefined ? tls !== false : apiKey !== undefined;
  const files = typeof tls === 'object' ? tls : {};
  const { code = '', message } = await tryHandshake({
    ...{ host, port: Number(port || 443), ALPNProtocols: ['h2'] },
    ...(isIP(host) === 0 && { servername: host }),
    ...(files.serverRootCACertificate && { ca: files.serverRootCACertificate }),
    ...(files.clientCertPair && { cert: files.clientCertPair.crt, key: files.clientCertPair.key }),
    // Without TLS configured the question is only whether the server speaks it.
    ...(!isConfigured && { rejectUnauthorized: false }),
  });
  if (!isConfigured)
    return code === CONNECTED || isRefusal(code)
      ? 'the server requires TLS: set TEMPORAL_TLS=true, or TEMPORAL_TLS_SERVER_CA_CERT_PATH for its own authority'
      : undefined;
  if (code === CONNECTED || isNetworkError(code)) return undefined;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the server's certificate is not for '${host}': set TEMPORAL_ADDRESS to a name that it contains (${message})`;
  if (isRefusal(code))
    return `the server refuses the client's certificate, or requires one: set TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH (${message})`;
  if (PLAIN_TEXT.test(code) && NOT_TLS.test(message))
    return 'the server does not speak TLS: unset the TEMPORAL_TLS variables';
  return `the server's certificate is not trusted: set TEMPORAL_TLS_SERVER_CA_CERT_PATH to the certificate of its authority (${message})`;
}

const CONNECTED = 'connected';
const CLOSED = 'closed';

interface Outcome {
  code?: string;
  message: string;
}

/** Ends with the error of the handshake or shortly after it, or with `CONNECTED`. */
function tryHandshake(options: ConnectionOptions): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const socket = connect({ ...options, timeout: TIMEOUT_MS });
  let isSecure = false;
  socket.once('secureConnect', () => {
    isSecure = true;
    setTimeout(() => resolve({ code: CONNECTED, message: '' }), REFUSAL_MS);
  });
  socket.on('error', ({ code, message }: NodeJS.ErrnoException) =>
    resolve({ code: isSecure && code === 'ECONNRESET' ? CLOSED : (code ?? ''), message }),
  );
  socket.once('close', () => resolve({ code: CLOSED, message: 'the connection was closed' }));
  socket.once('timeout', () => resolve({ code: 'ETIMEDOUT', message: 'no response' }));
  return promise.finally(() => socket.destroy());
}

/** By an alert, or by closing the connection after the handshake. */
function isRefusal(code: string): boolean {
  return code === CLOSED || /^ERR_SSL_.*ALERT/.test(code);
}

function isNetworkError(code: string): boolean {
  return /^(ECONN|ETIMEDOUT|ENOTFOUND|EAI_|EHOST|ENET)/.test(code);
}
