/** The context cache on top of a fake graph that counts reads; the query itself is tested on Neo4j elsewhere. */

import { beforeEach, describe, expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { Policy } from '../domain/policy.ts';
import type { Graph } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { createContextReader } from './context.ts';
import type { Caller } from './caller.ts';

const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
let reads: number;
let version: number;
let results: string[];
let failing: PersonaError | undefined;

beforeEach(() => {
  reads = 0;
  version = 1;
  results = [];
  asked = [];
  failing = undefined;
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
  await new Promise((resolve) => setTimeout(resolve, 5));
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

const readerWith = (maxStalenessMs: number) => readersWith(maxStalenessMs).getContext;

function readersWith(maxStalenessMs: number) {
  const base = readPolicy();
  const policy: Policy = { ...base, context: { ...base.context, maxStalenessMs } };
  return createContextReader({ graph, policy }, (result) => results.push(result));
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
    const until = Date.now() + 150;
    await expect(readerWith(60_000)(caller(150), { ...strong, min_version: 9 })).rejects.toMatchObject({
      type: 'version_not_visible',
    });
    return Date.now() <= until;
  };
  // Repeated in case the machine stalled just before the deadline.
  await expect.poll(refusedBeforeDeadline).toBe(true);
  expect(reads).toBeGreaterThan(2);
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

  test('fails as a whole if the graph does, and caches nothing of it', async () => {
    failing = new PersonaError('graph_unavailable', 'down');
    const { getContexts } = readersWith(60_000);
    await expect(getContexts(caller(), batch(ids))).rejects.toMatchObject({ type: 'graph_unavailable' });
    failing = undefined;
    expect(idsOf(await getContexts(caller(), batch(ids)))).toEqual(ids);
  });
});
