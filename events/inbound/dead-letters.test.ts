import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { DeadLetter } from '../../domain/inbound/records.ts';
import { InboundTopic } from '../../domain/inbound/topics.ts';
import { createDeadLetterCipher } from '../../security/dead-letter-cipher.ts';
import { createKeyRing } from '../../security/key-ring.ts';
import { createDeadLetterCodec } from './dead-letters.ts';

const codec = createDeadLetterCodec(
  createDeadLetterCipher(createKeyRing([{ id: 'd1', key: randomBytes(32) }])),
);
const topic = InboundTopic.fraudOutcome;
const letterOf = (timestamp: number): DeadLetter => ({
  id: `${topic}/0/7`,
  ...{ error_type: 'undecodable', error: 'the record has no value', read_at: 1_000 },
  record: { topic, partition: 0, offset: 7n, key: undefined, value: undefined, headers: {}, timestamp },
});

test.each([
  ['of its producer', 1_795_000_000_000, 1_795_000_000_000],
  ['in nanoseconds, which is no time', 1_795_000_000_000_000_000, 1_000],
  ['beyond the last day of a calendar', 8_640_000_000_000_001, 1_000],
])('a record with a timestamp %s can be kept', (_, timestamp, recorded) => {
  const letter = letterOf(timestamp);
  expect(codec.decode(letter.id, codec.encode(letter)).open().timestamp).toBe(recorded);
});
