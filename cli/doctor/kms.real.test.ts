/** `doctor` and `config` with keys that AWS KMS has encrypted, against moto. */

import { Readable } from 'node:stream';
import { CreateKeyCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runCli } from '../program.ts';

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

async function run(command: string, variables: Record<string, string>) {
  const out: string[] = [];
  const code = await runCli([command, '--json'], {
    env: { PERSONA_RUN_FILE: '/does/not/exist/run.json', ...variables },
    stdin: Readable.from([]),
    out: (text) => out.push(text),
    err: (text) => expect.fail(text),
  });
  return { code, document: JSON.parse(out.join('\n')) };
}

const kmsCheck = ({ document }: { document: { checks: { name: string }[] } }) =>
  document.checks.find(({ name }) => name === 'kms');

test('doctor reports which rings AWS KMS decrypts, and config masks them', async () => {
  const keys = { PERSONA_KEYS: ring, TEMPORAL_CODEC_KEYS: ring };
  expect(kmsCheck(await run('doctor', keys))).toMatchObject({
    state: 'ok',
    detail: 'AWS KMS decrypts PERSONA_KEYS, TEMPORAL_CODEC_KEYS',
  });
  const { document } = await run('config', keys);
  expect(document.environment.PERSONA_KEYS).toEqual({ value: '[masked]', source: 'environment' });
  expect(JSON.stringify(document)).not.toContain(ring.slice(-20));
});

test('doctor and config report keys that AWS KMS cannot decrypt, and check everything else', async () => {
  const mistaken = { PERSONA_KEYS: `mistaken:kms:${Buffer.alloc(64, 1).toString('base64')}` };
  const refused = await run('doctor', mistaken);
  expect(kmsCheck(refused)).toMatchObject({
    state: 'wrong',
    detail: expect.stringContaining("PERSONA_KEYS: AWS KMS cannot decrypt key 'mistaken'"),
    remedy: expect.stringContaining('kms:Decrypt'),
  });
  expect(refused.document.checks.map(({ name }: { name: string }) => name)).toEqual(
    expect.arrayContaining(['neo4j', 'temporal', 'redis', 'gateway']),
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
  const away = await run('doctor', { PERSONA_KEYS: ring });
  expect(away.code).toBe(3);
  expect(kmsCheck(away)).toMatchObject({ state: 'unreachable' });
});
