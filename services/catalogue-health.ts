/** How the catalogue of agents' personas is served, for everyone who asks. */

import type { AskPersonaDependencies } from './ask-persona.ts';
import { sharedCheck } from './dependency-states.ts';

export type ServerState = 'available' | 'away' | 'not_configured';

export interface CatalogueHealth {
  /** `degraded`: a server is away, and what is served may be old. `starting`: nothing was read yet. */
  status: 'ok' | 'degraded' | 'starting';
  database: 'up' | 'down';
  cache: { loaded_at: string | null; age_s: number | null; hit_ratio: number; entries: number };
  personas: { total: number; by_type: Record<string, number> };
  retrieval_engine: ServerState;
  model: ServerState;
}

/** Other servers are asked at most this often, however many probes there are. */
const REMEMBERED_MS = 10_000;

/** @param database whether the graph responds */
export function createCatalogueHealth(
  { catalogue, asking: { model, retrieval } }: AskPersonaDependencies,
  database: () => Promise<'up' | 'down'>,
): () => Promise<CatalogueHealth> {
  const others = sharedCheck(async () => {
    const [modelState, retrievalState] = await Promise.all([stateOf(model), stateOf(retrieval)]);
    return { model: modelState, retrieval_engine: retrievalState };
  }, REMEMBERED_MS);
  return async () => {
    const [databaseState, servers] = await Promise.all([database(), others()]);
    const { loadedAt, ageMs, isStale, hitRatio } = catalogue.status();
    const personas = catalogue.all();
    const by_type: Record<string, number> = {};
    for (const { persona_type } of personas) by_type[persona_type] = (by_type[persona_type] ?? 0) + 1;
    const isWhole = databaseState === 'up' && !isStale && !Object.values(servers).includes('away');
    return {
      status: loadedAt === undefined ? 'starting' : isWhole ? 'ok' : 'degraded',
      database: databaseState,
      cache: {
        loaded_at: loadedAt === undefined ? null : new Date(loadedAt).toISOString(),
        age_s: ageMs === undefined ? null : Math.round(ageMs) / 1_000,
        hit_ratio: hitRatio,
        entries: personas.length,
      },
      personas: { total: personas.length, by_type },
      ...servers,
    };
  };
}

async function stateOf(server: { isAvailable(): Promise<boolean> } | undefined): Promise<ServerState> {
  if (server === undefined) return 'not_configured';
  return (await server.isAvailable()) ? 'available' : 'away';
}
