/** A minimal loop that publishes the same events as the same records, and decides nothing. */

import { Producer } from '@platformatic/kafka';
import type { EncodedRecord, Publisher } from '../../domain/outbox/publisher.ts';
import type { Graph } from '../../graph/index.ts';

const PAGE = 1_000;

/** Kafka asks for the producer's id and epoch if it has one. */
const NEW_PRODUCER = { producerId: -1n, producerEpoch: -1 };

const BARE_PAGE = `
  MATCH (e:Unpublished) USING INDEX e:Unpublished(stream_id, seq)
  WHERE e.stream_id >= '' AND e.seq > 0
  RETURN e.id AS id, e.stream AS stream, e.stream_id AS stream_id, e.seq AS seq, e.type AS type,
    e.schema_version AS schema_version, e.occurred_at.epochMillis AS occurred_at,
    e.recorded_at.epochMillis AS recorded_at, e.source AS source, e.actor AS actor,
    e.correlation_id AS correlation_id, e.causation_id AS causation_id, e.data AS data
  ORDER BY e.stream_id, e.seq LIMIT $limit`;

const BARE_MARK = 'UNWIND $ids AS id MATCH (e:PersonaEvent {id: id}) REMOVE e:Unpublished';

interface Row {
  id: string;
  stream_id: string;
}

/** What Persona's relay has published of the same events. */
export interface Recorded {
  /** By event id. */
  records: ReadonlyMap<string, readonly EncodedRecord[]>;
  /** The customers' contexts, by stream id: one for each page that has events of the customer. */
  contexts: ReadonlyMap<string, EncodedRecord>;
}

/** Publishes everything that is unpublished. @returns the number of events */
export async function publishBare(graph: Graph, publisher: Publisher, recorded: Recorded): Promise<number> {
  for (let published = 0; ; ) {
    const rows = await graph.read<Row>(BARE_PAGE, { limit: PAGE });
    if (rows.length === 0) return published;
    const streams = new Set(rows.map(({ stream_id }) => stream_id));
    await publisher.publish([
      ...rows.flatMap(({ id }) => recorded.records.get(id) ?? []),
      ...[...streams].flatMap((id) => recorded.contexts.get(id) ?? []),
    ]);
    const session = graph.writeSession();
    await session.run(BARE_MARK, { ids: rows.map(({ id }) => id) });
    await session.close();
    published += rows.length;
  }
}

/** A transactional producer and nothing else. @param id Kafka refuses every producer of this id but the newest */
export async function openBarePublisher(brokers: string[], id: string): Promise<Publisher> {
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    ...{ clientId: id, bootstrapBrokers: brokers, idempotent: true, transactionalId: id },
    // A transaction's commit is completed a few milliseconds after it was acknowledged.
    ...{ retries: 20, retryDelay: 10 },
  });
  // So that the first page of a turn does not wait for it.
  await (await producer.beginTransaction(NEW_PRODUCER)).cancel();
  return {
    async publish(records) {
      const transaction = await producer.beginTransaction(NEW_PRODUCER);
      await transaction.send({
        messages: records.map(({ topic, key, value, headers }) => ({
          ...{ topic, key: Buffer.from(key), value: Buffer.from(value ?? []) },
          headers: new Map(
            Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]),
          ),
        })),
      });
      await transaction.commit();
    },
    close: () => producer.close(true),
  };
}
