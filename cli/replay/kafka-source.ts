import type { KafkaOptions } from '../../adapters/kafka/connection.ts';
import { openTopicReader, type TopicReader, type TopicRecord } from '../../adapters/kafka/topic-reader.ts';
import { PersonaError } from '../../domain/errors.ts';
import { Topic } from '../../domain/outbox/topics.ts';
import type { SchemaRegistry } from '../../domain/schema-registry.ts';
import { NotDecodable } from '../../events/avro.ts';
import { readSchema } from '../../events/schemas.ts';
import { createValueDecoder, type DecodeValue } from '../../events/wire-format.ts';
import type { LogSource, SourceEvent, SourcePage } from '../../graph/replay/log-source.ts';
import type { StoredEvent } from '../../graph/replay/stream.ts';

/** Events per page, and so per transaction of the target. */
const PAGE = 1_000;

/** A record of the log's topic (`events/schemas/log.avsc`). */
type LogValue = Omit<StoredEvent, 'id' | 'occurred_at' | 'recorded_at'> & {
  event_id: string;
  /** Epoch milliseconds. */
  occurred_at: number;
  recorded_at: number;
};

export interface KafkaSource extends LogSource {
  close(): Promise<void>;
}

/**
 * The log as Kafka has it: what was published, up to the end of each partition.
 * @param registry absent: records in Confluent's wire format cannot be read
 * @throws PersonaError kafka_unavailable; log_unusable: there is no log, or its beginning was deleted. Its pages:
 * kafka_unavailable, schema_registry_unavailable, log_unusable
 */
export async function openKafkaSource(
  options: KafkaOptions,
  registry: SchemaRegistry | undefined,
): Promise<KafkaSource> {
  const reader = await openTopicReader(options, Topic.log);
  if (reader === undefined)
    throw new PersonaError('log_unusable', `Kafka has no topic ${Topic.log}: nothing was published to it`);
  // The data of a newer release's event may mean something that this one would leave out.
  const decode = createValueDecoder(readSchema(Topic.log), { registry, isExact: true });
  return {
    id: `Kafka's topic ${Topic.log} (${reader.topicId})`,
    async end() {
      const { first, end } = await reader.offsets();
      const partition = first.findIndex((offset) => offset > 0);
      if (partition !== -1) {
        const message = `${Topic.log} does not begin at offset 0 in partition ${partition}: records were deleted`;
        throw new PersonaError('log_unusable', message);
      }
      return JSON.stringify(end);
    },
    read: ({ end, after, streams }) =>
      readPages(reader, decode, {
        ends: JSON.parse(end) as number[],
        offsets: after === undefined ? [] : (JSON.parse(after) as number[]),
        streams,
      }),
    close: () => reader.close(),
  };
}

async function* readPages(
  reader: TopicReader,
  decode: DecodeValue,
  {
    ends,
    offsets,
    streams,
  }: { ends: number[]; offsets: number[]; streams?: ReadonlySet<string> | undefined },
): AsyncGenerator<SourcePage> {
  const position = ends.map((_, partition) => offsets[partition] ?? 0);
  for (const [partition, end] of ends.entries()) {
    for await (const { records, next } of reader.read(partition, position[partition] ?? 0, end)) {
      const all = await Promise.all(records.map((record) => toEvent(decode, record)));
      const events = all.filter(({ event }) => streams === undefined || streams.has(event.stream_id));
      while (events.length > PAGE) {
        // The whole fetched page is one position: its first part is only dropped as repetition if it is read again.
        yield { events: events.splice(0, PAGE), position: JSON.stringify(position) };
      }
      position[partition] = next;
      yield { events, position: JSON.stringify(position) };
    }
  }
}

async function toEvent(
  decode: DecodeValue,
  { partition, offset, value = new Uint8Array() }: TopicRecord,
): Promise<SourceEvent> {
  const place = `${Topic.log}, partition ${partition}, offset ${offset}`;
  try {
    const { event_id, occurred_at, recorded_at, ...fields } = (await decode(value)) as LogValue;
    const event: StoredEvent = {
      ...fields,
      id: event_id,
      occurred_at: new Date(occurred_at).toISOString(),
      recorded_at: new Date(recorded_at).toISOString(),
    };
    return { event, unpublished: false, place };
  } catch (error) {
    if (!(error instanceof NotDecodable)) throw error;
    const hint = error.otherSchema === undefined ? '' : ', which only a newer release knows';
    throw new PersonaError('log_unusable', `the record at ${place} ${error.message}${hint}`, {
      cause: error,
    });
  }
}
