import { setTimeout } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { PersonaError } from '../domain/errors.ts';
import { decimalFromMinor } from '../domain/money.ts';
import { type CustomerContext, getCustomerContext, getCustomerContexts } from '../graph/index.ts';
import { type Caller, remaining } from './caller.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
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

/** Cached contexts, about 1 KiB each. */
const MAX_ENTRIES = 20_000;
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

/** Reads one customer's context from the graph. @throws PersonaError customer_not_found, graph_unavailable */
type Load = (customerId: string) => Promise<CustomerContextView>;

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
  /** A customer unknown to one cluster member may be new, so a strong read follows. */
  const readEventual: Load = (customer_id) =>
    read(customer_id, true).catch((error: unknown) => {
      if (isNotFound(error)) return read(customer_id, false);
      throw error;
    });
  /** The same for several customers. */
  const readManyEventual = async (customer_ids: readonly string[]) => {
    const found = await readMany(customer_ids, true);
    const unknown = customer_ids.filter((id) => !found.has(id));
    return unknown.length === 0 ? found : new Map([...found, ...(await readMany(unknown, false))]);
  };
  /** Reads all customers that are asked of it before the event loop continues with one query. */
  const createBatch = (): Load => {
    const wanted: string[] = [];
    let reading: Promise<ReadonlyMap<string, CustomerContextView>> | undefined;
    return async (customer_id) => {
      wanted.push(customer_id);
      reading ??= Promise.resolve().then(() => readManyEventual(wanted));
      const found = (await reading).get(customer_id);
      if (found === undefined)
        throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
      return found;
    };
  };
  const cache = new LRUCache<string, CustomerContextView, Load>({
    max: MAX_ENTRIES,
    ttl: Math.max(1, maxStalenessMs),
    fetchMethod: async (customerId, _, { options, context: load }) => {
      const startedAt = performance.now();
      const context = await load(customerId);
      // The age of a context counts from the start of its query.
      options.ttl = Math.max(1, maxStalenessMs - (performance.now() - startedAt));
      return context;
    },
  });
  const findCached = (customer_id: string): CustomerContextView | undefined => {
    const cached = cache.get(customer_id);
    onRead(cached === undefined ? 'miss' : 'hit');
    return cached;
  };
  const isCached = (consistency: ContextRequest['consistency']) =>
    consistency === 'eventual' && maxStalenessMs > 0;

  const getContext: ContextReader['getContext'] = async (
    caller,
    { customer_id, consistency, min_version },
  ) => {
    if (isCached(consistency)) {
      const context =
        findCached(customer_id) ?? (await cache.forceFetch(customer_id, { context: readEventual }));
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
  const getContexts: ContextReader['getContexts'] = async (_, { customer_ids, consistency }) => {
    const ids = [...new Set(customer_ids)];
    const found = isCached(consistency) ? await readManyThroughCache(ids) : await readManyFromGraph(ids);
    const items = ids.flatMap((id) => found.get(id) ?? []);
    return { items, missing: ids.filter((id) => !found.has(id)) };
  };
  const readManyThroughCache = async (ids: readonly string[]) => {
    const context = createBatch();
    const readUncached = (id: string) =>
      cache.forceFetch(id, { context }).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
    const contexts = await Promise.all(ids.map(async (id) => findCached(id) ?? readUncached(id)));
    return new Map(contexts.flatMap((found) => (found ? [[found.customer_id, found]] : [])));
  };
  const readManyFromGraph = async (ids: readonly string[]) => {
    for (const _ of ids) onRead('bypass');
    const found = await readMany(ids, false);
    if (maxStalenessMs > 0) for (const [id, context] of found) cache.set(id, context);
    return found;
  };
  return { getContext, getContexts };
}

function isNotFound(error: unknown): boolean {
  return error instanceof PersonaError && error.type === 'customer_not_found';
}
