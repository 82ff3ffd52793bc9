import { setTimeout } from 'node:timers/promises';
import { PersonaError } from '../domain/errors.ts';
import { decimalFromMinor } from '../domain/money.ts';
import type { SharedContexts } from '../domain/ports.ts';
import { getCustomerContext } from '../graph/index.ts';
import { type Caller, remaining } from './caller.ts';
import type { ContextCache } from './context-cache.ts';
import { createContextLoader, type LoadedContext } from './context-loader.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import { SingleFlight } from './single-flight.ts';
import type { CustomerContextView } from './views.ts';

export interface ContextRequest {
  customer_id: string;
  consistency: 'eventual' | 'strong';
  /** The minimum version of the returned context. */
  min_version: number;
}

/**
 * How a request was answered. `hit`, `negative`: from this process's cache, the latter that there is no such customer;
 * `shared`: from Redis; `miss`: from the graph; `bypass`: the same for a strong read; `stale`: from this process's cache,
 * older than usual, because Neo4j did not respond.
 */
export type ContextReadResult = 'hit' | 'negative' | 'shared' | 'miss' | 'bypass' | 'stale';

export interface ContextReading {
  cache: ContextCache;
  /** What API processes share; absent: each has only its own cache. */
  shared?: SharedContexts | undefined;
  /** @param ageMs of a context from a cache */
  onRead(result: ContextReadResult, ageMs?: number): void;
}

/** Delay in milliseconds before a version that is not visible yet is read again; about the duration of a write. */
const FIRST_DELAY_MS = 5;
const MAX_DELAY_MS = 100;
/** Reserved before the deadline for the response, in addition to the duration of a read. */
const MARGIN_MS = 20;

export type ContextReader = (caller: Caller, request: ContextRequest) => Promise<CustomerContextView>;

/**
 * Reads customers' contexts. Strong reads use the graph. Eventual reads use the caches: their answer has every write that
 * was acknowledged `context.maxStalenessMs` before the request; if Neo4j does not respond, an older one from this process's
 * cache, marked `stale`.
 */
export function createContextReader(
  { graph, policy }: Pick<ServiceDependencies, 'graph' | 'policy'>,
  { cache, shared, onRead }: ContextReading,
): ContextReader {
  const { maxStalenessMs, maxOutageStalenessMs } = policy.context;
  const read = async (customer_id: string, anywhere: boolean): Promise<CustomerContextView> => {
    const { ltv_minor, ...context } = await getCustomerContext(graph, { customer_id, anywhere, policy });
    const ltv_currency = policy.reportingCurrency;
    return { ...context, ltv: decimalFromMinor(ltv_minor, ltv_currency), ltv_currency };
  };
  const readAndKeep = async (customer_id: string): Promise<CustomerContextView> => {
    const asOf = performance.now();
    const context = await read(customer_id, false);
    if (maxStalenessMs > 0) cache.keep(customer_id, { context, asOf });
    return context;
  };
  const load = createContextLoader({ cache, shared, read });
  const loads = new SingleFlight<LoadedContext>();
  const newestReads = new SingleFlight<CustomerContextView>();
  // A read that runs while a change is reported may lack it: it is not shared with later requests.
  cache.onInvalidated((customerId) => loads.forget(customerId));

  const loadFresh = (customer_id: string, requestedAt: number): Promise<LoadedContext> =>
    loads.run(customer_id, requestedAt - maxStalenessMs, () => load(customer_id));

  const answerFrom = (loaded: LoadedContext, requestedAt: number) => {
    if (loaded.from === 'shared') onRead('shared', requestedAt - loaded.asOf);
    else onRead('miss');
    return loaded.context;
  };

  const readEventual = async (caller: Caller, { customer_id, min_version }: ContextRequest) => {
    const requestedAt = performance.now();
    const cached = cache.find(customer_id);
    if (cached !== undefined && cache.isFresh(cached, requestedAt)) {
      onRead(cached.context === undefined ? 'negative' : 'hit', requestedAt - cached.asOf);
      return cached.context;
    }
    const ageMs = requestedAt - (cached?.asOf ?? -Infinity);
    const outdated = ageMs <= maxOutageStalenessMs ? cached?.context : undefined;
    if (outdated === undefined || outdated.version < min_version)
      return answerFrom(await loadFresh(customer_id, requestedAt), requestedAt);
    const loaded = await inTimeOrUnavailable(caller, loadFresh(customer_id, requestedAt));
    if (loaded !== 'unavailable') return answerFrom(loaded, requestedAt);
    onRead('stale', ageMs);
    return { ...outdated, stale: true };
  };

  /** @throws PersonaError customer_not_found, version_not_visible (after the whole wait), graph_unavailable */
  return async (caller, request) => {
    const { customer_id, min_version } = request;
    const eventual = request.consistency === 'eventual' && maxStalenessMs > 0;
    if (eventual) {
      const context = await readEventual(caller, request);
      if (context !== undefined && context.version >= min_version) return context;
      // That there is no such customer is known as of some time ago, when the version may not have existed.
      if (context === undefined && min_version === 0) throw notFound(customer_id);
    } else {
      onRead('bypass');
    }
    // Requests that wait for a version share their reads; a strong one must not see less than one that starts now.
    const readNewest = () =>
      eventual
        ? newestReads.run(customer_id, -Infinity, () => readAndKeep(customer_id))
        : readAndKeep(customer_id);
    for (let delay = FIRST_DELAY_MS; ; delay = Math.min(delay * 2, MAX_DELAY_MS)) {
      const readStartedAt = performance.now();
      const context = await readNewest();
      if (context.version >= min_version) return context;
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

/** The work's result, or that the graph is unavailable or has not responded shortly before the caller's deadline. */
async function inTimeOrUnavailable<T>(caller: Caller, work: Promise<T>): Promise<T | 'unavailable'> {
  const timer = new AbortController();
  const late = setTimeout(Math.max(0, remaining(caller) - MARGIN_MS), 'unavailable' as const, {
    signal: timer.signal,
  }).catch(() => 'unavailable' as const);
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    if (error instanceof PersonaError && error.type === 'graph_unavailable') return 'unavailable';
    throw error;
  } finally {
    timer.abort();
  }
}

export function notFound(customerId: string): PersonaError {
  return new PersonaError('customer_not_found', `there is no customer ${customerId}`);
}
