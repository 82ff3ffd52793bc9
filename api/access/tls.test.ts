/** Both servers with real certificates, as the development stack makes them. */

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { type ChannelCredentials, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import {
  type CertificateFiles,
  type DevelopmentCertificates,
  writeCertificates,
} from '../../dev/access/certificates.ts';
import { watchTlsFiles } from '../../platform/tls-files.ts';
import { PersonaAgentClient } from '../../proto/gen/persona/v1/persona_agent.ts';
import type { Caller } from '../../services/caller.ts';
import { fakeServices, openAccess, silentObservers, testAppOptions } from '../fakes.ts';
import { serveGrpc } from '../grpc/server.ts';
import { createApp } from '../http/app.ts';
import { serveHttp } from '../http/server.ts';
import { createAuthentication } from './authenticate.ts';

let folder: string;
let first: DevelopmentCertificates;
/** Of another authority with the same names. */
let second: DevelopmentCertificates;
let files: { cert: string; key: string; ca: string };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'persona-tls-'));
  [first, second] = await Promise.all([
    writeCertificates(join(folder, 'first')),
    writeCertificates(join(folder, 'second')),
  ]);
  files = { cert: join(folder, 'cert.pem'), key: join(folder, 'cert.key'), ca: join(folder, 'ca.pem') };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => install(first));

/** Replaces the servers' files, the key last: in between, they do not fit. */
function install({ ca, server }: DevelopmentCertificates): void {
  copyFileSync(ca, files.ca);
  copyFileSync(server.cert, files.cert);
  copyFileSync(server.key, files.key);
}

const CHECK_MS = 20;

async function startServers() {
  const invalid: unknown[] = [];
  const tls = watchTlsFiles(files, (error) => invalid.push(error), CHECK_MS);
  const callers: Caller[] = [];
  const services = fakeServices({
    getRecovery: async (caller: Caller) => {
      callers.push(caller);
      return {} as never;
    },
  });
  const address = { host: '127.0.0.1', port: 0, tls };
  const authentication = createAuthentication(
    {
      issuer: 'https://login.shop.example',
      audience: 'persona',
      jwksUrl: 'http://127.0.0.1:9/',
    },
    { onUnavailable() {}, begin: () => () => {} },
  );
  const access = { ...openAccess, authentication };
  const grpc = await serveGrpc(address, services, silentObservers(), access);
  const http = await serveHttp(
    address,
    createApp(services, silentObservers(), { ...testAppOptions, ...access }),
  );
  onTestFinished(async () => {
    tls.close();
    authentication.close();
    await Promise.all([http.close(), grpc.close()]);
  });
  return { grpc: grpc.address, http: http.url, callers, invalid };
}

const agentOf = ({ ca }: DevelopmentCertificates, { cert, key }: CertificateFiles) =>
  credentials.createSsl(readFileSync(ca), readFileSync(key), readFileSync(cert));

/** A client with a connection of its own; clients with the same certificate share one otherwise. */
function openClient(grpc: string, channel: ChannelCredentials): PersonaAgentClient {
  return new PersonaAgentClient(grpc, channel, {
    'grpc.ssl_target_name_override': 'localhost',
    'grpc.use_local_subchannel_pool': 1,
  });
}

/** @returns the status of one call */
function callOver(client: PersonaAgentClient): Promise<number> {
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + 30_000 };
    const done = (error: ServiceError | null) => resolve(error?.code ?? status.OK);
    client.getRecovery({ payment_id: 'p' }, new Metadata(), options, done);
  });
}

async function callWith(grpc: string, channel: ChannelCredentials): Promise<number> {
  const client = openClient(grpc, channel);
  try {
    return await callOver(client);
  } finally {
    client.close();
  }
}

