import type { Policy } from '../domain/policy.ts';
import { type Projection, type ProjectionLag, PROJECTIONS, type Rebuildable } from '../domain/projections.ts';
import type { Graph } from '../graph/index.ts';
import { countRecentEvents } from '../graph/queries/recent-events.ts';
import { getOutboxLag } from '../graph/outbox/index.ts';

/** A projection as it is now. */
export interface ProjectionState {
  name: string;
  /** `unused`: nothing was ever published, so no topic follows the log. */
  state: 'ok' | 'late' | 'unused';
  lag?: ProjectionLag;
  max_lag_seconds: number;
  rebuild?: Rebuildable;
}

/** @throws PersonaError graph_unavailable */
export async function getProjectionStates(graph: Graph, policy: Policy): Promise<ProjectionState[]> {
  const [cached, relayed] = await Promise.all([
    countRecentEvents(graph, policy.context.maxStalenessMs),
    getOutboxLag(graph),
  ]);
  const lags: Readonly<Record<Projection['lag'], ProjectionLag | undefined>> = {
    none: { events: 0, seconds: 0 },
    cached,
    relayed,
  };
  return PROJECTIONS.map(({ name, lag: kind, maxLag, rebuild }) => {
    const lag = lags[kind];
    const max_lag_seconds = maxLag(policy.projections.maxLag);
    const state = lag && (lag.seconds > max_lag_seconds ? 'late' : 'ok');
    return {
      ...{ name, state: state ?? 'unused', max_lag_seconds },
      ...(lag && { lag }),
      ...(rebuild && { rebuild }),
    };
  });
}
