/** `doctor` and `config` with keys that AWS KMS has encrypted, against moto. */

import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { CreateKeyCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { runCli } from '../program.ts';
import { readSettings } from '../settings.ts';
import { checkKms } from './kms.ts';

let ring: string;

beforeAll(async () => {
  const url = process.env.MOTO_URL;
  if (!url) throw new Error('MOTO_URL is not set; npm test sets it');
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  vi.stubEnv('AWS_ENDPOINT_URL_KMS', url);
  const client = new KMSClient();
  const { KeyMetadata } = await client.send(new CreateKeyCommand());
  const { CiphertextBlob = [] } = await client.send(
    new EncryptCommand({ KeyId: KeyMetadata?.KeyId ?? '', Plaintext: Buffer.alloc(32, 3) }),
  );
  client.destroy();
  ring = `k:kms:${Buffer.from(CiphertextBlob).toString('base64')}`;
});
afterAll(() => void vi.unstubAllEnvs());

const PERSONA_RUN_FILE = '/does/not/exist/run.json';

const check = async (variables: Record<string, string>) =>
  (await checkKms(readSettings({ PERSONA_RUN_FILE, ...variables }))).result;

async function run(command: string, variables: Record<string, string>) {
  const out: string[] = [];
  const code = await runCli([command, '--json'], {
    env: { PERSONA_RUN_FILE, ...variables },
    stdin: Readable.from([]),
    out: (text) => out.push(text),
    err: (text) => expect.fail(text),
  });
  return { code, document: JSON.parse(out.join('\n')) };
}

/** A server that gRPC connects to at once; without one, doctor waits for it. @returns its port */
async function startHttp2(): Promise<string> {
  const server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return String((server.address() as AddressInfo).port);
}

test('the rings that AWS KMS decrypts are named, and config masks them', async () => {
  const keys = { PERSONA_KEYS: ring, TEMPORAL_CODEC_KEYS: ring };
  expect(await check(keys)).toEqual({
    state: 'ok',
    detail: 'AWS KMS decrypts PERSONA_KEYS, TEMPORAL_CODEC_KEYS',
  });
  const { document } = await run('config', keys);
  expect(document.environment.PERSONA_KEYS).toEqual({ value: '[masked]', source: 'environment' });
  expect(JSON.stringify(document)).not.toContain(ring.slice(-20));
});

test('nothing is reported without such keys', async () => {
  expect(await check({ PERSONA_KEYS: `k:${Buffer.alloc(32, 3).toString('base64')}` })).toBeUndefined();
});

test('doctor and config report keys that AWS KMS cannot decrypt, and check everything else', async () => {
  const mistaken = { PERSONA_KEYS: `mistaken:kms:${Buffer.alloc(64, 1).toString('base64')}` };
  const { checks } = (await run('doctor', { ...mistaken, GRPC_PORT: await startHttp2() })).document;
  expect(checks).toContainEqual({
    name: 'kms',
    state: 'wrong',
    detail: expect.stringContaining("PERSONA_KEYS: AWS KMS cannot decrypt key 'mistaken'"),
    remedy: expect.stringContaining('kms:Decrypt'),
  });
  expect(checks.map(({ name }: { name: string }) => name)).toEqual(
    expect.arrayContaining(['neo4j', 'temporal', 'redis', 'issuer', 'gateway']),
  );
  const { code, document } = await run('config', mistaken);
  expect(code).toBe(1);
  expect(document.environment.PERSONA_KEYS).toMatchObject({
    value: '[not shown]',
    problem: expect.stringContaining("AWS KMS cannot decrypt key 'mistaken'"),
  });
});

test('a KMS that does not answer is unreachable', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_KMS', 'http://127.0.0.1:1');
  expect(await check({ PERSONA_KEYS: ring })).toMatchObject({ state: 'unreachable' });
});
