/**
 * The whole catalogue of agents' personas in the memory of one process (docs/decisions/38-persona-catalogue.md): read once
 * at start, then what has changed, twice a second and after each change by this process. While Neo4j is away it stays as
 * it was. A persona never goes back to an older version, in whatever order reads end.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { TaskCancelledError, timeout, TimeoutStrategy } from 'cockatiel';
import { PersonaError } from '../domain/errors.ts';
import {
  getCatalogueState,
  getPersonas,
  getPersonaVersions,
  type PersonaNode,
} from '../graph/catalogue/index.ts';
import type { Reader } from '../graph/index.ts';
import type { PersonaView } from './views.ts';

/** How often a process asks whether another one has changed anything. */
const POLL_MS = 500;
/** Everything is read again this often, whatever the versions say. */
const RELOAD_MS = 15 * 60_000;
/**
 * Neo4j ends a read, the wait for a connection included, before this: one that takes longer is on a connection that is
 * dead, which the driver would notice only after minutes, and which must not stop all later refreshes.
 */
const withinLimit = timeout(20_000, TimeoutStrategy.Aggressive);
/** What was confirmed longer ago than this is called stale. */
const STALE_AFTER_MS = 2_000;
/** Personas read by one statement. */
const PAGE = 500;

export interface CatalogueStatus {
  /** When something was last read, epoch milliseconds; absent: never. */
  loadedAt?: number;
  /** Milliseconds since it was last known to be complete; absent: it never was. */
  ageMs?: number;
  isStale: boolean;
  /** The share of reads that were answered from memory; 1 without reads. */
  hitRatio: number;
}

/** How a read was answered. `stale`: from memory, while Neo4j is away. `miss`: it had to ask the graph. */
export type CatalogueReadResult = 'hit' | 'stale' | 'miss';

export interface CatalogueObserver {
  onRead(result: CatalogueReadResult): void;
  /** Called after each refresh in the background. @param failure absent: it succeeded */
  onRefreshed(personas: number, failure?: unknown): void;
}

export interface CatalogueCache {
  /**
   * Reads what has changed; at first, and every quarter of an hour, everything. What was committed before the call is
   * here afterwards.
   * @throws PersonaError graph_unavailable
   */
  refresh(): Promise<void>;
  /** Refreshes from now on in the background, until it is closed. */
  start(): void;
  find(name: string): PersonaView | undefined;
  /** All personas by name, ascending. */
  all(): readonly PersonaView[];
  status(): CatalogueStatus;
  /** Counts a read, from memory or of the graph. */
  count(from: 'memory' | 'graph'): void;
  /**
   * Each persona that changes from now on, in its newest version, until the cache is closed or `signal` aborts.
   * @param isFromStart all personas first, as they are
   */
  watch(signal: AbortSignal, isFromStart: boolean): AsyncGenerator<PersonaView>;
  close(): void;
}

