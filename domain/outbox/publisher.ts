/** The port to the broker that published records are written to. */

import type { TopicName } from './topics.ts';

/** A record as it is written. */
export interface EncodedRecord {
  readonly topic: TopicName;
  readonly key: Uint8Array;
  /** `null`: a tombstone. */
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Publisher {
  /**
   * Writes all records or none, those of one key in their order, and waits until every in-sync replica has them.
   *
   * @throws RecordsRefused the broker will never accept one of them; none was written
   * @throws PersonaError kafka_unavailable: it is unknown whether they were written, and a new publisher has to write them
   *   again. Also if a newer publisher has taken this one's place
   */
  publish(records: readonly EncodedRecord[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Takes the place of every earlier publisher: what those have not completed is withdrawn, and they can write nothing any
 * more. Creates missing topics.
 *
 * @throws PersonaError kafka_unavailable
 */
export type OpenPublisher = () => Promise<Publisher>;

/** The broker refuses a record for what it is, such as its size: a repetition would be refused as well. */
export class RecordsRefused extends Error {
  override name = 'RecordsRefused';
}
