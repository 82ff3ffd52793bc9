/** The context cache on top of a fake graph that counts reads; the query itself is tested on Neo4j elsewhere. */

import { beforeEach, describe, expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { Policy } from '../domain/policy.ts';
import type { SharedContexts } from '../domain/ports.ts';
import type { Graph } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { type ContextReader, createContextReader } from './context.ts';
import { type ContextCache, createContextCache } from './context-cache.ts';
import type { Caller } from './caller.ts';

const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
let reads: number;
let version: number;
let results: string[];
let failing: PersonaError | undefined;
let cache: ContextCache;
let shared: SharedContexts | undefined;
/** While set, reads of the graph wait for it, having seen what they return. */
let held: Promise<void> | undefined;

beforeEach(() => {
  reads = 0;
  version = 1;
  results = [];
  asked = [];
  failing = undefined;
  shared = undefined;
  held = undefined;
  replicaVersion = Infinity;
});

/** The version that the other members of a cluster have replicated; 0: the customer is unknown to them. */
let replicaVersion: number;

/** The customers of each read. */
let asked: (readonly string[])[];

interface Customers {
  customer_id?: string;
  customer_ids?: readonly string[];
}

/**
 * Each read takes some milliseconds and sees the version as of its start. A member that has replicated version 0 knows
 * no customers; ids that end in `-missing` are unknown to all.
 */
async function rowsOf(
  versionRead: number,
  { customer_id = CUSTOMER, customer_ids = [customer_id] }: Customers,
) {
  reads += 1;
  asked.push([...customer_ids]);
  const release = held;
  await new Promise((resolve) => setTimeout(resolve, 5));
  await release;
  if (failing) throw failing;
  const known = customer_ids.filter((id) => !id.endsWith('-missing'));
  return versionRead === 0 ? [] : known.toReversed().map((id) => rowOf(versionRead, id));
}

function rowOf(versionRead: number, customer_id: string) {
  return {
    customer_id,
    ltv_minor: 123_450,
    segment: 'NEW',
    status: 'active',
    version: versionRead,
    device_ids: [],
    trust_scores: [],
    last_logins: [],
    payment_method_count: 0,
    default_payment_method_id: null,
    verified_shipping_address_count: 0,
  };
}
const graph = {
  now: Date.now,
  read: (_: string, customers: Customers) => rowsOf(version, customers),
  readFromAnyMember: (_: string, customers: Customers) =>
    rowsOf(Math.min(version, replicaVersion), customers),
} as unknown as Graph;

const readerWith = (maxStalenessMs: number, maxOutageStalenessMs = 0) =>
  readersWith(maxStalenessMs, maxOutageStalenessMs).getContext;

function readersWith(maxStalenessMs: number, maxOutageStalenessMs = 0): ContextReader {
  const base = readPolicy();
  const policy: Policy = { ...base, context: { ...base.context, maxStalenessMs, maxOutageStalenessMs } };
  cache = createContextCache(policy.context);
  return createContextReader({ graph, policy }, { cache, shared, onRead: (result) => results.push(result) });
}

const caller = (waitMs = 2_000): Caller => ({
  caller: 'service',
  actor: 'service',
  maySetLtvAndSegment: true,
  correlationId: 'c',
  deadline: Date.now() + waitMs,
  signal: new AbortController().signal,
});
const eventual = { customer_id: CUSTOMER, consistency: 'eventual', min_version: 0 } as const;
const strong = { ...eventual, consistency: 'strong' } as const;

test('concurrent readers of one customer share one query, later ones the cached result', async () => {
  const read = readerWith(60_000);
  const answers = await Promise.all(Array.from({ length: 50 }, () => read(caller(), eventual)));
  await read(caller(), eventual);
  expect(reads).toBe(1);
  expect(new Set(answers).size).toBe(1);
  expect(answers[0]).toMatchObject({ ltv: '1234.50', ltv_currency: 'USD', is_vip: true });
  expect(answers[0]).not.toHaveProperty('ltv_minor');
  expect(results.at(-1)).toBe('hit');
});

test('a context older than the policy allows is read again, its age counted from the start of its query', async () => {
  const read = readerWith(40);
  const first = await read(caller(), eventual);
  version = 2;
  await expect.poll(async () => (await read(caller(), eventual)).version, { interval: 2 }).toBe(2);
  const second = await read(caller(), eventual);
  expect(Date.parse(second.as_of) - Date.parse(first.as_of)).toBeGreaterThanOrEqual(39);
});

test('strong reads bypass the cache and refresh it', async () => {
  const read = readerWith(60_000);
  await read(caller(), eventual);
  version = 2;
  expect((await read(caller(), strong)).version).toBe(2);
  expect((await read(caller(), eventual)).version).toBe(2);
  expect(reads).toBe(2);
  expect(results).toEqual(['miss', 'bypass', 'hit']);
});

test('nothing is cached if no staleness is allowed', async () => {
  const read = readerWith(0);
  await read(caller(), eventual);
  await read(caller(), eventual);
  expect(reads).toBe(2);
});

test('a version that is not cached yet is awaited in the graph', async () => {
  const read = readerWith(60_000);
  await read(caller(), eventual);
  const waiting = read(caller(), { ...eventual, min_version: 2 });
  await expect.poll(() => reads).toBeGreaterThan(2);
  version = 2;
  expect((await waiting).version).toBe(2);
});

test('a version that does not become visible is refused just before the deadline', async () => {
  const refusedBeforeDeadline = async () => {
    const [until, before] = [Date.now() + 150, reads];
    await expect(readerWith(60_000)(caller(150), { ...strong, min_version: 9 })).rejects.toMatchObject({
      type: 'version_not_visible',
    });
    return Date.now() <= until && reads - before > 2;
  };
  // Repeated in case the machine stalled before the deadline.
  await expect.poll(refusedBeforeDeadline).toBe(true);
});

test('an error is passed to all waiting readers and is not cached', async () => {
  failing = new PersonaError('graph_unavailable', 'down');
  const read = readerWith(60_000);
  const answers = await Promise.allSettled([read(caller(), eventual), read(caller(), eventual)]);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(reads).toBe(1);
  failing = undefined;
  expect((await read(caller(), eventual)).version).toBe(1);
});

test('on a cluster only eventual reads may be stale, and not below their minimum version', async () => {
  version = 2;
  replicaVersion = 1;
  const read = readerWith(60_000);
  expect((await read(caller(), eventual)).version).toBe(1);
  expect((await read(caller(), { ...eventual, min_version: 2 })).version).toBe(2);
  expect((await readerWith(60_000)(caller(), strong)).version).toBe(2);
});

test('a customer not yet replicated to a member is found', async () => {
  replicaVersion = 0;
  expect((await readerWith(60_000)(caller(), eventual)).version).toBe(1);
  version = 0;
  await expect(readerWith(60_000)(caller(), eventual)).rejects.toMatchObject({ type: 'customer_not_found' });
});

/** A read that takes longer than a context may be old is not kept, so on a busy machine it is repeated. */
async function readUntilKept(read: ContextReader['getContext']): Promise<unknown> {
  await expect
    .poll(async () => {
      await read(caller(), eventual);
      return cache.find(CUSTOMER);
    })
    .toBeDefined();
  return cache.find(CUSTOMER)?.context;
}

/** Waits until what was read before is older than eventual reads may be. */
const outdated = () => {
  const asOf = performance.now();
  return expect.poll(() => cache.isFresh({ asOf }, performance.now()), { interval: 5 }).toBe(false);
};

const committed = (newVersion: number) => {
  version = newVersion;
  cache.invalidate([{ customer_id: CUSTOMER, version: newVersion }]);
};

test('a reported change is read by the next request, however young the cached context is', async () => {
  const read = readerWith(60_000);
  await read(caller(), eventual);
  committed(2);
  expect((await read(caller(), eventual)).version).toBe(2);
  cache.invalidate([{ customer_id: CUSTOMER, version: 2 }]);
  await read(caller(), eventual);
  expect(results).toEqual(['miss', 'miss', 'hit']);
  cache.invalidate([{ customer_id: CUSTOMER }]);
  await read(caller(), eventual);
  expect(results.at(-1)).toBe('miss');
});

test.each(['eventual', 'strong'] as const)(
  'a change that is reported while an %s read runs is in what later requests get, and in the cache',
  async (consistency) => {
    const read = readerWith(60_000);
    const { promise, resolve: release } = Promise.withResolvers<void>();
    held = promise;
    const first = read(caller(), { ...eventual, consistency });
    await expect.poll(() => reads).toBe(1);
    committed(2);
    held = undefined;
    const second = await read(caller(), eventual);
    expect(second.version).toBe(2);
    release();
    await first;
    expect((await read(caller(), eventual)).version).toBe(2);
    expect(results.at(-1)).toBe('hit');
  },
);

test('a change of a device that is reported while a read runs keeps the result out of the cache', async () => {
  const read = readerWith(60_000);
  const { promise, resolve: release } = Promise.withResolvers<void>();
  held = promise;
  const first = read(caller(), strong);
  await expect.poll(() => reads).toBe(1);
  cache.invalidate([{ customer_id: CUSTOMER }]);
  held = undefined;
  release();
  await first;
  await read(caller(), eventual);
  expect(results.at(-1)).toBe('miss');
});

test('a request does not join a read that started longer ago than a context may be old', async () => {
  const read = readerWith(30);
  const { promise, resolve: release } = Promise.withResolvers<void>();
  held = promise;
  const first = read(caller(), eventual);
  await expect.poll(() => reads).toBe(1);
  await outdated();
  version = 2;
  const second = read(caller(), eventual);
  await expect.poll(() => reads).toBe(2);
  release();
  expect((await first).version).toBe(1);
  expect((await second).version).toBe(2);
});

test('a request does not join a read that runs while a change is reported', async () => {
  const read = readerWith(60_000);
  const { promise, resolve: release } = Promise.withResolvers<void>();
  held = promise;
  const first = read(caller(), eventual);
  await expect.poll(() => reads).toBe(1);
  committed(2);
  const second = read(caller(), eventual);
  await expect.poll(() => reads).toBe(2);
  release();
  await Promise.all([first, second]);
});

test('requests that wait for the same version share their reads', async () => {
  const read = readerWith(60_000);
  await read(caller(), eventual);
  version = 2;
  const waiting = Array.from({ length: 50 }, () => read(caller(), { ...eventual, min_version: 2 }));
  expect(new Set((await Promise.all(waiting)).map((context) => context.version))).toEqual(new Set([2]));
  expect(reads).toBe(2);
});

test.each([
  ['that started longer ago than a context may be old', 30, outdated],
  ['that runs while a change is reported', 60_000, async () => cache.invalidate([{ customer_id: CUSTOMER }])],
])('a request that waits for a version does not join a read %s', async (_, maxStalenessMs, passes) => {
  const read = readerWith(maxStalenessMs);
  // Both find the version only at the member that accepts writes.
  replicaVersion = 1;
  version = 2;
  const atVersion = { ...eventual, min_version: 2 };
  const { promise, resolve: release } = Promise.withResolvers<void>();
  await readUntilKept(read);
  const earlierReads = reads;
  held = promise;
  const first = read(caller(), atVersion);
  await expect.poll(() => reads).toBe(earlierReads + 1);
  held = undefined;
  await passes();
  version = 3;
  expect((await read(caller(), atVersion)).version).toBe(3);
  release();
  await first;
});

test('each strong request reads for itself: it must not see less than a read that starts now', async () => {
  const read = readerWith(60_000);
  await Promise.all([read(caller(), strong), read(caller(), strong)]);
  expect(reads).toBe(2);
});

test('that a customer does not exist is cached, until the customer is created or a version is asked for', async () => {
  const read = readerWith(60_000);
  version = 0;
  const unknown = { type: 'customer_not_found' };
  await expect(read(caller(), eventual)).rejects.toMatchObject(unknown);
  const readsOfUnknown = reads;
  await expect(read(caller(), eventual)).rejects.toMatchObject(unknown);
  expect(reads).toBe(readsOfUnknown);
  expect(results).toEqual(['miss', 'negative']);
  version = 1;
  expect((await read(caller(), { ...eventual, min_version: 1 })).version).toBe(1);
  version = 0;
  const fresh = readerWith(60_000);
  await expect(fresh(caller(), eventual)).rejects.toMatchObject(unknown);
  committed(1);
  expect((await fresh(caller(), eventual)).version).toBe(1);
});

test('while Neo4j does not respond, an outdated context is returned, marked, as far as the policy allows', async () => {
  const read = readerWith(100, 60_000);
  const first = await readUntilKept(read);
  await outdated();
  failing = new PersonaError('graph_unavailable', 'down');
  expect(await read(caller(), eventual)).toEqual({ ...Object(first), stale: true });
  expect(results.at(-1)).toBe('stale');
  const unavailable = { type: 'graph_unavailable' };
  await expect(read(caller(), strong)).rejects.toMatchObject(unavailable);
  await expect(read(caller(), { ...eventual, min_version: 2 })).rejects.toMatchObject(unavailable);
  failing = undefined;
  expect(await read(caller(), eventual)).not.toHaveProperty('stale');

  // A change was reported: the context is known to be wrong.
  failing = new PersonaError('graph_unavailable', 'down');
  committed(2);
  await expect(read(caller(), eventual)).rejects.toMatchObject(unavailable);
});

test('a context that is too old even for an outage is not returned', async () => {
  const read = readerWith(100, 200);
  await readUntilKept(read);
  failing = new PersonaError('graph_unavailable', 'down');
  await expect
    .poll(() => read(caller(), eventual).catch(({ type }) => type), { interval: 5 })
    .toBe('graph_unavailable');
});

test('a Neo4j that hangs is answered for by an outdated context before the deadline', async () => {
  const read = readerWith(100, 60_000);
  await readUntilKept(read);
  await outdated();
  const { promise, resolve: release } = Promise.withResolvers<void>();
  held = promise;
  expect(await read(caller(200), eventual)).toMatchObject({ stale: true });
  release();
});

test('a change reported by the shared cache is awaited from the member that accepts writes', async () => {
  version = 2;
  replicaVersion = 1;
  const kept: number[] = [];
  shared = {
    find: async () => ({ at: 1, version: 2 }),
    keep: (_, __, entry) => kept.push(entry.version),
    invalidate: () => {},
    subscribe: () => {},
    close: async () => {},
  };
  expect((await readerWith(60_000)(caller(), eventual)).version).toBe(2);
  expect(kept).toEqual([2]);
});

test('a shared context counts by its age, and is not used if a change of it was reported, or it is another customer’s', async () => {
  const read = readerWith(60_000);
  const context = await read(caller(), strong);
  let found = { context: { ...context, version: 5 } as object, ageMs: 10 };
  shared = {
    find: async () => ({ at: 1, version: 5, found }),
    keep: () => {},
    invalidate: () => {},
    subscribe: () => {},
    close: async () => {},
  };
  expect((await readerWith(60_000)(caller(), eventual)).version).toBe(5);
  expect(results.at(-1)).toBe('shared');
  found = { ...found, ageMs: 60_001 };
  expect((await readerWith(60_000)(caller(), eventual)).version).toBe(1);
  found = { context: { ...context, version: 5, customer_id: 'another' }, ageMs: 10 };
  expect((await readerWith(60_000)(caller(), eventual)).customer_id).toBe(CUSTOMER);
  found = { context: { ...context, version: 5 }, ageMs: 10 };
  const changedRead = readerWith(60_000);
  cache.invalidate([{ customer_id: CUSTOMER, version: 6 }]);
  version = 6;
  expect((await changedRead(caller(), eventual)).version).toBe(6);
});

describe('a batch', () => {
  const ids = Array.from({ length: 50 }, (_, n) => `customer-${n}`);
  const missing = ids.map((id) => `${id}-missing`);
  const batch = (customer_ids: readonly string[]) => ({ customer_ids, consistency: 'eventual' as const });
  const idsOf = ({ items }: { items: { customer_id: string }[] }) => items.map((item) => item.customer_id);

  test('reads what is not cached with one query, each id once, and answers in the order of the request', async () => {
    const { getContext, getContexts } = readersWith(60_000);
    const [first = '', second = '', ...others] = ids;
    await getContext(caller(), { ...eventual, customer_id: second });
    asked = [];
    const answer = await getContexts(caller(), batch([first, second, first, ...others]));
    expect(idsOf(answer)).toEqual(ids);
    expect(answer.missing).toEqual([]);
    expect(asked).toEqual([[first, ...others]]);
    expect(results.filter((result) => result === 'hit')).toHaveLength(1);

    await getContexts(caller(), batch(ids));
    await getContext(caller(), { ...eventual, customer_id: first });
    expect(asked).toHaveLength(1);
  });

  test('names the customers that do not exist, and looks for them at the member that accepts writes', async () => {
    const mixed = ids.flatMap((id, n) => [missing[n] ?? '', id]);
    const answer = await readersWith(60_000).getContexts(caller(), batch(mixed));
    expect(idsOf(answer)).toEqual(ids);
    expect(answer.missing).toEqual(missing);
    expect(asked).toEqual([mixed, missing]);

    replicaVersion = 0;
    expect(idsOf(await readersWith(60_000).getContexts(caller(), batch(ids)))).toEqual(ids);
  });

  test('shares the query of a concurrent reader of one of its customers', async () => {
    const { getContext, getContexts } = readersWith(60_000);
    const [first = '', ...others] = ids;
    const single = getContext(caller(), { ...eventual, customer_id: first });
    const answer = await getContexts(caller(), batch(ids));
    expect(answer.items[0]).toBe(await single);
    expect(asked).toEqual([[first], others]);
  });

  test('with strong consistency bypasses the cache and refreshes it', async () => {
    const { getContext, getContexts } = readersWith(60_000);
    await getContexts(caller(), batch(ids));
    version = 2;
    const answer = await getContexts(caller(), { ...batch(ids), consistency: 'strong' });
    expect(new Set(answer.items.map((item) => item.version))).toEqual(new Set([2]));
    expect((await getContext(caller(), { ...eventual, customer_id: ids[0] ?? '' })).version).toBe(2);
    expect(asked).toEqual([ids, ids]);
  });

  test('of a customer whose context changes meanwhile is not answered from an earlier turn', async () => {
    const { getContexts } = readersWith(60_000);
    await getContexts(caller(), batch(ids));
    const [first = '', ...others] = ids;
    version = 2;
    cache.invalidate([{ customer_id: first, version: 2 }]);
    const answer = await getContexts(caller(), batch(ids));
    expect(answer.items.map((item) => item.version)).toEqual([2, ...others.map(() => 1)]);
    expect(asked.at(-1)).toEqual([first]);
  });

  test('fails as a whole if the graph does, and caches nothing of it', async () => {
    failing = new PersonaError('graph_unavailable', 'down');
    const { getContexts } = readersWith(60_000);
    await expect(getContexts(caller(), batch(ids))).rejects.toMatchObject({ type: 'graph_unavailable' });
    failing = undefined;
    expect(idsOf(await getContexts(caller(), batch(ids)))).toEqual(ids);
  });
});
