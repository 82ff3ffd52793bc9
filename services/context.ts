import { setTimeout } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { PersonaError } from '../domain/errors.ts';
import { decimalFromMinor } from '../domain/money.ts';
import { getCustomerContext } from '../graph/index.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import { type Caller, remaining } from './caller.ts';
import type { ContextRequest } from './services.ts';
import type { CustomerContextView } from './views.ts';

/** Cached contexts, about 1 KiB each. */
const MAX_ENTRIES = 20_000;
/** Delay in milliseconds before a version that is not visible yet is read again; about the duration of a write. */
const FIRST_DELAY_MS = 5;
const MAX_DELAY_MS = 100;
/** Reserved before the deadline for the response, in addition to the duration of a read. */
const MARGIN_MS = 20;

export type ContextReader = (caller: Caller, request: ContextRequest) => Promise<CustomerContextView>;

/**
 * Reads customers' contexts. Eventual reads use a cache with a staleness of at most `context.maxStalenessMs`, in which
 * concurrent readers of one customer share one query; strong reads use the graph.
 *
 * @param onRead receives the cache result of each read
 */
export function createContextReader(
  { graph, policy }: Pick<ServiceDependencies, 'graph' | 'policy'>,
  onRead: (result: 'hit' | 'miss' | 'bypass') => void,
): ContextReader {
  const { maxStalenessMs } = policy.context;
  const read = async (customer_id: string, anywhere: boolean): Promise<CustomerContextView> => {
    const { ltv_minor, ...context } = await getCustomerContext(graph, { customer_id, anywhere, policy });
    const ltv_currency = policy.reportingCurrency;
    return { ...context, ltv: decimalFromMinor(ltv_minor, ltv_currency), ltv_currency };
  };
  /** A customer unknown to one cluster member may be new, so a strong read follows. */
  const readEventual = (customer_id: string): Promise<CustomerContextView> =>
    read(customer_id, true).catch((error: unknown) => {
      if (error instanceof PersonaError && error.type === 'customer_not_found')
        return read(customer_id, false);
      throw error;
    });
  const cache = new LRUCache<string, CustomerContextView>({
    max: MAX_ENTRIES,
    ttl: Math.max(1, maxStalenessMs),
    fetchMethod: async (customerId, _, { options }) => {
      const startedAt = performance.now();
      const context = await readEventual(customerId);
      // The age of a context counts from the start of its query.
      options.ttl = Math.max(1, maxStalenessMs - (performance.now() - startedAt));
      return context;
    },
  });

  /** @throws PersonaError customer_not_found, version_not_visible (after the whole wait), graph_unavailable */
  return async (caller, { customer_id, consistency, min_version }) => {
    if (consistency === 'eventual' && maxStalenessMs > 0) {
      const cached = cache.get(customer_id);
      onRead(cached === undefined ? 'miss' : 'hit');
      const context = cached ?? (await cache.forceFetch(customer_id));
      if (context.version >= min_version) return context;
    } else {
      onRead('bypass');
    }
    for (let delay = FIRST_DELAY_MS; ; delay = Math.min(delay * 2, MAX_DELAY_MS)) {
      const readStartedAt = performance.now();
      const context = await read(customer_id, false);
      if (context.version >= min_version) {
        if (maxStalenessMs > 0) cache.set(customer_id, context);
        return context;
      }
      const nextReadMs = delay + (performance.now() - readStartedAt);
      if (caller.signal.aborted || remaining(caller) < nextReadMs + MARGIN_MS)
        throw new PersonaError(
          'version_not_visible',
          `customer ${customer_id} is at version ${context.version}, not yet at ${min_version}`,
        );
      await setTimeout(delay);
    }
  };
}
