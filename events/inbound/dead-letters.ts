/** Dead letters as they are written to Kafka, and back. */

import { PersonaError } from '../../domain/errors.ts';
import { maskBytes, maskCardNumbers, maskFields } from '../../domain/inbound/mask.ts';
import {
  type DeadLetter,
  type DeadLetterCodec,
  type InboundRecord,
  isTooLarge,
  recordId,
  type Rejection,
} from '../../domain/inbound/records.ts';
import { DEAD_LETTERS, InboundTopic, type InboundTopicName } from '../../domain/inbound/topics.ts';
import type { DeadLetterCipher } from '../../security/dead-letter-cipher.ts';
import { createSingleObjectDecoder, createSingleObjectEncoder } from '../avro.ts';
import { readSchema } from '../schemas.ts';
import type { DecodeRecord } from './decode-record.ts';

/** The fields of `dlq.avsc`. */
interface StoredLetter {
  topic: string;
  partition: number;
  offset: number;
  error_type: string;
  error: string;
  event_id: string | null;
  sealed_record: string;
  read_at: number;
  recorded_at: number | null;
}

/** What is sealed; bytes in base64. */
interface StoredRecord {
  key: string | null;
  value: string | null;
  headers: Record<string, string>;
}

/**
 * @returns makes a dead letter, without the card numbers of its record; `now`: epoch milliseconds. It throws PersonaError
 * schema_registry_unavailable
 */
export function createDeadLetters(
  decode: DecodeRecord,
): (record: InboundRecord, rejection: Rejection, now: number) => Promise<DeadLetter> {
  const encoders = new Map(
    Object.values(InboundTopic).map((topic) => [topic, createSingleObjectEncoder(readSchema(topic))]),
  );
  const maskValue = async (record: InboundRecord) => {
    const decoded = await decode(record);
    const encode = encoders.get(record.topic);
    if ('value' in decoded && encode) return encode(maskFields(decoded.value));
    return record.value && maskBytes(record.value);
  };
  const mask = async (record: InboundRecord): Promise<Pick<InboundRecord, 'key' | 'value' | 'headers'>> => {
    if (isTooLarge(record)) return { key: undefined, value: undefined, headers: {} };
    const headers = Object.entries(record.headers).map(([name, text]) => [name, maskCardNumbers(text)]);
    const key = record.key && maskBytes(record.key);
    return { key, value: await maskValue(record), headers: Object.fromEntries(headers) };
  };
  return async (record, rejection, now) => ({
    ...rejection,
    id: recordId(record),
    record: { ...record, ...(await mask(record)) },
    read_at: now,
  });
}

export function createDeadLetterCodec(cipher: DeadLetterCipher): DeadLetterCodec {
  const schema = readSchema(DEAD_LETTERS);
  const [encode, decode] = [createSingleObjectEncoder(schema), createSingleObjectDecoder([schema])];
  return {
    encode({ id, record, error_type, error, event_id, read_at }) {
      const { topic, partition, offset, key, value, headers, timestamp } = record;
      const stored: StoredRecord = { key: toBase64(key), value: toBase64(value), headers: { ...headers } };
      return encode({
        ...{ topic, partition, offset: Number(offset), error_type, error, event_id: event_id ?? null },
        sealed_record: cipher.seal(id, JSON.stringify(stored)),
        ...{ read_at, recorded_at: isTime(timestamp) ? timestamp : null },
      } satisfies StoredLetter);
    },
    decode(id, bytes) {
      const letter = decode(bytes).value as StoredLetter;
      return {
        id,
        ...{
          topic: letter.topic,
          error_type: letter.error_type,
          error: letter.error,
          read_at: letter.read_at,
        },
        ...(letter.event_id !== null && { event_id: letter.event_id }),
        open: () => openRecord(cipher, id, letter),
      };
    },
  };
}

function openRecord(cipher: DeadLetterCipher, id: string, letter: StoredLetter): InboundRecord {
  let stored: StoredRecord;
  try {
    stored = JSON.parse(cipher.open(id, letter.sealed_record)) as StoredRecord;
  } catch (error) {
    const message = `the record of dead letter ${id} cannot be decrypted with the keys of PERSONA_KEYS`;
    throw new PersonaError('key_unavailable', message, { cause: error });
  }
  return {
    topic: letter.topic as InboundTopicName,
    ...{ partition: letter.partition, offset: BigInt(letter.offset), headers: stored.headers },
    ...{ key: fromBase64(stored.key), value: fromBase64(stored.value) },
    timestamp: letter.recorded_at ?? letter.read_at,
  };
}

/** A producer may write any number, such as nanoseconds, which Avro's `long` would refuse: the record could never be kept. */
const isTime = (timestamp: number) => !Number.isNaN(new Date(timestamp).getTime());

const toBase64 = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? null : Buffer.from(bytes).toString('base64');
const fromBase64 = (text: string | null) => (text === null ? undefined : Buffer.from(text, 'base64'));
