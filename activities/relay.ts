/**
 * Publishes the log's events to Kafka, each stream in its order. It may be killed at any point, and run twice: both only
 * repeat records (docs/decisions/30-events-out.md).
 */

import { setTimeout } from 'node:timers/promises';
import { Context, log } from '@temporalio/activity';
import type { OpenPublisher, Publisher } from '../domain/outbox/publisher.ts';
import { markPublished, readUnpublished, startRelay, storePublishedUntil } from '../graph/outbox/index.ts';
import type { RelayActivities } from '../workflows/relay-outbox.ts';
import { publishContexts } from './relay-contexts.ts';
import { type BlockedStream, type PageDependencies, publishPage } from './relay-page.ts';

export interface RelayDependencies extends PageDependencies {
  openPublisher: OpenPublisher;
  /** Called for each page, and with all blocked streams after each pass through all streams. */
  observeRelay: (progress: { published?: number; blocked?: readonly BlockedStream[] }) => void;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Events per transaction of Kafka, and of the graph. */
const PAGE = 500;
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
        const publisher = await dependencies.openPublisher();
        try {
          return { published: await relay(dependencies, publisher, cancellationSignal) };
        } finally {
          await publisher.close();
        }
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** @returns the number of events published when time, number or the worker ends the run */
async function relay(
  dependencies: RelayDependencies,
  publisher: Publisher,
  signal: AbortSignal,
): Promise<number> {
  const { now, graph, observeRelay } = dependencies;
  const end = now() + MAX_RUN_MS;
  let published = 0;
  let storedAt = 0;
  // They are tried again by the next run.
  const blocked = new Map<string, BlockedStream>();
  let pass = { startedAt: now(), isComplete: true, published: 0, from: '' };
  while (!signal.aborted && published < MAX_EVENTS && now() < end) {
    // Almost always one short read. Nothing may be published while a part of the log lacks its label.
    if (pass.from === '') await startRelay(graph);
    const page = await readUnpublished(graph, { from: pass.from, except: [...blocked.keys()], limit: PAGE });
    const result = await publishPage(dependencies, publisher, page.events);
    for (const stream of result.blocked) {
      blocked.set(stream.stream_id, stream);
      log.error('an event cannot be published: its stream waits', { ...stream });
    }
    if (result.published.length > 0)
      await markPublished(
        graph,
        result.published.map(({ id }) => id),
      );
    published += result.published.length;
    pass.published += result.published.length;
    pass.isComplete &&= !page.isPartial;
    observeRelay({ published: result.published.length });
    // After each page of events, so that neither has to wait for the end of the other.
    const isRebuilding = await publishContexts(dependencies, publisher, (customer_id, error) =>
      log.error('a context cannot be published: the rebuild leaves it out', {
        customer_id,
        error: String(error),
      }),
    );
    if (page.next !== undefined) {
      pass.from = page.next;
      continue;
    }
    observeRelay({ blocked: [...blocked.values()] });
    if (pass.isComplete && blocked.size === 0 && now() - storedAt > STORE_POSITION_MS) {
      await storePublishedUntil(graph, pass.startedAt);
      storedAt = now();
    }
    if (pass.published === 0 && !isRebuilding)
      await setTimeout(IDLE_MS, undefined, { signal }).catch(() => {});
    pass = { startedAt: now(), isComplete: true, published: 0, from: '' };
  }
  return published;
}
