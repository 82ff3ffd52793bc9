/** A relay that runs in the test's own process, as the workflow `relayOutbox` runs it in a worker. */

import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, vi } from 'vitest';
import type { BlockedStream } from '../activities/relay-page.ts';
import { createRelayActivities, type RelayDependencies } from '../activities/relay.ts';
import { createRecordEncoder } from '../events/encode.ts';
import type { Graph } from '../graph/index.ts';
import { runCypher } from './test-graph.ts';

export interface RunningRelay {
  /** Of the last pass. */
  blocked(): readonly BlockedStream[];
  /** Lets it complete its page. @throws what the activity throws */
  stop(): Promise<void>;
  ended: Promise<unknown>;
}

export type RelayOptions = Pick<RelayDependencies, 'graph' | 'policy' | 'openPublisher'> &
  Partial<RelayDependencies>;

/** One attempt of the activity: it runs until it is stopped, fails, or has published ten thousand events. */
export function startRelayActivity(options: RelayOptions): RunningRelay {
  let blocked: readonly BlockedStream[] = [];
  const { relayEvents } = createRelayActivities({
    ...{ openEncoder: async () => createRecordEncoder(), onPublished: () => {}, now: Date.now },
    observeRelay: (progress) => {
      blocked = progress.blocked ?? blocked;
    },
    ...options,
  });
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => {}) });
  const ended = environment.run(relayEvents);
  ended.catch(() => {});
  return {
    blocked: () => blocked,
    ended,
    async stop() {
      environment.cancel();
      await ended;
    },
  };
}

/** The number of events that wait for a relay. */
export async function countUnpublished(graph: Graph): Promise<number> {
  const { records } = await runCypher(graph, 'MATCH (e:Unpublished) RETURN count(e) AS count');
  return records[0]?.get('count') as number;
}

export async function untilPublished(graph: Graph): Promise<void> {
  // `expect.poll` works in a test only.
  await vi.waitFor(async () => expect(await countUnpublished(graph)).toBe(0), { timeout: 300_000 });
}

/** Publishes what waits: at most ten thousand events. */
export async function publishAll(options: RelayOptions): Promise<void> {
  const relay = startRelayActivity(options);
  await untilPublished(options.graph);
  await relay.stop();
}

/** A graph that ends with an error whatever writes to it: the relay dies between publishing and marking what it published. */
export function dyingGraph(graph: Graph): Graph {
  return {
    ...graph,
    writeSession() {
      throw new Error('killed');
    },
  };
}
