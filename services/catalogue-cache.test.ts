import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Reader } from '../graph/index.ts';
import { testPersona } from '../test/catalogue-fixtures.ts';
import { createCatalogueCache } from './catalogue-cache.ts';

const RELOAD_MS = 15 * 60_000;
const READ_LIMIT_MS = 20_000;

type Stored = Map<string, { version: number; system_prompt: string }>;

let stored: Stored;
beforeEach(() => {
  vi.useFakeTimers();
  stored = new Map([
    ['a', { version: 2, system_prompt: 'One.' }],
    ['b', { version: 1, system_prompt: 'One.' }],
  ]);
});
afterEach(() => void vi.useRealTimers());

/** A graph that holds what is stored. */
const graph: Reader = {
  async read(cypher, { names } = {}) {
    const found = [...stored].filter(([name]) => (names as string[] | undefined)?.includes(name) ?? true);
    const version = found.reduce((sum, [, node]) => sum + node.version, 0);
    const rows = cypher.includes('AS versions')
      ? [{ versions: found.map(([name, node]) => [name, node.version]) }]
      : cypher.includes('AS personas')
        ? [{ personas: found.length, version }]
        : found.map(([name, node]) => ({
            ...{ name, ...testPersona(), is_active: true, created_at: 0, updated_at: 0, ...node },
          }));
    return rows as never[];
  },
};

const newCache = (reader = graph) => createCatalogueCache(reader, { onRead() {}, onRefreshed() {} });
const served = (cache: ReturnType<typeof newCache>) =>
  cache.all().map(({ name, version, system_prompt }) => [name, version, system_prompt]);

test('a graph that was emptied, or is that of an older backup, takes nothing from memory', async () => {
  const cache = newCache();
  await cache.refresh();
  const before = served(cache);
  expect(before).toEqual([
    ['a', 2, 'One.'],
    ['b', 1, 'One.'],
  ]);
  for (const wait of [0, RELOAD_MS + 1]) {
    stored = new Map();
    vi.advanceTimersByTime(wait);
    await cache.refresh();
    expect(served(cache)).toEqual(before);
    stored = new Map([['a', { version: 1, system_prompt: 'Older.' }]]);
    vi.advanceTimersByTime(wait);
    await cache.refresh();
    expect(served(cache)).toEqual(before);
  }
});

test('what was changed without an event is served as it is stored after a quarter of an hour, and is no change', async () => {
  const cache = newCache();
  await cache.refresh();
  const leave = new AbortController();
  const changes = cache.watch(leave.signal, false);
  const next = changes.next();
  stored.set('a', { version: 2, system_prompt: 'Repaired.' });
  await cache.refresh();
  expect(cache.find('a')?.system_prompt).toBe('One.');
  vi.advanceTimersByTime(RELOAD_MS + 1);
  await cache.refresh();
  expect(cache.find('a')?.system_prompt).toBe('Repaired.');
  stored.set('b', { version: 2, system_prompt: 'Two.' });
  await cache.refresh();
  expect(await next).toMatchObject({ value: { name: 'b', version: 2 } });
  leave.abort();
});

test('a read on a dead connection is given up, and the next one brings what was missed', async () => {
  let isDead = false;
  const cache = newCache({
    read: (cypher, parameters) => (isDead ? new Promise(() => {}) : graph.read(cypher, parameters)),
  });
  await cache.refresh();
  isDead = true;
  const hanging = cache.refresh();
  const waiting = cache.refresh();
  stored.set('a', { version: 3, system_prompt: 'Two.' });
  isDead = false;
  vi.advanceTimersByTime(READ_LIMIT_MS);
  await expect(hanging).rejects.toMatchObject({ type: 'graph_unavailable' });
  await waiting;
  expect(cache.find('a')?.version).toBe(3);
  expect(cache.status().isStale).toBe(false);
});

test('who watches slowly gets the newest version of each persona alone, until the cache is closed', async () => {
  const cache = newCache();
  await cache.refresh();
  const changes = cache.watch(new AbortController().signal, true);
  const first = await changes.next();
  for (const version of [3, 4]) {
    stored.set('a', { version, system_prompt: `${version}.` });
    stored.set('b', { version, system_prompt: `${version}.` });
    await cache.refresh();
  }
  const seen = [first, await changes.next(), await changes.next()];
  expect(seen).toMatchObject([
    { value: { name: 'a', version: 2 } },
    { value: { name: 'b', version: 4 } },
    { value: { name: 'a', version: 4 } },
  ]);
  const last = changes.next();
  cache.close();
  expect(await last).toEqual({ done: true, value: undefined });
});
