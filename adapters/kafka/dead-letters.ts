/** Dead letters in their compacted topic: the newest record of a key counts, and none after its deletion. */

import { type MessageToProduce, Producer } from '@platformatic/kafka';
import { PersonaError } from '../../domain/errors.ts';
import type { DeadLetterCodec, DeadLetterStore, KeptDeadLetter } from '../../domain/inbound/records.ts';
import { DEAD_LETTER_SETTINGS, DEAD_LETTERS } from '../../domain/inbound/topics.ts';
import { clientOptions, type KafkaOptions, kafkaUnavailable } from './connection.ts';
import { openTopicReader } from './topic-reader.ts';
import { createMissingTopics } from './topics.ts';

/** From every in-sync replica. */
const ACKS_ALL = -1;

type DeadLetterProducer = Producer<Buffer, Buffer, Buffer, Buffer>;

export interface KafkaDeadLetters extends DeadLetterStore {
  /** All that are not handled, oldest first. @throws PersonaError kafka_unavailable */
  list(): Promise<KeptDeadLetter[]>;
  /** It is handled. @throws PersonaError kafka_unavailable */
  remove(id: string): Promise<void>;
  close(): Promise<void>;
}

export function openDeadLetters(options: KafkaOptions, codec: DeadLetterCodec): KafkaDeadLetters {
  /** Shared by those who send at the same time. */
  let opening: Promise<DeadLetterProducer> | undefined;
  const close = async (closed = opening) => {
    if (opening === closed) opening = undefined;
    await closed?.then((producer) => producer.close(true)).catch(() => {});
  };
  const prepare = () =>
    createMissingTopics(options, [[DEAD_LETTERS, DEAD_LETTER_SETTINGS]]).catch((error: unknown) => {
      throw kafkaUnavailable(options, error);
    });
  const openProducer = async (): Promise<DeadLetterProducer> => {
    await prepare();
    return new Producer({ ...clientOptions(options), idempotent: true });
  };
  const send = async (message: Omit<MessageToProduce<Buffer, Buffer, Buffer, Buffer>, 'topic'>) => {
    const used = (opening ??= openProducer());
    try {
      const producer = await used;
      await producer.send({ messages: [{ ...message, topic: DEAD_LETTERS }], acks: ACKS_ALL });
    } catch (error) {
      // What it has sent without an answer has a number that the next one must not wait for.
      await close(used);
      throw error instanceof PersonaError ? error : kafkaUnavailable(options, error);
    }
  };
  return {
    add: (letter) => send({ key: Buffer.from(letter.id), value: codec.encode(letter) }),
    remove: (id) => send({ key: Buffer.from(id) }),
    async list() {
      const newest = await readNewest(options);
      const letters = [...newest].map(([id, value]) => codec.decode(id, value));
      return letters.sort((one, other) => one.read_at - other.read_at);
    },
    close: () => close(),
  };
}

async function readNewest(options: KafkaOptions): Promise<Map<string, Uint8Array>> {
  const newest = new Map<string, Uint8Array>();
  const reader = await openTopicReader(options, DEAD_LETTERS);
  // The first dead letter creates it.
  if (reader === undefined) return newest;
  try {
    const { first, end } = await reader.offsets();
    for (const [partition, from] of first.entries()) {
      for await (const { records } of reader.read(partition, from, end[partition] ?? from)) {
        for (const { key, value } of records) {
          const id = Buffer.from(key).toString();
          if (value === undefined) newest.delete(id);
          else newest.set(id, value);
        }
      }
    }
    return newest;
  } finally {
    await reader.close();
  }
}