export function createCatalogueCache(graph: Reader, observer: CatalogueObserver): CatalogueCache {
  const reader: Reader = {
    read: <T>(cypher: string, parameters?: Record<string, unknown>) =>
      withinLimit.execute(() => graph.read<T>(cypher, parameters)).catch(asUnavailable),
  };
  const personas = new Map<string, PersonaView>();
  const listeners = new Set<(persona: PersonaView) => void>();
  const closing = new AbortController();
  let sorted: readonly PersonaView[] | undefined;
  let sumOfVersions = 0;
  let loadedAt: number | undefined;
  /** Monotonic milliseconds: everything that was committed before is here. */
  let confirmedAt: number | undefined;
  let reloadedAt = -Infinity;

  const keep = (nodes: readonly PersonaNode[]) => {
    for (const node of nodes) {
      const known = personas.get(node.name)?.version ?? 0;
      if (known > node.version) continue;
      const persona = inOrder(node);
      sumOfVersions += persona.version - known;
      // Also the same version: what was changed without an event, or repaired after that, is served as it is stored.
      personas.set(persona.name, persona);
      sorted = undefined;
      if (persona.version > known) for (const listener of listeners) listener(persona);
    }
    loadedAt = Date.now();
  };

  const readChanged = async (): Promise<void> => {
    const state = await getCatalogueState(reader);
    if (state.version === sumOfVersions && state.personas === personas.size) return;
    const versions = await getPersonaVersions(reader);
    const changed = [...versions].flatMap(([name, version]) =>
      version > (personas.get(name)?.version ?? 0) ? [name] : [],
    );
    for (let start = 0; start < changed.length; start += PAGE)
      keep(await getPersonas(reader, changed.slice(start, start + PAGE)));
  };

  const read = async (): Promise<void> => {
    const startedAt = performance.now();
    if (startedAt - reloadedAt > RELOAD_MS) {
      keep(await getPersonas(reader));
      reloadedAt = startedAt;
    } else {
      await readChanged();
    }
    confirmedAt = startedAt;
  };

  let running: Promise<void> | undefined;
  /** Begins when the running one ends, which may lack what its callers must see. */
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    next = undefined;
    const started = read().finally(() => {
      if (running === started) running = undefined;
    });
    running = started;
    return started;
  };
  const refresh = (): Promise<void> => {
    if (running === undefined) return begin();
    next ??= running.then(begin, begin);
    return next;
  };

  const refreshRepeatedly = async (): Promise<void> => {
    const { signal } = closing;
    while (!signal.aborted) {
      await refresh().then(
        () => observer.onRefreshed(personas.size),
        (failure: unknown) => observer.onRefreshed(personas.size, failure),
      );
      await delay(POLL_MS, undefined, { signal, ref: false }).catch(() => {});
    }
  };

  const reads = { memory: 0, graph: 0 };
  const status = (): CatalogueStatus => {
    const all = reads.memory + reads.graph;
    const hitRatio = all === 0 ? 1 : reads.memory / all;
    if (loadedAt === undefined || confirmedAt === undefined) return { isStale: true, hitRatio };
    const ageMs = performance.now() - confirmedAt;
    return { loadedAt, ageMs, isStale: ageMs > STALE_AFTER_MS, hitRatio };
  };

  return {
    refresh,
    start: () => void refreshRepeatedly(),
    find: (name) => personas.get(name),
    all() {
      sorted ??= [...personas.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
      return sorted;
    },
    status,
    count(from) {
      reads[from] += 1;
      const fromMemory = status().isStale ? 'stale' : 'hit';
      observer.onRead(from === 'graph' ? 'miss' : fromMemory);
    },
    watch(signal, isFromStart) {
      const first = isFromStart ? [...personas.values()] : [];
      return watchChanges(listeners, first, AbortSignal.any([signal, closing.signal]));
    },
    close: () => closing.abort(),
  };
}

function asUnavailable(error: unknown): never {
  if (error instanceof TaskCancelledError)
    throw new PersonaError('graph_unavailable', 'Neo4j does not respond', { cause: error });
  throw error;
}

/** A receiver that is slow gets only the newest version of each persona. */
async function* watchChanges(
  listeners: Set<(persona: PersonaView) => void>,
  first: readonly PersonaView[],
  signal: AbortSignal,
): AsyncGenerator<PersonaView> {
  const waiting = new Map(first.map((persona) => [persona.name, persona]));
  let wake = () => {};
  const listener = (persona: PersonaView) => {
    waiting.set(persona.name, persona);
    wake();
  };
  listeners.add(listener);
  signal.addEventListener('abort', () => wake(), { once: true });
  try {
    while (!signal.aborted) {
      for (const [name, persona] of waiting) {
        waiting.delete(name);
        yield persona;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (signal.aborted || waiting.size > 0) resolve();
      });
    }
  } finally {
    listeners.delete(listener);
  }
}

/** With its fields in the order in which they are shown. */
function inOrder({
  name,
  display_name,
  role,
  persona_type,
  version,
  is_active,
  ...rest
}: PersonaNode): PersonaView {
  return { name, display_name, role, persona_type, version, is_active, ...rest };
}
