import type { Graph } from './graph.ts';

/** When and along which chain a request came says nothing about what it asks for. */
const NOT_COMPARED = new Set(['occurred_at', 'observed_at', 'settled_at', 'correlation_id', 'causation_id']);

/** A value as text that does not depend on the order of keys. */
export function bodyText(value: unknown): string {
  return JSON.stringify(value, (key, item: unknown) => {
    if (NOT_COMPARED.has(key)) return undefined;
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/**
 * A keyed hash of what a request asks for (times and correlation ids left out), to tell whether a repeat under the
 * same key asks for the same.
 */
export function requestHash(graph: Pick<Graph, 'blindIndex'>, request: unknown): string {
  return graph.blindIndex.hash('command', bodyText(request));
}

/** Is `hash` the hash of this request? */
export function isSameRequest(graph: Pick<Graph, 'blindIndex'>, request: unknown, hash: string): boolean {
  return graph.blindIndex.matches('command', bodyText(request), hash);
}
