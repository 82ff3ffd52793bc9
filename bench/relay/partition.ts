/**
 * One of several relays, each of which publishes the streams of a range: what docs/scale.md proposes, to measure how the
 * speed grows with their number. Persona runs one relay. `PARTITION_FROM`, `PARTITION_TO`: stream ids, the second of which
 * is excluded; `PARTITION_ID`: the transactional id.
 */

import { setTimeout } from 'node:timers/promises';
import { publishPage } from '../../activities/relay-page.ts';
import type { LoggedEvent } from '../../domain/outbox/records.ts';
import { createRecordEncoder } from '../../events/encode.ts';
import { openConfiguredGraph } from '../../graph/index.ts';
import { markPublished } from '../../graph/outbox/index.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { openBarePublisher } from './bare.ts';

const PAGE = 500;
const IDLE_MS = 20;
const READ_PAGE = `
  MATCH (e:Unpublished) USING INDEX e:Unpublished(stream_id, seq)
  WHERE $from <= e.stream_id < $to AND e.seq > 0
  RETURN properties(e) AS event ORDER BY e.stream_id, e.seq LIMIT $limit`;

const { PARTITION_FROM: from, PARTITION_TO: to, PARTITION_ID, KAFKA_BROKERS } = process.env;
const graph = openConfiguredGraph(readGraphEnvironment(process.env));
const dependencies = { graph, policy: readPolicy(), encode: createRecordEncoder(), onPublished: () => {} };
const publisher = await openBarePublisher(String(KAFKA_BROKERS).split(','), String(PARTITION_ID));
console.log(JSON.stringify({ ready: { partition: String(PARTITION_ID) } }));

// Until it is stopped.
for (;;) {
  const rows = await graph.read<{ event: LoggedEvent }>(READ_PAGE, { from, to, limit: PAGE });
  const page = rows.map(({ event }) => ({ ...event, causation_id: event.causation_id ?? null }));
  const { published, blocked } = await publishPage(dependencies, publisher, page);
  if (blocked.length > 0) throw new Error(`blocked: ${JSON.stringify(blocked)}`);
  if (published.length === 0) await setTimeout(IDLE_MS);
  else
    await markPublished(
      graph,
      published.map(({ id }) => id),
    );
}
