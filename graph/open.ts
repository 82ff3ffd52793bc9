import type { GraphEnvironment } from '../platform/environment.ts';
import { createBlindIndex } from '../security/blind-index.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { EFFECTS } from './events/index.ts';
import { type Graph, type GraphOptions, openDriver } from './kernel/graph.ts';
import { admitKeys, type ConfiguredKeys } from './kernel/key-register.ts';
import { migrate } from './kernel/migrate.ts';

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

/**
 * Prepares a graph for a process that changes it: the schema is brought up to date, and the process's keys are admitted.
 * @param onWait called with the indexes that a migration waits for, and their progress
 * @throws PersonaError graph_unavailable; key_unavailable: the rings are incompatible with those of other processes
 */
export async function prepareGraph(
  graph: Graph,
  keys: ConfiguredKeys,
  onWait: (indexes: string) => void,
): Promise<void> {
  await graph.verifyConnectivity();
  await migrate(graph, { onWait });
  await admitKeys(graph, keys);
}
