/** Keys of a ring that AWS KMS has encrypted, with AWS's own client against moto. */

import { CreateKeyCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readCodecKeys, readGraphEnvironment } from './environment.ts';
import { decryptKmsKeys } from './kms-keys.ts';

const MARK = 'a-marked-key-of-thirty-two-bytes';
const PLAIN = `old:${Buffer.alloc(32, 2).toString('base64')}`;
let client: KMSClient;
let keyId: string;

beforeAll(async () => {
  const url = process.env.MOTO_URL;
  if (!url) throw new Error('MOTO_URL is not set; npm test sets it');
  vi.stubEnv('AWS_ENDPOINT_URL_KMS', url);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  client = new KMSClient();
  const { KeyMetadata } = await client.send(new CreateKeyCommand());
  keyId = KeyMetadata?.KeyId ?? '';
});
afterAll(() => {
  client.destroy();
  vi.unstubAllEnvs();
});

/** An entry of a ring. */
async function encrypted(id: string, key: string | Uint8Array = MARK): Promise<string> {
  const Plaintext = Buffer.from(key);
  const { CiphertextBlob = [] } = await client.send(new EncryptCommand({ KeyId: keyId, Plaintext }));
  return `${id}:kms:${Buffer.from(CiphertextBlob).toString('base64')}`;
}

const messageOf = (variables: Record<string, string>) =>
  decryptKmsKeys(variables).then(
    () => expect.fail('decrypted'),
    (error: Error) => error.message,
  );

test('every ring may have keys that KMS decrypts, beside others and in its order', async () => {
  const variables = await decryptKmsKeys({
    NEO4J_URI: 'bolt://127.0.0.1:7687',
    NEO4J_PASSWORD: 'x',
    PERSONA_KEYS: `${await encrypted('new')}, ${PLAIN}`,
    PERSONA_BLIND_KEYS: await encrypted('blind'),
    TEMPORAL_CODEC_KEYS: `${PLAIN},${await encrypted('codec', Buffer.alloc(32, 9))}`,
  });
  const { keys, blindKeys } = readGraphEnvironment(variables);
  expect(keys.reveal()).toEqual([
    { id: 'new', key: Buffer.from(MARK) },
    { id: 'old', key: Buffer.alloc(32, 2) },
  ]);
  expect(blindKeys.reveal()).toEqual([{ id: 'blind', key: Buffer.from(MARK) }]);
  expect(readCodecKeys(variables).reveal()[1]).toEqual({ id: 'codec', key: Buffer.alloc(32, 9) });
});

test('nothing is requested for a ring without such keys', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_KMS', 'http://127.0.0.1:1');
  const variables = { PERSONA_KEYS: PLAIN };
  expect(await decryptKmsKeys(variables)).toBe(variables);
  vi.stubEnv('AWS_ENDPOINT_URL_KMS', process.env.MOTO_URL ?? '');
});

test('a key that KMS does not decrypt to 32 bytes is refused, with every other problem, and never shown', async () => {
  const message = await messageOf({
    PERSONA_KEYS: `${await encrypted('short', 'a-marked-key')},${await encrypted('good')}`,
    PERSONA_BLIND_KEYS: `denied:kms:${Buffer.alloc(80).toString('base64')}`,
  });
  expect(message).toContain("PERSONA_KEYS: key 'short' must be 32 bytes; AWS KMS decrypts it to 12");
  expect(message).toMatch(/PERSONA_BLIND_KEYS: AWS KMS cannot decrypt key 'denied': AccessDeniedException/);
  expect(message).not.toContain('good');
  for (const secret of ['a-marked-key', Buffer.from('a-marked-key').toString('base64').slice(0, 12)])
    expect(message).not.toContain(secret);
});

test('a KMS that is away, or without a region, is reported with the variable and the key', async () => {
  const variables = { TEMPORAL_CODEC_KEYS: await encrypted('codec') };
  vi.stubEnv('AWS_ENDPOINT_URL_KMS', 'http://127.0.0.1:1');
  expect(await messageOf(variables)).toContain(
    "TEMPORAL_CODEC_KEYS: AWS KMS cannot decrypt key 'codec': ECONNREFUSED",
  );
  vi.stubEnv('AWS_REGION', undefined);
  expect(await messageOf(variables)).toContain(
    "TEMPORAL_CODEC_KEYS: AWS KMS cannot decrypt key 'codec': Region is missing",
  );
});
