/** Records of other agents, and the port to the broker that they are read from. */

import type { InboundTopicName } from './topics.ts';

export interface InboundRecord {
  readonly topic: InboundTopicName;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Uint8Array | undefined;
  /** Absent: the record deletes its key, which no topic here allows. */
  readonly value: Uint8Array | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Epoch milliseconds, by the agent's or the broker's clock. */
  readonly timestamp: number;
}

export interface CommittedOffset {
  readonly topic: InboundTopicName;
  readonly partition: number;
  /** Of the next record to read. */
  readonly offset: bigint;
}

/** Records that the broker has deleted before they were read. */
export interface DeletedRecords {
  readonly topic: InboundTopicName;
  readonly partition: number;
  /** The first one's offset, and the one after the last: some may be marks of transactions. */
  readonly from: bigint;
  readonly to: bigint;
}

/** One membership in the group of consumers that share the topics. */
export interface RecordReader extends AsyncIterable<InboundRecord> {
  /** Offsets of partitions that another member has now are left out: that one may be further. @throws PersonaError kafka_unavailable */
  commit(offsets: readonly CommittedOffset[]): Promise<void>;
  /** Reads no more. The membership stays, so that what was read can be committed. */
  end(): void;
  /** Leaves the group. */
  close(): Promise<void>;
}

/** Identifies a record, and its dead letter. */
export const recordId = ({ topic, partition, offset }: CommittedOffset): string =>
  `${topic}/${partition}/${offset}`;

/** Many times the longest valid one. Searching it for card numbers takes less than seconds, and its dead letter fits into Kafka. */
const MAX_RECORD_BYTES = 32 * 1024;

/** Whether a record is too large to be looked into, or kept as a dead letter: only its place in its topic is. */
export function isTooLarge({
  key,
  value,
  headers,
}: Pick<InboundRecord, 'key' | 'value' | 'headers'>): boolean {
  const names = Object.entries(headers).reduce((all, [name, text]) => all + name.length + text.length, 0);
  return (key?.length ?? 0) + (value?.length ?? 0) + names > MAX_RECORD_BYTES;
}

/** Why a record cannot be processed. */
export interface Rejection {
  /** From the error catalogue; `undecodable`: it is no value of its topic's schema; `too_large`. */
  readonly error_type: string;
  /** Names fields and rules, not values. */
  readonly error: string;
  /** If the record could be decoded. */
  readonly event_id?: string;
}

/** A record that was given up. */
export interface DeadLetter extends Rejection {
  /** `TOPIC/PARTITION/OFFSET` of the record. */
  readonly id: string;
  /** With masked card numbers; without key, value and headers, if it is too large. */
  readonly record: InboundRecord;
  /** Epoch milliseconds. */
  readonly read_at: number;
}

/** A dead letter as it is kept. */
export interface KeptDeadLetter extends Omit<DeadLetter, 'record'> {
  readonly topic: string;
  /** Decrypts its record. @throws PersonaError key_unavailable: it was encrypted under a key that this process lacks */
  open(): InboundRecord;
}

/** Dead letters as they are written to the broker, and back. */
export interface DeadLetterCodec {
  encode(letter: DeadLetter): Buffer;
  /** @throws Error: it is no dead letter */
  decode(id: string, bytes: Uint8Array): KeptDeadLetter;
}

/** Where dead letters are kept. */
export interface DeadLetterStore {
  /** @throws PersonaError kafka_unavailable: it is unknown whether it was written; a repetition replaces it */
  add(letter: DeadLetter): Promise<void>;
}
