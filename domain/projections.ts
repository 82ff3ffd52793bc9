/**
 * What is derived from the log and may be behind it (docs/decisions/32-projections.md). The graph's own nodes are none:
 * they are written in the transaction of their events.
 */

import { Topic } from './outbox/topics.ts';
import type { Policy } from './policy.ts';

/** How far a projection may be behind the log: at most. */
export interface ProjectionLag {
  readonly events: number;
  readonly seconds: number;
}

export const REBUILDABLE = ['context-cache', 'customer-context'] as const;
export type Rebuildable = (typeof REBUILDABLE)[number];

export interface Projection {
  readonly name: string;
  /**
   * How the lag is known. `none`: it reads the log for each request; `cached`: an event of within the cache's longest
   * staleness may be missing; `relayed`: what the relay has yet to publish, to whichever topic.
   */
  readonly lag: 'none' | 'cached' | 'relayed';
  /** The most seconds that it may be behind. */
  readonly maxLag: (policy: Policy['projections']['maxLag']) => number;
  /** The name by which `persona projections rebuild` knows it; absent: there is nothing to rebuild, or a consumer does it. */
  readonly rebuild?: Rebuildable;
}

const ofCache: Projection['maxLag'] = ({ contextCache }) => contextCache / 1_000;
const ofKafka: Projection['maxLag'] = ({ kafka }) => kafka / 1_000;

/** A new projection is one entry. */
export const PROJECTIONS: readonly Projection[] = [
  { name: 'timeline', lag: 'none', maxLag: () => 0 },
  { name: 'context-cache', lag: 'cached', maxLag: ofCache, rebuild: 'context-cache' },
  ...Object.values(Topic).map(
    (topic): Projection => ({
      name: `kafka:${topic}`,
      lag: 'relayed',
      maxLag: ofKafka,
      ...(topic === Topic.customerContext && { rebuild: 'customer-context' }),
    }),
  ),
];
