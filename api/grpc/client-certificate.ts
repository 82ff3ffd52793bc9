/** The names in a caller's client certificate, read once for each connection. */

import type { ServerUnaryCall } from '@grpc/grpc-js';

/** Of any kind. */
type Call = Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>;

type Names = string | undefined;

/** A connection keeps the certificate of its handshake: HTTP/2 has no renegotiation (RFC 9113, 9.2.1). */
const namesByConnection = new WeakMap<object, { names: Names }>();

/**
 * The subject alternative names of the verified certificate, in Node's format: `URI:…, DNS:…`; undefined without one.
 * grpc-js parses the certificate each time that it is asked: half as much work as answering from the cache of contexts.
 */
export function certificateNamesOf(call: Call): string | undefined {
  const connection = connectionOf(call);
  if (connection === undefined) return readNames(call);
  let known = namesByConnection.get(connection);
  if (known === undefined) {
    known = { names: readNames(call) };
    namesByConnection.set(connection, known);
  }
  return known.names;
}

function readNames(call: Call): Names {
  return call.getAuthContext().sslPeerCertificate?.subjectaltname;
}

/** The HTTP/2 session, for which grpc-js has no public name; undefined: it is not where 1.14.7 has it. */
function connectionOf(call: Call): object | undefined {
  const { stream } = (call as { call?: { stream?: { session?: object } } }).call ?? {};
  return stream?.session;
}
