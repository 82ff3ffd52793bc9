/** One page of unpublished events: what is published of it, and which streams have to wait. */

import { PersonaError } from '../domain/errors.ts';
import type { EventData, RecordedEvent } from '../domain/events/event.ts';
import { type EncodedRecord, type Publisher, RecordsRefused } from '../domain/outbox/publisher.ts';
import {
  contextRecordOf,
  contextTombstoneOf,
  type LoggedEvent,
  logRecordOf,
  type OutgoingRecord,
  recordOf,
} from '../domain/outbox/records.ts';
import { Topic, type TopicName } from '../domain/outbox/topics.ts';
import type { Policy } from '../domain/policy.ts';
import { getContextsWithoutDevices, type Graph } from '../graph/index.ts';
import { decodeEvent, getPublishingFacts, readLogKeys, sealForLog } from '../graph/outbox/index.ts';
import { beginPublishing } from '../platform/tracing.ts';

export interface PageDependencies {
  graph: Graph;
  policy: Policy;
  /** @throws Error if the record does not fit its topic's schema */
  encode: (record: OutgoingRecord) => EncodedRecord;
  /** Called when the broker has records about these customers. */
  onPublished: (topic: TopicName, customerIds: readonly string[]) => void;
}

/** A stream whose next event cannot be published: it and those after it wait, the other streams do not. */
export interface BlockedStream {
  readonly stream_id: string;
  readonly seq: number;
  readonly type: string;
  readonly reason: string;
}

const NOT_PUBLISHED = new PersonaError('kafka_unavailable', 'it was not published');

/** An event with all of its records. */
interface EncodedEvent {
  readonly event: LoggedEvent;
  readonly records: readonly EncodedRecord[];
  /** Of its records, if the trace of what caused it is sampled. */
  readonly spans: readonly ReturnType<typeof beginPublishing>[];
}

/** A page that is ready to be published. */
export interface PreparedPage {
  readonly events: readonly EncodedEvent[];
  /** Streams with an event that cannot be encoded: it and those after it are left out. */
  readonly blocked: readonly BlockedStream[];
}

export interface PublishedPage {
  readonly published: readonly LoggedEvent[];
  readonly blocked: readonly BlockedStream[];
  /** Whether Kafka refused records, so that the publisher has registered itself once more. */
  readonly isRefused: boolean;
}

/**
 * Encodes a page, and with it the newest context of each of its customers. Call it only after the publisher was opened:
 * the contexts are then newer than any that an earlier relay can still publish. Publish pages in the order in which they
 * were prepared, so that no context overwrites a newer one.
 * @throws PersonaError graph_unavailable
 */
export async function preparePage(
  { graph, policy, encode }: PageDependencies,
  page: readonly LoggedEvent[],
): Promise<PreparedPage> {
  const blocked: BlockedStream[] = [];
  const block = (event: LoggedEvent, error: unknown) => blocked.push(blockedBy(event, error));
  const decoded = eachUntilFailure(page, block, (logged) => ({ logged, event: decodeEvent(logged) }));
  const events = decoded.map(({ event }) => event);
  const [published, contexts, keys] = await Promise.all([
    getPublishingFacts(graph, events),
    readContexts({ graph, policy }, events),
    readLogKeys(
      graph,
      decoded.map(({ logged }) => logged),
    ),
  ]);
  const facts = { reportingCurrency: policy.reportingCurrency, ...published };
  // What is left of an erased stream is about to be deleted.
  const readable = decoded.filter(({ event }) => !keys.erased.has(event.stream_id));
  const encoded = eachUntilFailure(readable, block, ({ logged, event }, isLast) => {
    const context = isLast ? contexts.get(event.stream_id) : undefined;
    const records = [
      logRecordOf(sealForLog(logged, keys)),
      recordOf(event, facts),
      context && contextRecordOf(context, facts),
      isLast && context === undefined && isOfPerson(event) ? contextTombstoneOf(logged) : undefined,
    ].filter((record) => record !== undefined);
    return { event: logged, ...encodeTraced(records, logged, encode) };
  });
  return { events: encoded, blocked };
}

/**
 * Publishes a page in one transaction, without the streams of `blocked`.
 * @throws PersonaError kafka_unavailable, graph_unavailable
 */
