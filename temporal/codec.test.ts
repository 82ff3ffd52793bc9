import { randomBytes } from 'node:crypto';
import { ApplicationFailure, defaultPayloadConverter, type Payload } from '@temporalio/common';
import {
  decodeFromPayloadsAtIndex,
  decodeOptionalFailureToOptionalError,
  encodeErrorToFailure,
  encodeToPayloads,
  loadDataConverter,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import { expect, test } from 'vitest';
import { createDataConverter, createPayloadCodec } from './codec.ts';

const key = (id: string) => ({ id, key: randomBytes(32) });
const text = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString();
const SECRET = 'ann@example.com';

test('encrypts a payload including its metadata, and records the key id', async () => {
  const converter = loadDataConverter(createDataConverter([key('k1')]));
  const [payload] = (await encodeToPayloads(converter, { email: SECRET })) ?? [];

  expect(text(payload?.metadata?.encoding)).toBe('binary/encrypted');
  expect(text(payload?.metadata?.['encryption-key-id'])).toBe('k1');
  expect(text(payload?.data)).not.toContain(SECRET);
  expect(text(payload?.data)).not.toContain('json/plain');
  expect(await decodeFromPayloadsAtIndex(converter, 0, payload && [payload])).toEqual({ email: SECRET });
});

test('decodes a plain payload of a client without the codec', async () => {
  const plain: Payload = defaultPayloadConverter.toPayload({ payment_id: 'p-1' });
  expect(await createPayloadCodec([key('k1')]).decode([plain])).toEqual([plain]);
});

test('decodes mixed payloads in order, including those encrypted with a rotated key', async () => {
  const old = key('old');
  const [sealed] = await createPayloadCodec([old]).encode([defaultPayloadConverter.toPayload('first')]);
  const plain = defaultPayloadConverter.toPayload('second');
  const decoded = await createPayloadCodec([key('new'), old]).decode([sealed as Payload, plain]);
  expect(decoded.map((payload) => defaultPayloadConverter.fromPayload(payload))).toEqual(['first', 'second']);
});

test('throws on a payload that it cannot decrypt', async () => {
  const codec = createPayloadCodec([key('k1')]);
  const [sealed] = await codec.encode([defaultPayloadConverter.toPayload('x')]);
  const other = createPayloadCodec([key('k2')]);
  await expect(other.decode([sealed as Payload])).rejects.toThrow(/'k1'/);
  const { 'encryption-key-id': _, ...withoutKey } = sealed?.metadata ?? {};
  await expect(codec.decode([{ ...sealed, metadata: withoutKey }])).rejects.toThrow(/encryption-key-id/);
});

test("encrypts a failure's message, stack trace, details and causes, but not its type", async () => {
  const converter = loadDataConverter(createDataConverter([key('k1')]));
  const cause = new Error(`no such address: ${SECRET}`);
  const error = ApplicationFailure.create({
    type: 'invalid_argument',
    message: `bad ${SECRET}`,
    details: [SECRET],
    cause,
  });

  const failure = await encodeErrorToFailure(converter, error);
  expect(
    JSON.stringify(failure, (_, value) => (value?.type === 'Buffer' ? text(value.data) : value)),
  ).not.toContain(SECRET);
  expect(failure.applicationFailureInfo?.type).toBe('invalid_argument');

  const back = (await decodeOptionalFailureToOptionalError(converter, failure)) as ApplicationFailure;
  expect(back.message).toBe(`bad ${SECRET}`);
  expect(back.details).toEqual([SECRET]);
  expect((back.cause as Error).message).toContain(SECRET);
});
