/**
 * Publishes the log's events to Kafka, each stream in its order. It may be killed at any point, and run twice: both only
 * repeat records (docs/decisions/30-events-out.md).
 */

import { setTimeout } from 'node:timers/promises';
import { Context, log } from '@temporalio/activity';
import type { LoggedEvent } from '../domain/outbox/records.ts';
import type { OpenPublisher, Publisher } from '../domain/outbox/publisher.ts';
import type { Graph } from '../graph/index.ts';
import {
  type ContextRebuild,
  markPublished,
  OUTBOX_START,
  type OutboxPosition,
  readContextRebuild,
  readUnpublished,
  startRelay,
  storePublishedUntil,
  type UnpublishedPage,
} from '../graph/outbox/index.ts';
import type { RelayActivities } from '../workflows/relay-outbox.ts';
import { publishContexts } from './relay-contexts.ts';
import {
  type BlockedStream,
  type PageDependencies,
  type PreparedPage,
  preparePage,
  publishPage,
} from './relay-page.ts';

export interface RelayDependencies extends Omit<PageDependencies, 'encode'> {
  /** @throws PersonaError schema_registry_unavailable */
  openEncoder: () => Promise<PageDependencies['encode']>;
  openPublisher: OpenPublisher;
  /** Called for each page, and with all blocked streams after each pass through all streams. */
  observeRelay: (progress: { published?: number; blocked?: readonly BlockedStream[] }) => void;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Events per transaction of Kafka, and of the graph. */
const PAGE = 1_000;
/** Then the workflow continues as new. */
const MAX_RUN_MS = 5 * 60_000;
const MAX_EVENTS = 10_000;
/** How soon an event is published at the latest, if nothing else waits. The empty index is read in under a millisecond. */
const IDLE_MS = 250;
const HEARTBEAT_MS = 2_000;
/** How exactly the age of the oldest unpublished event is known. */
const STORE_POSITION_MS = 5_000;

export function createRelayActivities(dependencies: RelayDependencies): RelayActivities {
  return {
    async relayEvents() {
      const { heartbeat, cancellationSignal } = Context.current();
      // Steps that take longer than the heartbeat's timeout have time limits of their own.
      const timer = setInterval(heartbeat, HEARTBEAT_MS);
      try {
        // Before it takes the place of another relay, which may have what this one lacks.
        const encode = await dependencies.openEncoder();
        const publisher = await dependencies.openPublisher();
        try {
          return { published: await relay({ ...dependencies, encode }, publisher, cancellationSignal) };
        } finally {
          await publisher.close();
        }
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** A page of events, and the rebuild of the contexts that was in progress before it was read. */
interface NextPage extends PreparedPage, Omit<UnpublishedPage, 'events'> {
  readonly rebuild: ContextRebuild | undefined;
}

/**
 * While a page is published, the next one is read and prepared, and the one before it is marked as published.
 * @returns the number of events published when time, number or the worker ends the run
 */
async function relay(
  dependencies: RelayDependencies & PageDependencies,
  publisher: Publisher,
  signal: AbortSignal,
): Promise<number> {
  const { now, graph, observeRelay } = dependencies;
  const end = now() + MAX_RUN_MS;
  let published = 0;
  let storedAt = 0;
  // They are tried again by the next run.
  const blocked = new Map<string, BlockedStream>();

  const readNext = async (from: OutboxPosition): Promise<NextPage> => {
    const [rebuild, { events, ...rest }] = await Promise.all([
      readContextRebuild(graph),
      readUnpublished(graph, { from, except: [...blocked.keys()], limit: PAGE }),
    ]);
    return { ...rest, rebuild, ...(await preparePage(dependencies, events)) };
  };

  const newPass = () => ({ startedAt: now(), isComplete: true, published: 0, from: OUTBOX_START });
  let pass = newPass();
  let ahead: Promise<NextPage> | undefined;
  let marking: Promise<void> = Promise.resolve();
  while (!signal.aborted && published < MAX_EVENTS && now() < end) {
    // Almost always one short read. Nothing may be published while a part of the log lacks its label.
    if (pass.from === OUTBOX_START) await startRelay(graph);
    const page = await (ahead ?? readNext(pass.from));
    const { next, rebuild } = page;
    const isAnotherDue = next && published + page.events.length < MAX_EVENTS;
    // The contexts of a rebuild are published before the next page, so they have to be read before it as well.
    ahead = isAnotherDue && rebuild === undefined ? readNext(next) : undefined;
    ahead?.catch(() => {});
    const result = await publishPage(dependencies, publisher, page, blocked);
    // Contexts count only if they were read after the publisher has registered itself.
    if (result.isRefused) ahead = undefined;
    for (const stream of result.blocked) {
      if (blocked.has(stream.stream_id)) continue;
      blocked.set(stream.stream_id, stream);
      log.error('an event cannot be published: its stream waits', { ...stream });
    }
    await marking;
    marking = mark(graph, result.published);
    marking.catch(() => {});
    published += result.published.length;
    pass.published += result.published.length;
    pass.isComplete &&= !page.isPartial;
    observeRelay({ published: result.published.length });
    // After each page of events, so that neither has to wait for the end of the other.
    if (rebuild !== undefined)
      await publishContexts(dependencies, publisher, rebuild, (customer_id, error) =>
        log.error('a context cannot be published: the rebuild leaves it out', {
          customer_id,
          error: String(error),
        }),
      );
    if (next !== undefined) {
      pass.from = next;
      continue;
    }
    // The next pass begins with the first event that has its label.
    await marking;
    observeRelay({ blocked: [...blocked.values()] });
    if (pass.isComplete && blocked.size === 0 && now() - storedAt > STORE_POSITION_MS) {
      await storePublishedUntil(graph, pass.startedAt);
      storedAt = now();
    }
    if (pass.published === 0 && rebuild === undefined)
      await setTimeout(IDLE_MS, undefined, { signal }).catch(() => {});
    pass = newPass();
  }
  await marking;
  return published;
}

async function mark(graph: Graph, events: readonly LoggedEvent[]): Promise<void> {
  if (events.length > 0) await markPublished(graph, events);
}