function healthOver(http: string, ca: string): Promise<number | string> {
  return new Promise((resolve) => {
    const agent = new Agent({ ca: readFileSync(ca) });
    get(`${http}/healthz`, { agent }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

test('an agent is known by its certificate, and may call what its role may', async () => {
  const { grpc, callers } = await startServers();
  expect(await callWith(grpc, agentOf(first, first.agents.synapse))).toBe(status.OK);
  expect(callers.map(({ caller }) => caller)).toEqual(['agent:synapse']);
  expect(await callWith(grpc, agentOf(first, first.agents.oracle))).toBe(status.PERMISSION_DENIED);
  expect(callers).toHaveLength(1);
});

test('a certificate is parsed once for its connection, and names the calls of that connection alone', async () => {
  const { grpc, callers } = await startServers();
  const [synapse, ops, stranger] = [
    openClient(grpc, agentOf(first, first.agents.synapse)),
    openClient(grpc, agentOf(first, first.agents.ops)),
    openClient(grpc, credentials.createSsl(readFileSync(first.ca))),
  ];
  onTestFinished(() => {
    for (const client of [synapse, ops, stranger]) client.close();
  });
  const callAll = () => Promise.all([synapse, ops, stranger].map(callOver));
  const statuses = [status.OK, status.OK, status.UNAUTHENTICATED];
  expect(await callAll()).toEqual(statuses);
  const parsed = vi.spyOn(TLSSocket.prototype, 'getPeerCertificate');
  onTestFinished(() => parsed.mockRestore());
  expect(await callAll()).toEqual(statuses);
  expect(parsed).not.toHaveBeenCalled();
  const names = callers.map(({ caller }) => caller).toSorted();
  expect(names).toEqual(['agent:ops', 'agent:ops', 'agent:synapse', 'agent:synapse']);
});

test('a certificate names its agent until it expires, also on a connection that is open', async () => {
  const { grpc } = await startServers();
  const client = openClient(grpc, agentOf(first, first.agents.synapse));
  onTestFinished(() => client.close());
  onTestFinished(() => void vi.useRealTimers());
  expect(await callOver(client)).toBe(status.OK);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 91 * 24 * 3_600_000 });
  expect(await callOver(client)).toBe(status.UNAUTHENTICATED);
});

test.each<[what: string, channel: () => ChannelCredentials]>([
  ['without a certificate', () => credentials.createSsl(readFileSync(first.ca))],
  ['with the certificate of a server', () => agentOf(first, first.server)],
])('a call %s is unauthenticated', async (_, channel) => {
  const { grpc, callers } = await startServers();
  expect(await callWith(grpc, channel())).toBe(status.UNAUTHENTICATED);
  expect(callers).toEqual([]);
});

test('a certificate of another authority with the same name ends the handshake', async () => {
  const { grpc, callers } = await startServers();
  expect(await callWith(grpc, agentOf(first, second.agents.synapse))).toBe(status.UNAVAILABLE);
  expect(callers).toEqual([]);
});

test('REST is served over TLS alone', async () => {
  const { http } = await startServers();
  expect(await healthOver(http, first.ca)).toBe(200);
  expect(await healthOver(http, second.ca)).toBe('CERT_SIGNATURE_FAILURE');
  await expect(fetch(http.replace('https:', 'http:'))).rejects.toThrow('fetch failed');
});

test('replaced certificates are used without a restart, and unusable ones are not', async () => {
  const { grpc, http, invalid } = await startServers();
  writeFileSync(files.key, 'half-written');
  await expect.poll(() => invalid.map(String)).toContain(`Error: ${files.key} is not a valid PEM file`);
  expect(await callWith(grpc, agentOf(first, first.agents.synapse))).toBe(status.OK);
  install(second);
  await expect.poll(() => healthOver(http, second.ca)).toBe(200);
  await expect.poll(() => callWith(grpc, agentOf(second, second.agents.synapse))).toBe(status.OK);
  expect(await callWith(grpc, agentOf(second, first.agents.synapse))).toBe(status.UNAVAILABLE);
});

test('a process does not start with a key that does not fit its certificate', () => {
  copyFileSync(second.server.key, files.key);
  expect(() => watchTlsFiles(files, () => {})).toThrow(`${files.key} is not the key of ${files.cert}`);
});
