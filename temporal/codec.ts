/** Temporal's data converter with encryption: arguments, results, summaries, failure messages and stack traces. */

import { fileURLToPath } from 'node:url';
import {
  type DataConverter,
  METADATA_ENCODING_KEY,
  type Payload,
  type PayloadCodec,
  ValueError,
} from '@temporalio/common';
import proto from '@temporalio/proto';
import { createPayloadCipher, type PayloadKey } from '../security/payload-cipher.ts';

const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';

const { Payload: PayloadProto } = proto.temporal.api.common.v1;
const utf8 = { encode: new TextEncoder(), decode: new TextDecoder() };

/** A module path rather than an object, because the workflow bundle needs the same converter inside its sandbox. */
export const failureConverterPath = fileURLToPath(new URL('./failure-converter.ts', import.meta.url));

/**
 * Encrypts every payload with the first key. Decoding passes unencrypted payloads through, so that clients without the
 * codec (an agent that signals with plain JSON) are accepted.
 */
export function createPayloadCodec(keys: readonly PayloadKey[]): PayloadCodec {
  const cipher = createPayloadCipher(keys);
  return {
    async encode(payloads) {
      return payloads.map((payload): Payload => {
        const { keyId, data } = cipher.seal(PayloadProto.encode(payload).finish());
        return {
          metadata: {
            [METADATA_ENCODING_KEY]: utf8.encode.encode(ENCODING),
            [KEY_ID]: utf8.encode.encode(keyId),
          },
          data,
        };
      });
    },
    async decode(payloads) {
      return payloads.map((payload): Payload => {
        const encoding = payload.metadata?.[METADATA_ENCODING_KEY];
        if (encoding == null || utf8.decode.decode(encoding) !== ENCODING) return payload;
        const keyId = payload.metadata?.[KEY_ID];
        if (keyId == null || payload.data == null)
          throw new ValueError(`An encrypted payload must have metadata '${KEY_ID}' and data`);
        const plain = cipher.open({ keyId: utf8.decode.decode(keyId), data: payload.data });
        return PayloadProto.decode(plain);
      });
    },
  };
}

/** The data converter that clients, workers and replay share. */
export function createDataConverter(keys: readonly PayloadKey[]): DataConverter {
  return { payloadCodecs: [createPayloadCodec(keys)], failureConverterPath };
}
