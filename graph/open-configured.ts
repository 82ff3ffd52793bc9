import type { GraphEnvironment } from '../platform/environment.ts';
import { createBlindIndex } from '../security/blind-index.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { type Graph, type GraphOptions, openGraph } from './graph.ts';

/**
 * Opens the graph that a process's environment configures, with its keys.
 * @param options - in addition to the environment, and taking precedence over it
 */
export function openConfiguredGraph(
  { neo4j, keys, blindKeys }: GraphEnvironment,
  options: Partial<GraphOptions> = {},
): Graph {
  return openGraph({
    ...neo4j,
    password: neo4j.password.reveal(),
    keyRing: createKeyRing(keys.reveal()),
    blindIndex: createBlindIndex(createKeyRing(blindKeys.reveal())),
    ...options,
  });
}
