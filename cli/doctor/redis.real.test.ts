import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { writeCertificates } from '../../dev/access/certificates.ts';
import { freePort } from '../../dev/stack/ports.ts';
import { trustAuthority, type RunAccess } from '../../platform/run-access.ts';
import { startTestRedis, type TestRedis } from '../../test/redis-fixture.ts';
import { startTlsProxy } from '../../test/tls-proxy.ts';
import type { Settings } from '../settings.ts';
import { checkRedis } from './redis.ts';

let server: TestRedis;
let address: string;
beforeAll(async () => {
  server = await startTestRedis();
  address = new URL(server.url).host;
});
afterAll(() => server.close());

const check = (REDIS_URL?: string) => checkRedis({ variables: { REDIS_URL } } as unknown as Settings);

test('a server that answers is reported with its version, and none is fine', async () => {
  expect(await check(server.url)).toEqual({
    state: 'ok',
    detail: expect.stringMatching(/^reachable at redis:\/\/127.0.0.1:\d+, version \d/),
  });
  expect(await check()).toMatchObject({ state: 'ok', detail: expect.stringContaining('not configured') });
});

test('an address without a server is unreachable, and the password is not shown', async () => {
  const found = await check(`redis://user:a-password@127.0.0.1:${await freePort()}`);
  expect(found).toMatchObject({ state: 'unreachable', detail: expect.stringContaining('ECONNREFUSED') });
  expect(JSON.stringify(found)).not.toContain('a-password');
});

test('a refused login is wrong, and the password is not shown', async () => {
  const found = await check(`redis://user:a-password@${address}`);
  expect(found).toMatchObject({ state: 'wrong', detail: expect.stringContaining('refuses the login') });
  expect(JSON.stringify(found)).not.toContain('a-password');
});

test('an address that is none is wrong', async () => {
  expect(await check('http://127.0.0.1:6379')).toMatchObject({
    state: 'wrong',
    detail: 'REDIS_URL must be a redis:// or rediss:// address',
  });
});

test('over TLS, the certificate of the server must be trusted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'persona-doctor-'));
  const { ca, server: files } = await writeCertificates(folder);
  const proxy = await startTlsProxy(address, files);
  onTestFinished(async () => {
    await proxy.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const url = `rediss://localhost:${proxy.port}`;
  expect(await check(url)).toMatchObject({
    state: 'unreachable',
    detail: expect.stringMatching(/certificate/),
  });
  trustAuthority({ ca } as RunAccess);
  expect(await check(url)).toMatchObject({ state: 'ok', detail: expect.stringContaining(url) });
});
