import { setImmediate, setTimeout } from 'node:timers/promises';
import { PersonaError } from '../domain/errors.ts';
import { decimalFromMinor } from '../domain/money.ts';
import type { SharedContexts } from '../domain/ports.ts';
import { type CustomerContext, getCustomerContext, getCustomerContexts } from '../graph/index.ts';
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

export type ContextsRequest = Pick<ContextRequest, 'consistency'> & {
  /** Duplicates count once. */
  customer_ids: readonly string[];
};

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

export interface ContextReader {
  /** @throws PersonaError customer_not_found, version_not_visible (after the whole wait), graph_unavailable */
  getContext(caller: Caller, request: ContextRequest): Promise<CustomerContextView>;
  /**
   * The contexts of several customers, those not cached with one query, and the ids that no customer has, both in the
   * order of the request.
   *
   * @throws PersonaError graph_unavailable
   */
  getContexts(
    caller: Caller,
    request: ContextsRequest,
  ): Promise<{ items: CustomerContextView[]; missing: string[] }>;
}

type Load = (customerId: string) => Promise<LoadedContext>;

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
  const toView = ({ ltv_minor, ...context }: CustomerContext): CustomerContextView => {
    const ltv_currency = policy.reportingCurrency;
    return { ...context, ltv: decimalFromMinor(ltv_minor, ltv_currency), ltv_currency };
  };
  const read = async (customer_id: string, anywhere: boolean): Promise<CustomerContextView> =>
    toView(await getCustomerContext(graph, { customer_id, anywhere, policy }));
  const readMany = async (customer_ids: readonly string[], anywhere: boolean) => {
    const found = await getCustomerContexts(graph, { customer_ids, anywhere, policy });
    return new Map(found.map((context) => [context.customer_id, toView(context)]));
  };
  const readAndKeep = async (customer_id: string): Promise<CustomerContextView> => {
    const asOf = performance.now();
    const context = await read(customer_id, false);
    if (maxStalenessMs > 0) cache.keep(customer_id, { context, asOf });
    return context;
  };
  const loadOne = createContextLoader({ cache, shared, read });
  /** Loads of one batch: their reads of the graph are joined. */
  const createBatch = (): Load => createContextLoader({ cache, shared, read: joinedReads(readMany) });
  const loads = new SingleFlight<LoadedContext>();
  const newestReads = new SingleFlight<CustomerContextView>();
  // A read that runs while a change is reported may lack it: it is not shared with later requests.
  cache.onInvalidated((customerId) => {
    loads.forget(customerId);
    newestReads.forget(customerId);
  });

  const loadFresh = (customer_id: string, requestedAt: number, load: Load): Promise<LoadedContext> =>
    loads.run(customer_id, requestedAt - maxStalenessMs, () => load(customer_id));

  const answerFrom = (loaded: LoadedContext, requestedAt: number) => {
    if (loaded.from === 'shared') onRead('shared', requestedAt - loaded.asOf);
    else onRead('miss');
    return loaded.context;
  };

  /** Undefined: there is no such customer. */
  const readEventual = async (
    caller: Caller,
    { customer_id, min_version }: Pick<ContextRequest, 'customer_id' | 'min_version'>,
    load: Load,
  ): Promise<CustomerContextView | undefined> => {
    const requestedAt = performance.now();
    const cached = cache.find(customer_id);
    if (cached !== undefined && cache.isFresh(cached, requestedAt)) {
      onRead(cached.context === undefined ? 'negative' : 'hit', requestedAt - cached.asOf);
      return cached.context;
    }
    const ageMs = requestedAt - (cached?.asOf ?? -Infinity);
    const outdated = ageMs <= maxOutageStalenessMs ? cached?.context : undefined;
    if (outdated === undefined || outdated.version < min_version)
      return answerFrom(await loadFresh(customer_id, requestedAt, load), requestedAt);
    const loaded = await inTimeOrUnavailable(caller, loadFresh(customer_id, requestedAt, load));
    if (loaded !== 'unavailable') return answerFrom(loaded, requestedAt);
    onRead('stale', ageMs);
    return { ...outdated, stale: true };
  };

  const isCached = ({ consistency }: Pick<ContextRequest, 'consistency'>) =>
    consistency === 'eventual' && maxStalenessMs > 0;

  const getContext: ContextReader['getContext'] = async (caller, request) => {
    const { customer_id, min_version } = request;
    const eventual = isCached(request);
    if (eventual) {
      const context = await readEventual(caller, request, loadOne);
      if (context !== undefined && context.version >= min_version) return context;
      // That there is no such customer is known as of some time ago, when the version may not have existed.
      if (context === undefined && min_version === 0) throw notFound(customer_id);
    } else {
      onRead('bypass');
    }
    // Requests that wait for a version share their reads, as far as staleness allows; a strong one must not see less than
    // one that starts now.
    const readNewest = () =>
      eventual
        ? newestReads.run(customer_id, performance.now() - maxStalenessMs, () => readAndKeep(customer_id))
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

  const readManyAndKeep = async (ids: readonly string[]) => {
    for (const _ of ids) onRead('bypass');
    const asOf = performance.now();
    const found = await readMany(ids, false);
    if (maxStalenessMs > 0) for (const [id, context] of found) cache.keep(id, { context, asOf });
    return found;
  };
  const readManyEventual = async (caller: Caller, ids: readonly string[]) => {
    const load = createBatch();
    const contexts = await Promise.all(
      ids.map((customer_id) => readEventual(caller, { customer_id, min_version: 0 }, load)),
    );
    return new Map(contexts.flatMap((context) => (context ? [[context.customer_id, context]] : [])));
  };
  const getContexts: ContextReader['getContexts'] = async (caller, request) => {
    const ids = [...new Set(request.customer_ids)];
    const found = isCached(request) ? await readManyEventual(caller, ids) : await readManyAndKeep(ids);
    const items = ids.flatMap((id) => found.get(id) ?? []);
    return { items, missing: ids.filter((id) => !found.has(id)) };
  };
  return { getContext, getContexts };
}

type ReadMany = (
  customerIds: readonly string[],
  anywhere: boolean,
) => Promise<ReadonlyMap<string, CustomerContextView>>;

/** Reads all customers that are asked of it in one turn of the event loop with one query for each kind of member. */
function joinedReads(readMany: ReadMany) {
  interface Batch {
    readonly customerIds: string[];
    readonly found: ReturnType<ReadMany>;
  }
  const open = new Map<boolean, Batch>();
  const join = (anywhere: boolean): Batch => {
    const running = open.get(anywhere);
    if (running !== undefined) return running;
    const customerIds: string[] = [];
    const found = setImmediate().then(() => {
      open.delete(anywhere);
      return readMany(customerIds, anywhere);
    });
    const batch = { customerIds, found };
    open.set(anywhere, batch);
    return batch;
  };
  return async (customerId: string, anywhere: boolean): Promise<CustomerContextView> => {
    const batch = join(anywhere);
    batch.customerIds.push(customerId);
    const context = (await batch.found).get(customerId);
    if (context === undefined) throw notFound(customerId);
    return context;
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
