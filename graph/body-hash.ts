import type { Graph } from './graph.ts';

/** Times and correlation ids do not change what a request asks for. */
const NOT_COMPARED = new Set(['occurred_at', 'observed_at', 'settled_at', 'correlation_id', 'causation_id']);

/** Serialises a value independently of the order of its keys. */
export function bodyText(value: unknown): string {
  return JSON.stringify(value, (key, item: unknown) => {
    if (NOT_COMPARED.has(key)) return undefined;
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/**
 * A keyed hash of a request without its times and correlation ids, to check whether a repeat under the same idempotency
 * key has the same body.
 */
export function requestHash(graph: Pick<Graph, 'blindIndex'>, request: unknown): string {
  return graph.blindIndex.hash('command', bodyText(request));
}

/** Whether `hash` is the hash of this request. */
export function isSameRequest(graph: Pick<Graph, 'blindIndex'>, request: unknown, hash: string): boolean {
  return graph.blindIndex.matches('command', bodyText(request), hash);
}
