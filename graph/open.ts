import type { GraphEnvironment } from '../platform/environment.ts';
import { createBlindIndex } from '../security/blind-index.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { EFFECTS } from './events/index.ts';
import { type Graph, type GraphOptions, openDriver } from './kernel/graph.ts';

/** Opens the graph with the projections of all events. */
export function openGraph(options: GraphOptions): Graph {
  return openDriver(options, EFFECTS);
}

/**
 * Opens the graph that a process's environment configures, with its keys.
 * @param options - in addition to the environment, and taking precedence over it
 */
export function openConfiguredGraph(
  { neo4j, keys, blindKeys, erasureKeys }: GraphEnvironment,
  options: Partial<GraphOptions> = {},
): Graph {
  return openGraph({
    ...neo4j,
    password: neo4j.password.reveal(),
    keyRing: createKeyRing(keys.reveal()),
    blindIndex: createBlindIndex(createKeyRing(blindKeys.reveal())),
    ...(erasureKeys && { erasedIds: createBlindIndex(createKeyRing(erasureKeys.reveal())) }),
    ...options,
  });
}
