import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import { Secret } from '../../platform/secret.ts';
import { serveCodec } from '../../temporal/codec-server.ts';
import type { Settings } from '../settings.ts';
import { checkCodecServer } from './codec.ts';

const OPERATOR = 'operator';
const KEY = randomBytes(32);

/** A codec server with this key. @returns its port */
async function startCodec(key: Buffer): Promise<string> {
  const server = await serveCodec({
    port: 0,
    origins: [],
    keys: [{ id: 'k1', key }],
    async authorise(authorization) {
      if (authorization === undefined) throw new PersonaError('unauthenticated', 'a token is required');
      if (authorization !== `Bearer ${OPERATOR}`)
        throw new PersonaError('permission_denied', 'service:oracle may not call the codec server');
    },
    logger: pino({ level: 'silent' }),
  });
  onTestFinished(() => server.close());
  return new URL(server.url).port;
}

const check = (CODEC_PORT: string | undefined, token?: string) =>
  checkCodecServer({
    variables: { CODEC_PORT, TEMPORAL_CODEC_KEYS: `k1:${KEY.toString('base64')}` },
    runFile: { path: 'run.json' },
    ...(token && { token: new Secret(token) }),
  } as unknown as Settings);

test('a codec server that admits the operator and has the key passes', async () => {
  expect(await check(await startCodec(KEY), OPERATOR)).toMatchObject({
    state: 'ok',
    detail: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+ decrypts payloads$/),
  });
});

test('a token without the role is wrong, and without a token only the server is checked', async () => {
  const port = await startCodec(KEY);
  expect(await check(port, 'oracle')).toMatchObject({
    state: 'wrong',
    detail: expect.stringContaining('service:oracle may not call the codec server'),
  });
  expect(await check(port)).toMatchObject({
    state: 'ok',
    detail: expect.stringContaining('asks for a token'),
  });
});

test('a codec server with another key is wrong', async () => {
  expect(await check(await startCodec(randomBytes(32)), OPERATOR)).toMatchObject({
    state: 'wrong',
    remedy: expect.stringContaining('TEMPORAL_CODEC_KEYS'),
  });
});

test('one that does not answer is unreachable; none is no problem', async () => {
  expect(await check('1', OPERATOR)).toMatchObject({
    state: 'unreachable',
    remedy: expect.stringContaining('CODEC_PORT'),
  });
  expect(await check(undefined, OPERATOR)).toMatchObject({ state: 'ok' });
});
