/**
 * One of several relays, each of which publishes the streams of a range: what docs/scale.md proposes, to measure how the
 * speed grows with their number. Persona runs one relay. `PARTITION_FROM`, `PARTITION_TO`: stream ids, the second of which
 * is excluded; `PARTITION_ID`: the transactional id.
 */

import { setTimeout } from 'node:timers/promises';
import { preparePage, publishPage } from '../../activities/relay-page.ts';
import { createRecordEncoder } from '../../events/encode.ts';
import { type Graph, openConfiguredGraph } from '../../graph/index.ts';
import {
  markPublished,
  OUTBOX_START,
  type OutboxPosition,
  readUnpublished,
} from '../../graph/outbox/index.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { openBarePublisher } from './bare.ts';

const PAGE = 1_000;
const IDLE_MS = 20;

const { PARTITION_FROM = '', PARTITION_TO: to = '', PARTITION_ID, KAFKA_BROKERS } = process.env;
const graph = openConfiguredGraph(readGraphEnvironment(process.env));
/** Reads what the relay reads, up to the end of the range. */
const range: Graph = {
  ...graph,
  read: (cypher, parameters) =>
    graph.read(cypher.replace('NOT e.stream_id IN $except', 'e.stream_id < $to'), { ...parameters, to }),
};
const dependencies = { graph, policy: readPolicy(), encode: createRecordEncoder(), onPublished: () => {} };
const publisher = await openBarePublisher(String(KAFKA_BROKERS).split(','), String(PARTITION_ID));
console.log(JSON.stringify({ ready: { partition: String(PARTITION_ID) } }));

const readNext = async (from: OutboxPosition) => {
  const { events, next } = await readUnpublished(range, { from, except: [], limit: PAGE });
  return { next, ...(await preparePage(dependencies, events)) };
};
const begin = { ...OUTBOX_START, stream_id: PARTITION_FROM };
// Until it is stopped.
for (let page = await readNext(begin); ; ) {
  const ahead = page.next && readNext(page.next);
  const { published, blocked } = await publishPage(dependencies, publisher, page, new Map());
  if (blocked.length > 0) throw new Error(`blocked: ${JSON.stringify(blocked)}`);
  if (published.length === 0) await setTimeout(IDLE_MS);
  else await markPublished(graph, published);
  page = await (ahead ?? readNext(begin));
}
