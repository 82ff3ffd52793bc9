/** Loads a context that the process's own cache lacks: from the cache that processes share, else from the graph. */

import { PersonaError } from '../domain/errors.ts';
import type { SharedContext, SharedContexts } from '../domain/ports.ts';
import type { CachedContext, ContextCache } from './context-cache.ts';
import type { CustomerContextView } from './views.ts';

interface LoaderOptions {
  cache: ContextCache;
  shared?: SharedContexts | undefined;
  /** @param anywhere from any member of a cluster, which may not have the latest commands yet */
  read(customerId: string, anywhere: boolean): Promise<CustomerContextView>;
}

export interface LoadedContext extends CachedContext {
  readonly from: 'shared' | 'graph';
}

/** @returns loads and keeps an entry; it throws graph_unavailable */
export function createContextLoader({ cache, shared, read }: LoaderOptions) {
  const readGraph = async (customerId: string, leastVersion: number): Promise<CachedContext> => {
    const entryFrom = async (anywhere: boolean): Promise<CachedContext> => {
      const asOf = performance.now();
      try {
        return { context: await read(customerId, anywhere), asOf };
      } catch (error) {
        if (error instanceof PersonaError && error.type === 'customer_not_found') return { asOf };
        throw error;
      }
    };
    const entry = await entryFrom(true);
    // This member lacks the customer, who may be new, or a change that was reported: the member that accepts writes has it.
    const version = entry.context?.version ?? 0;
    const isBehind = version === 0 || version < leastVersion || !cache.hasReportedChanges(customerId, entry);
    return isBehind ? entryFrom(false) : entry;
  };

  return async (customerId: string): Promise<LoadedContext> => {
    const startedAt = performance.now();
    const lookup = await shared?.find(customerId);
    const found = lookup && sharedEntry(customerId, lookup, startedAt);
    if (found && cache.isFresh(found, performance.now()) && cache.hasReportedChanges(customerId, found)) {
      cache.keep(customerId, found);
      return { ...found, from: 'shared' };
    }
    const entry = await readGraph(customerId, lookup?.version ?? 0);
    cache.keep(customerId, entry);
    // Unknown ids are not shared: requests for invented ids would fill the memory of all.
    if (entry.context !== undefined && lookup !== undefined)
      shared?.keep(customerId, lookup, { version: entry.context.version, context: entry.context });
    return { ...entry, from: 'graph' };
  };
}

/** The entry that a lookup found, its age counted from before the lookup. */
function sharedEntry(
  customerId: string,
  { found }: SharedContext,
  startedAt: number,
): CachedContext | undefined {
  const context = found?.context as CustomerContextView | undefined;
  if (found === undefined || context?.customer_id !== customerId) return undefined;
  return { context, asOf: startedAt - found.ageMs };
}
