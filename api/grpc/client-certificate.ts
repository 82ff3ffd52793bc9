/** The names in a caller's client certificate, read once for each connection. */

import type { ServerUnaryCall } from '@grpc/grpc-js';

/** Of any kind. */
type Call = Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>;

interface Certificate {
  names: string | undefined;
  /** Epoch milliseconds; NaN without a certificate. */
  validTo: number;
}

/** A connection keeps the certificate of its handshake: HTTP/2 has no renegotiation (RFC 9113, 9.2.1). */
const certificates = new WeakMap<object, Certificate>();

/**
 * The subject alternative names of the verified certificate, in Node's format: `URI:…, DNS:…`; undefined without one, or
 * once it has expired: the handshake may be an older one, which a session resumes without checking it again.
 * grpc-js parses the certificate each time that it is asked: half as much work as answering from the cache of contexts.
 */
export function certificateNamesOf(call: Call): string | undefined {
  const { names, validTo } = certificateOf(call);
  return validTo > Date.now() ? names : undefined;
}

function certificateOf(call: Call): Certificate {
  const connection = connectionOf(call);
  if (connection === undefined) return readCertificate(call);
  const known = certificates.get(connection) ?? readCertificate(call);
  certificates.set(connection, known);
  return known;
}

function readCertificate(call: Call): Certificate {
  const { sslPeerCertificate } = call.getAuthContext();
  return {
    names: sslPeerCertificate?.subjectaltname,
    validTo: Date.parse(sslPeerCertificate?.valid_to ?? ''),
  };
}

/** The HTTP/2 session, for which grpc-js has no public name; undefined: it is not where 1.14.7 has it. */
function connectionOf(call: Call): object | undefined {
  const { stream } = (call as { call?: { stream?: { session?: object } } }).call ?? {};
  return stream?.session;
}
