/** Oracle, who archives every event: reads all of `persona.log.v1`, and drops the events which it has seen. */

import { randomUUID } from 'node:crypto';
import { addAbortSignal } from 'node:stream';
import { Topic } from '../../domain/outbox/topics.ts';
import type { SchemaRegistry } from '../../domain/schema-registry.ts';
import { CommittedConsumer } from '../../platform/committed-consumer.ts';
import { readAvroCodec } from './avro.ts';

/** Of an event: what Oracle counts and orders by. */
export interface LogEntry {
  event_id: string;
  stream_id: string;
  /** Numbers the events of the stream from 1. */
  seq: number;
  type: string;
}

export interface Archive {
  /** In the order of arrival, each event once. */
  entries: LogEntry[];
  /** How many records were dropped, because their events had arrived before. */
  repetitions: number;
}

const READ_COMMITTED = 1;
/** Everything is in the graph when Oracle begins, and publishing takes milliseconds. */
const LIMIT_MS = 30_000;

/**
 * Reads the log's topic from its first record until every awaited event has arrived, or for 30 s.
 * @param broker host:port
 * @param awaited ids of events
 * @param registry where Persona writes with a schema registry
 */
export async function archiveLog(
  broker: string,
  awaited: Iterable<string>,
  registry?: SchemaRegistry,
): Promise<Archive> {
  const { decode } = readAvroCodec<LogEntry>('log.avsc', registry);
  const consumer = new CommittedConsumer({
    clientId: 'oracle',
    groupId: `oracle-${randomUUID()}`,
    bootstrapBrokers: [broker],
    retries: 20,
    retryDelay: 250,
  });
  const missing = new Set(awaited);
  const entries = new Map<string, LogEntry>();
  let repetitions = 0;
  const limit = AbortSignal.timeout(LIMIT_MS);
  try {
    const stream = await consumer.consume({
      topics: [Topic.log],
      mode: 'earliest',
      autocommit: false,
      isolationLevel: READ_COMMITTED,
    });
    for await (const { value } of addAbortSignal(limit, stream)) {
      const { event_id, stream_id, seq, type } = await decode(value);
      if (entries.has(event_id)) repetitions += 1;
      else entries.set(event_id, { event_id, stream_id, seq, type });
      missing.delete(event_id);
      if (missing.size === 0) break;
    }
    return { entries: [...entries.values()], repetitions };
  } catch (error) {
    if (!limit.aborted) throw error;
    return { entries: [...entries.values()], repetitions };
  } finally {
    await consumer.close(true);
  }
}
