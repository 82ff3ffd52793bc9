// Required by @peculiar/x509.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PemConverter, X509CertificateGenerator } from '@peculiar/x509';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type DevelopmentCertificates, writeCertificates } from '../../dev/access/certificates.ts';
import type { Settings } from '../settings.ts';
import { checkCertificates } from './certificates.ts';

const DAY_MS = 86_400_000;
let folder: string;
let made: DevelopmentCertificates;
let variables: Record<string, string>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'persona-doctor-'));
  made = await writeCertificates(folder);
  const { server, ca } = made;
  variables = {
    HTTP_TLS_CERT: server.cert,
    HTTP_TLS_KEY: server.key,
    GRPC_TLS_CERT: server.cert,
    GRPC_TLS_KEY: server.key,
    GRPC_TLS_CA: ca,
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => void vi.useRealTimers());

const check = (changes: Record<string, string | undefined> = {}, auth?: object) =>
  checkCertificates({ variables: { ...variables, ...changes }, auth } as unknown as Settings);

test('certificates are reported with their names and the day on which they expire', () => {
  const detail = expect.stringMatching(
    /^for DNS:localhost, IP Address:127\.0\.0\.1.*; expires \d{4}-\d\d-\d\d$/,
  );
  expect(check()).toEqual({
    rest_certificate: { state: 'ok', detail },
    grpc_certificate: { state: 'ok', detail },
  });
});

test("a client certificate for Temporal, and a local instance's for operations, need no host names", () => {
  const { cert, key } = made.agents.ops;
  const results = checkCertificates({
    variables: { TEMPORAL_TLS_CLIENT_CERT_PATH: cert, TEMPORAL_TLS_CLIENT_KEY_PATH: key },
    auth: { ca: made.ca, certificates: { ops: made.agents.ops } },
  } as unknown as Settings);
  const detail = expect.stringContaining('spiffe://persona/agent/ops; expires');
  expect(results).toEqual({
    temporal_certificate: { state: 'ok', detail },
    ops_certificate: { state: 'ok', detail },
  });
});

test('nothing is reported about certificates that are not configured', () => {
  expect(checkCertificates({ variables: {} } as unknown as Settings)).toEqual({});
});

test.each([
  ['a missing variable', { GRPC_TLS_CA: undefined }, 'GRPC_TLS_CA is not set'],
  ['a missing file', { GRPC_TLS_CERT: '/does/not/exist.pem' }, '/does/not/exist.pem'],
])('%s is wrong, and the files of REST are not affected', (_, changes, detail) => {
  expect(check(changes)).toMatchObject({
    rest_certificate: { state: 'ok' },
    grpc_certificate: { state: 'wrong', detail: expect.stringContaining(detail), remedy: expect.any(String) },
  });
});

test('a key of another certificate, and files that are no certificate, are wrong and named', () => {
  const { key } = made.agents.ops;
  expect(check({ HTTP_TLS_KEY: key }).rest_certificate).toMatchObject({
    state: 'wrong',
    detail: `${key} is not the key of ${made.server.cert}`,
  });
  const text = join(folder, 'text.pem');
  writeFileSync(text, 'text');
  expect(check({ GRPC_TLS_CA: text }).grpc_certificate).toMatchObject({
    state: 'wrong',
    detail: `${text} is not a valid PEM file`,
  });
});

test("a server's certificate without names for a host is wrong", async () => {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=persona.example',
    notAfter: new Date(Date.now() + 365 * DAY_MS),
    keys,
    signingAlgorithm: algorithm,
  });
  const [cert, key] = [join(folder, 'no-names.pem'), join(folder, 'no-names.key')];
  writeFileSync(cert, certificate.toString('pem'));
  const exported = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  writeFileSync(key, PemConverter.encode(exported, 'PRIVATE KEY'));
  const withoutNames = checkCertificates({
    variables: { HTTP_TLS_CERT: cert, HTTP_TLS_KEY: key },
  } as unknown as Settings).rest_certificate;
  expect(withoutNames).toMatchObject({
    state: 'wrong',
    detail: expect.stringContaining(`${cert} has no subject alternative names`),
  });
});

test.each([
  ['not valid yet', -1, 'is not valid before'],
  ['two weeks before the end', 77, 'expires soon, on'],
  ['expired', 91, 'expired on'],
])('a certificate that is %s is wrong', (_, days, detail) => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * DAY_MS });
  expect(check().rest_certificate).toMatchObject({ state: 'wrong', detail: expect.stringContaining(detail) });
});
