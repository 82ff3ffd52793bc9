/** One page of unpublished events: what is published of it, and which streams have to wait. */

import type { EventData, RecordedEvent } from '../domain/events/event.ts';
import { type EncodedRecord, type Publisher, RecordsRefused } from '../domain/outbox/publisher.ts';
import {
  contextRecordOf,
  type LoggedEvent,
  logRecordOf,
  type OutgoingRecord,
  recordOf,
} from '../domain/outbox/records.ts';
import type { TopicName } from '../domain/outbox/topics.ts';
import type { Policy } from '../domain/policy.ts';
import { getCustomerContexts, type Graph } from '../graph/index.ts';
import { decodeEvent, getPublishingFacts } from '../graph/outbox/index.ts';

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

/** An event with all of its records. */
interface EncodedEvent {
  readonly event: LoggedEvent;
  readonly records: readonly EncodedRecord[];
}

export interface PublishedPage {
  readonly published: readonly LoggedEvent[];
  readonly blocked: readonly BlockedStream[];
}

/**
 * Publishes a page, and with it the newest context of each of its customers. Call it only after the publisher was opened:
 * the contexts are then newer than any that an earlier relay can still publish.
 * @throws PersonaError kafka_unavailable, graph_unavailable
 */
export async function publishPage(
  dependencies: PageDependencies,
  publisher: Publisher,
  page: readonly LoggedEvent[],
): Promise<PublishedPage> {
  const blocked = new Map<string, BlockedStream>();
  const block = (event: LoggedEvent, error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    blocked.set(event.stream_id, { stream_id: event.stream_id, seq: event.seq, type: event.type, reason });
  };
  const published: LoggedEvent[] = [];

  /** Halves what is refused until the refused event is alone. */
  async function publish(events: readonly EncodedEvent[]): Promise<void> {
    const ready = events.filter(({ event }) => event.seq < (blocked.get(event.stream_id)?.seq ?? Infinity));
    const [first] = ready;
    if (first === undefined) return;
    try {
      await publisher.publish(ready.flatMap(({ records }) => records));
      for (const { event, records } of ready) {
        published.push(event);
        const customers = customersOf(event);
        for (const { topic } of records) dependencies.onPublished(topic, customers);
      }
    } catch (error) {
      if (!(error instanceof RecordsRefused)) throw error;
      if (ready.length === 1) {
        block(first.event, error);
        return;
      }
      const half = Math.ceil(ready.length / 2);
      await publish(ready.slice(0, half));
      await publish(ready.slice(half));
    }
  }

  await publish(await encodePage(dependencies, page, block));
  return { published, blocked: [...blocked.values()] };
}

/** The customers whom an event is about. */
function customersOf({ stream, stream_id, type, data }: LoggedEvent): readonly string[] {
  if (stream === 'customer') return [stream_id];
  if (type !== 'DeviceTrustScoreUpdated') return [];
  return (JSON.parse(data) as EventData['DeviceTrustScoreUpdated']).customer_ids;
}

/** @param block called with each stream's first event that cannot be encoded; those after it are left out */
async function encodePage(
  { graph, policy, encode }: PageDependencies,
  page: readonly LoggedEvent[],
  block: (event: LoggedEvent, error: unknown) => void,
): Promise<EncodedEvent[]> {
  const decoded = eachUntilFailure(page, block, (logged) => ({ logged, event: decodeEvent(logged) }));
  const events = decoded.map(({ event }) => event);
  const facts = {
    reportingCurrency: policy.reportingCurrency,
    ...(await getPublishingFacts(graph, events)),
  };
  const contexts = await readContexts({ graph, policy }, events);
  return eachUntilFailure(decoded, block, ({ logged, event }, isLast) => {
    const context = isLast ? contexts.get(event.stream_id) : undefined;
    const records = [
      logRecordOf(logged),
      recordOf(event, facts),
      context && contextRecordOf(context, facts),
    ].filter((record) => record !== undefined);
    return { event: logged, records: records.map(encode) };
  });
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
  const contexts = await getCustomerContexts(graph, { customer_ids: [...new Set(customers)], policy });
  return new Map(contexts.map((context) => [context.customer_id, context]));
}
