/** TLS in front of a server that has none: what clients must do for one that has. */

import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { CertificateFiles } from '../dev/access/certificates.ts';

export interface TlsProxy {
  port: number;
  /** Connections on which a client has sent something: it has accepted the certificate. */
  connections(): number;
  close(): Promise<void>;
}

/** @param target `host:port` of the server @param clientCa if given, clients need a certificate of this authority */
export async function startTlsProxy(
  target: string,
  { cert, key }: CertificateFiles,
  clientCa?: string,
): Promise<TlsProxy> {
  const [host = '', port = ''] = target.split(':');
  const open = new Set<TLSSocket>();
  let connections = 0;
  // Temporal's clients speak HTTP/2, and ask for it; others for HTTP/1.1.
  const options = {
    ...{ cert: readFileSync(cert), key: readFileSync(key), ALPNProtocols: ['h2', 'http/1.1'] },
    ...(clientCa !== undefined && { ca: readFileSync(clientCa), requestCert: true }),
  };
  const server = createServer(options, (client) => {
    open.add(client);
    client.once('data', () => {
      connections += 1;
    });
    const upstream = connect(Number(port), host);
    client.pipe(upstream).pipe(client);
    const end = () => {
      open.delete(client);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.once('error', end).once('close', end);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
