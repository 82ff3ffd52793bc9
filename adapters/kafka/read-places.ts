/**
 * How far each partition was read. Only processed records are committed, so what has no record after the last of them would
 * count as waiting until the next one.
 */

import type { MessagesStream } from '@platformatic/kafka';
import type { InboundTopicName } from '../../domain/inbound/topics.ts';

export interface ReadPlaces {
  /** Called with each record before it is processed. */
  add(message: { topic: string; partition: number; offset: bigint }): void;
  /** How many offsets after the last commit have no record to process: marks of transactions, and aborted records. */
  passed(topic: InboundTopicName, partition: number): bigint;
}

/** @param stream of which `add` receives every record */
export function createReadPlaces(
  stream: Pick<
    MessagesStream<Buffer, Buffer, Buffer, Buffer>,
    'offsetsCommitted' | 'offsetsToFetch' | 'readableLength'
  >,
): ReadPlaces {
  const lastRead = new Map<string, bigint>();
  return {
    add: ({ topic, partition, offset }) => void lastRead.set(`${topic}:${partition}`, offset),
    passed(topic, partition) {
      const place = `${topic}:${partition}`;
      const committed = stream.offsetsCommitted.get(place) ?? 0n;
      const position = stream.offsetsToFetch.get(place) ?? 0n;
      const isAllCommitted = stream.readableLength === 0 && (lastRead.get(place) ?? -1n) < committed;
      return isAllCommitted && position > committed ? position - committed : 0n;
    },
  };
}
