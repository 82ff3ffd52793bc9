/** Temporal over TLS, through a proxy: a wrong setting is named by its variable, for clients and for workers. */

// Required by @peculiar/x509.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type CertificateFiles,
  type DevelopmentCertificates,
  writeCertificates,
} from '../dev/access/certificates.ts';
import { readTemporalEnvironment } from '../platform/environment.ts';
import { startTlsProxy, type TlsProxy } from '../test/tls-proxy.ts';
import { connectTemporal } from './client.ts';
import { connectWorkers } from './worker.ts';

const SERVER = process.env.TEMPORAL_ADDRESS ?? '';
let folder: string;
let own: DevelopmentCertificates;
let other: DevelopmentCertificates;
let proxy: TlsProxy;
/** For clients with a certificate. */
let mutualProxy: TlsProxy;
/** With a certificate for another host, which is its own authority. */
let foreignProxy: TlsProxy;
let foreign: CertificateFiles;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'persona-temporal-tls-'));
  [own, other] = await Promise.all(
    ['own', 'other'].map((name) => writeCertificates(join(folder, name))) as [
      Promise<DevelopmentCertificates>,
      Promise<DevelopmentCertificates>,
    ],
  );
  foreign = await writeCertificateFor('temporal.example');
  [proxy, mutualProxy, foreignProxy] = await Promise.all([
    startTlsProxy(SERVER, own.server),
    startTlsProxy(SERVER, own.server, own.ca),
    startTlsProxy(SERVER, foreign),
  ]);
});
afterAll(async () => {
  await Promise.all([proxy, mutualProxy, foreignProxy].map((one) => one.close()));
  rmSync(folder, { recursive: true, force: true });
});

async function writeCertificateFor(host: string): Promise<CertificateFiles> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...{ name: `CN=${host}`, keys, signingAlgorithm: algorithm },
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: host }])],
  });
  const files = { cert: join(folder, 'foreign.pem'), key: join(folder, 'foreign.key') };
  writeFileSync(files.cert, certificate.toString('pem'));
  const exported = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  writeFileSync(files.key, PemConverter.encode(exported, 'PRIVATE KEY'));
  return files;
}

const at = ({ port }: TlsProxy) => ({ TEMPORAL_ADDRESS: `localhost:${port}` });
const authority = ({ ca }: DevelopmentCertificates) => ({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: ca });
const certificate = ({ agents: { ops } }: DevelopmentCertificates) => ({
  TEMPORAL_TLS_CLIENT_CERT_PATH: ops.cert,
  TEMPORAL_TLS_CLIENT_KEY_PATH: ops.key,
});

/** Connects as a client and as a worker. */
async function connectBoth(variables: Record<string, string>): Promise<string[]> {
  const { apiKey: _, ...address } = readTemporalEnvironment({ TEMPORAL_NAMESPACE: 'default', ...variables });
  const connections = [
    connectTemporal({ ...address, codecKeys: 'none' }).then((client) => client.connection.close()),
    connectWorkers(address).then((connection) => connection.close()),
  ];
  return Promise.all(
    connections.map((connection) =>
      connection.then(
        () => 'connected',
        (error: Error) => error.message,
      ),
    ),
  );
}

test('with the right authority, and certificate if one is required, both connect', async () => {
  expect(await connectBoth({ ...at(proxy), ...authority(own) })).toEqual(['connected', 'connected']);
  const mutual = { ...at(mutualProxy), ...authority(own), ...certificate(own) };
  expect(await connectBoth(mutual)).toEqual(['connected', 'connected']);
});

test.concurrent.each([
  ['another authority', () => ({ ...at(proxy), ...authority(other) }), 'TEMPORAL_TLS_SERVER_CA_CERT_PATH'],
  ['no authority', () => ({ ...at(proxy), TEMPORAL_TLS: 'true' }), 'TEMPORAL_TLS_SERVER_CA_CERT_PATH'],
  [
    'a certificate for no such name',
    () => ({ ...at(foreignProxy), TEMPORAL_TLS_SERVER_CA_CERT_PATH: foreign.cert }),
    'set TEMPORAL_ADDRESS',
  ],
  [
    'no client certificate',
    () => ({ ...at(mutualProxy), ...authority(own) }),
    'TEMPORAL_TLS_CLIENT_CERT_PATH',
  ],
  [
    "another authority's client certificate",
    () => ({ ...at(mutualProxy), ...authority(own), ...certificate(other) }),
    'TEMPORAL_TLS_CLIENT_CERT_PATH',
  ],
  ['plain text to TLS', () => at(proxy), 'set TEMPORAL_TLS=true'],
  [
    'TLS to plain text',
    () => ({ TEMPORAL_ADDRESS: SERVER, TEMPORAL_TLS: 'true' }),
    'unset the TEMPORAL_TLS variables',
  ],
])('%s: the error names the variable', async (_, variables, named) => {
  const message = expect.stringContaining(named) as string;
  expect(await connectBoth(variables())).toEqual([message, message]);
});