export async function publishPage(
  dependencies: PageDependencies,
  publisher: Publisher,
  page: PreparedPage,
  earlier: ReadonlyMap<string, BlockedStream>,
): Promise<PublishedPage> {
  const blocked = new Map(page.blocked.map((stream) => [stream.stream_id, stream]));
  const published: LoggedEvent[] = [];
  let isRefused = false;

  const block = (stream: BlockedStream) => {
    const known = blocked.get(stream.stream_id);
    if (known === undefined || stream.seq < known.seq) blocked.set(stream.stream_id, stream);
  };

  /** Halves what is refused until the refused event is alone. */
  async function publish(events: readonly EncodedEvent[]): Promise<void> {
    const ready = events.filter(
      ({ event: { stream_id, seq } }) =>
        !earlier.has(stream_id) && seq < (blocked.get(stream_id)?.seq ?? Infinity),
    );
    const [first] = ready;
    if (first === undefined) return;
    try {
      await publisher.publish(ready.flatMap(({ records }) => records));
      for (const { event, records, spans } of ready) {
        for (const span of spans) span.end();
        published.push(event);
        const customers = customersOf(event);
        for (const { topic } of records) dependencies.onPublished(topic, customers);
      }
    } catch (error) {
      for (const span of ready.flatMap(({ spans }) => spans)) span.end(NOT_PUBLISHED);
      if (!(error instanceof RecordsRefused)) throw error;
      isRefused = true;
      if (ready.length === 1) {
        block(blockedBy(first.event, error));
        return;
      }
      const half = Math.ceil(ready.length / 2);
      for (const part of [ready.slice(0, half), ready.slice(half)]) {
        // Prepared once more, because the publisher has registered itself once more.
        const again = await preparePage(
          dependencies,
          part.map(({ event }) => event),
        );
        for (const stream of again.blocked) block(stream);
        await publish(again.events);
      }
    }
  }

  await publish(page.events);
  return { published, blocked: [...blocked.values()], isRefused };
}

/** Not of a device or an agent's persona, and not of a pseudonym, which never had a context. */
const isOfPerson = ({ stream, type }: RecordedEvent) => stream === 'customer' && type !== 'CustomerErased';

/** The customers whom an event is about. */
function customersOf({ stream, stream_id, type, data }: LoggedEvent): readonly string[] {
  if (stream === 'customer') return [stream_id];
  if (type !== 'DeviceTrustScoreUpdated') return [];
  return (JSON.parse(data) as EventData['DeviceTrustScoreUpdated']).customer_ids;
}

function blockedBy({ stream_id, seq, type }: LoggedEvent, error: unknown): BlockedStream {
  const reason = error instanceof Error ? error.message : String(error);
  return { stream_id, seq, type, reason };
}

/** What reads an event continues the trace of what caused it. A context is of many events, and of no trace. */
function encodeTraced(
  records: readonly OutgoingRecord[],
  { traceparent }: LoggedEvent,
  encode: PageDependencies['encode'],
): Pick<EncodedEvent, 'records' | 'spans'> {
  if (traceparent === undefined) return { records: records.map(encode), spans: [] };
  const spans: ReturnType<typeof beginPublishing>[] = [];
  const encoded = records.map((record) => {
    if (record.topic === Topic.customerContext) return encode(record);
    const span = beginPublishing(record.topic, traceparent);
    spans.push(span);
    return encode({ ...record, traceparent: span.traceparent });
  });
  return { records: encoded, spans };
}

/** Maps the events; from a stream's first failure on, its events are left out. */
function eachUntilFailure<E extends LoggedEvent | { logged: LoggedEvent }, R>(
  events: readonly E[],
  block: (event: LoggedEvent, error: unknown) => void,
  map: (event: E, isLastOfStream: boolean) => R,
): R[] {
  const loggedOf = (event: E): LoggedEvent => ('logged' in event ? event.logged : event);
  const failed = new Set<string>();
  return events.flatMap((event, index) => {
    const { stream_id } = loggedOf(event);
    if (failed.has(stream_id)) return [];
    const next = events[index + 1];
    try {
      return [map(event, next === undefined || loggedOf(next).stream_id !== stream_id)];
    } catch (error) {
      failed.add(stream_id);
      block(loggedOf(event), error);
      return [];
    }
  });
}

async function readContexts(
  { graph, policy }: Pick<PageDependencies, 'graph' | 'policy'>,
  events: readonly RecordedEvent[],
) {
  const customers = events.filter(({ stream }) => stream === 'customer').map(({ stream_id }) => stream_id);
  if (customers.length === 0) return new Map<string, never>();
  const contexts = await getContextsWithoutDevices(graph, { customer_ids: [...new Set(customers)], policy });
  return new Map(contexts.map((context) => [context.customer_id, context]));
}
