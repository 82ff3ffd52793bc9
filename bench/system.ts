/** All of Persona as `npm start` brings it up, and what benchmarks reach it by. */

import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { CommandContext } from '../dev/command.ts';
import { type PersonaSystem, startPersona } from '../dev/persona.ts';
import { type Program, startProgram } from '../dev/programs.ts';
import { startStack } from '../dev/stack/stack.ts';
import { type Graph, migrate, openGraph } from '../graph/index.ts';
import { readCodecKeys, readGraphEnvironment, readTemporalEnvironment } from '../platform/environment.ts';
import { createBlindIndex } from '../security/blind-index.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { connectTemporal } from '../temporal/client.ts';

export interface BenchSystem extends Pick<PersonaSystem, 'addresses' | 'env'> {
  graph: Graph;
  temporal: Client;
  log: (line: string) => void;
  /** Starts a program of `bench/bare`. @param ports as `startProgram` takes them */
  startBare(
    name: string,
    ports?: Record<string, number>,
    env?: Record<string, string>,
  ): Promise<{ ready: Program['ready']; pid: number; stop(): Promise<void> }>;
  /**
   * A graph of its own, empty and migrated, on a Neo4j of its own.
   * @param pageCache as `startStack` takes it
   */
  startGraph(name: string, pageCache: string): Promise<Graph>;
  close(): Promise<void>;
}

export async function startSystem({ guard, log }: CommandContext): Promise<BenchSystem> {
  const { addresses, env, folder } = await startPersona({ guard, log });
  const graph = open(env);
  const { address, namespace } = readTemporalEnvironment(env);
  const temporal = await connectTemporal({ address, namespace, codecKeys: readCodecKeys(env).reveal() });
  return {
    ...{ addresses, env, graph, temporal, log },
    async startBare(name, ports = {}, extra = {}) {
      const { ready, child } = await startProgram({
        name: `bare-${name}`,
        file: `bench/bare/${name}.ts`,
        env: { ...env, ...extra },
        ...{ ports, usualPorts: false, folder, guard },
      });
      const stop = async () => {
        process.kill(child.pid);
        await child.exited;
      };
      return { ready, pid: child.pid, stop };
    },
    async startGraph(name, pageCache) {
      const servers = { servers: ['neo4j'], folder: join(folder, name), pageCache, guard, log } as const;
      const own = await startStack({ ...servers, env: { ...env, NEO4J_URI: undefined } });
      const another = open({ ...env, ...own.env });
      await migrate(another);
      return another;
    },
    async close() {
      await Promise.all([graph.close(), temporal.connection.close()]);
    },
  };
}

function open(env: PersonaSystem['env']): Graph {
  const { neo4j, keys, blindKeys } = readGraphEnvironment(env);
  return openGraph({
    ...neo4j,
    password: neo4j.password.reveal(),
    keyRing: createKeyRing(keys.reveal()),
    blindIndex: createBlindIndex(createKeyRing(blindKeys.reveal())),
  });
}
