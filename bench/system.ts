/** All of Persona as started by `npm start`, with the connections that benchmarks use. */

import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { DevCommandContext } from '../dev/run-dev-command.ts';
import { type DevelopmentAccess, startDevelopmentAccess } from '../dev/access/access.ts';
import { type PersonaSystem, startPersona } from '../dev/persona.ts';
import { type Program, type ProgramOptions, startProgram } from '../dev/programs.ts';
import { signalGroup } from '../dev/stack/process-groups.ts';
import type { Guard } from '../dev/stack/guard.ts';
import { type Stack, startStack } from '../dev/stack/stack.ts';
import { type Graph, migrate, openConfiguredGraph } from '../graph/index.ts';
import { readCodecKeys, readGraphEnvironment, readTemporalEnvironment } from '../platform/environment.ts';
import { connectTemporal } from '../temporal/client.ts';
import { type Inspectable, INSPECTABLE } from './heap.ts';

/** Servers, and the variables that programs need to connect to them. */
export interface Servers extends Pick<PersonaSystem, 'env'> {
  graph: Graph;
  temporal: Client;
}

type Variables = Record<string, string | undefined>;

export type BenchProgram = Inspectable & { ready: Program['ready']; stop(): Promise<void> };

/** Process ids by the server's name. */
type Pids = Record<string, number>;

/** A graph on a separate Neo4j. */
export interface OwnGraph {
  graph: Graph;
  env: Variables;
  pids: Pids;
  /** The folder that contains the server's files. */
  folder: string;
  /** Shuts the server down gracefully, so that its files are complete. */
  stop(): Promise<void>;
}

/** A separate Kafka. */
export interface OwnKafka {
  brokers: string[];
  pids: Pids;
  stop(): Promise<void>;
}

/** Another Persona, which publishes to a Kafka of its own and reads from it. */
export interface KafkaSystem extends Servers, Pick<PersonaSystem, 'addresses'> {
  brokers: string[];
  stop(): Promise<void>;
}

export interface BenchSystem extends Servers, Pick<PersonaSystem, 'addresses'> {
  log: (line: string) => void;
  /** Persona's worker. */
  worker: Inspectable;
  /** Stops everything added to it at the end. */
  guard: Guard;
  /** An issuer of tokens and certificates, started with the first call. */
  startAccess(): Promise<DevelopmentAccess>;
  /** Another API process on the same graph and Temporal. @param env additions and overrides */
  startApi(env: Variables): Promise<BenchProgram>;
  /** @returns the URL of an empty Redis */
  startRedis(): Promise<string>;
  /** Starts a program of `bench/bare`. @param ports as in `startProgram` */
  startBare(name: string, ports?: Record<string, number>, env?: Variables): Promise<BenchProgram>;
  /** Starts a process that reads other agents' records. @param env additions and overrides */
  startConsumer(env: Variables): Promise<BenchProgram>;
  /** Starts a separate empty Kafka. */
  startKafka(name: string): Promise<OwnKafka>;
  /** Starts all of Persona a second time, with servers of its own, among them Kafka. */
  startWithKafka(): Promise<KafkaSystem>;
  /** Starts a program of this folder with the environment of Persona's worker. @param env additions and overrides */
  startWorker(file: string, env: Variables): Promise<BenchProgram>;
  /**
   * Starts a separate Neo4j with an empty, migrated graph.
   * @param neo4jSettings as in `startStack`
   */
  startGraph(name: string, neo4jSettings: Record<string, string>): Promise<OwnGraph>;
  /** Starts a separate empty graph and Temporal, without any of Persona's programs, and creates a folder for files. */
  startServers(name: string): Promise<Servers & { folder: string; pids: Pids; stop(): Promise<void> }>;
  close(): Promise<void>;
}

export async function startSystem({ guard, log }: DevCommandContext): Promise<BenchSystem> {
  // In memory only: writing its state after each request, the simulator would be busier than the measured system.
  const gateway = { SIM_STATE: '' };
  const variables = { ...process.env, ...INSPECTABLE, ...gateway, PERSONA_INSECURE: '1' };
  const persona = await startPersona({ guard, log, env: variables });
  const { addresses, env, folder, programs } = persona;
  const worker = programs.get('worker')?.child;
  if (worker === undefined) throw new Error('Persona is running without a worker');
  const graph = openGraph(env);
  const temporal = await connect(env);
  const start = async (
    program: Pick<ProgramOptions, 'name' | 'file' | 'ports' | 'env'>,
  ): Promise<BenchProgram> => {
    const { ready, child } = await startProgram({ ...program, useDefaultPorts: false, folder, guard });
    const stop = async () => {
      process.kill(child.pid);
      await child.exited;
    };
    return { ready, pid: child.pid, output: () => child.output(), stop };
  };
  let access: Promise<DevelopmentAccess> | undefined;
  let apis = 1;
  return {
    ...{ addresses, env, graph, temporal, log, guard, worker },
    startAccess() {
      access ??= startDevelopmentAccess(
        folder,
        (name, file, ports, variables) =>
          startProgram({
            ...{ name, file, ports, env: { ...env, ...variables } },
            ...{ useDefaultPorts: false, folder, guard },
          }),
        {},
      );
      return access;
    },
    startApi(extra) {
      apis += 1;
      const ports = { HTTP_PORT: 0, GRPC_PORT: 0, METRICS_PORT: 0 };
      return start({ name: `api-${apis}`, file: 'api/main.ts', ports, env: { ...env, ...extra } });
    },
    async startRedis() {
      const servers = {
        servers: ['redis'],
        folder,
        guard,
        log,
        env: { ...env, REDIS_URL: undefined },
      } as const;
      const { urls } = await startStack(servers);
      if (urls.redis === undefined) throw new Error('Redis has no address');
      return urls.redis;
    },
    startBare: (name, ports = {}, extra = {}) =>
      start({ name: `bare-${name}`, file: `bench/bare/${name}.ts`, ports, env: { ...env, ...extra } }),
    startConsumer: (extra) =>
      start({
        ...{ name: 'consumer', file: 'consumers/main.ts', ports: { METRICS_PORT: 0 } },
        env: { ...env, ...extra },
      }),
    async startKafka(name) {
      const servers = { servers: ['kafka'], folder: join(folder, name), guard, log } as const;
      const { urls, processes } = await startStack({ ...servers, env: { ...env, KAFKA_BROKERS: undefined } });
      const stop = async () => {
        await Promise.all(Object.values(processes).map((server) => server.kill()));
      };
      return { brokers: [urls.kafka ?? ''], pids: pidsOf(processes), stop };
    },
    async startWithKafka() {
      const own = { NEO4J_URI: undefined, TEMPORAL_ADDRESS: undefined, KAFKA_BROKERS: undefined };
      const second = await startPersona({
        ...{ guard, log, kafka: true, runFile: join(folder, 'with-kafka.json') },
        env: { ...variables, ...own },
      });
      const { kafka, pids } = second.addresses;
      if (kafka === undefined) throw new Error('Persona is running without Kafka');
      const servers = { graph: openGraph(second.env), temporal: await connect(second.env) };
      const stop = async () => {
        await disconnect(servers);
        for (const pid of Object.values(pids)) signalGroup(pid, 'SIGTERM');
      };
      return { ...servers, env: second.env, addresses: second.addresses, brokers: [kafka], stop };
    },
    startWorker: (file, extra) =>
      start({
        name: `bench-${basename(file, '.ts')}`,
        file: `bench/${file}`,
        ports: {},
        env: { ...env, ...extra },
      }),
    async startGraph(name, neo4jSettings) {
      const home = join(folder, name);
      const servers = { servers: ['neo4j'], folder: home, neo4jSettings, guard, log } as const;
      const stack = await startStack({ ...servers, env: { ...env, NEO4J_URI: undefined } });
      const ownGraph = openGraph({ ...env, ...stack.env });
      await migrate(ownGraph);
      const stop = async () => {
        await ownGraph.close();
        const { neo4j } = stack.processes;
        if (neo4j === undefined) return;
        signalGroup(neo4j.child.pid, 'SIGTERM');
        await neo4j.child.exited;
      };
      return { graph: ownGraph, env: stack.env, pids: pidsOf(stack.processes), folder: home, stop };
    },
    async startServers(name) {
      const stack = await startStack({
        ...{ servers: ['neo4j', 'temporal'], folder: join(folder, name), guard, log },
        env: { ...env, NEO4J_URI: undefined, TEMPORAL_ADDRESS: undefined },
      });
      const ownEnv = { ...env, ...stack.env };
      const servers = { env: ownEnv, graph: openGraph(ownEnv), temporal: await connect(ownEnv) };
      await migrate(servers.graph);
      const files = join(folder, name, 'files');
      mkdirSync(files);
      const stop = async () => {
        await disconnect(servers);
        await Promise.all(Object.values(stack.processes).map((server) => server.kill()));
      };
      return { ...servers, pids: pidsOf(stack.processes), folder: files, stop };
    },
    close: () => disconnect({ graph, temporal }),
  };
}

function pidsOf(processes: Stack['processes']): Pids {
  return Object.fromEntries(Object.entries(processes).map(([name, { child }]) => [name, child.pid]));
}

async function disconnect({ graph, temporal }: Pick<Servers, 'graph' | 'temporal'>): Promise<void> {
  await Promise.all([graph.close(), temporal.connection.close()]);
}

async function connect(env: PersonaSystem['env']): Promise<Client> {
  const { address, namespace } = readTemporalEnvironment(env);
  return connectTemporal({ address, namespace, codecKeys: readCodecKeys(env).reveal() });
}

function openGraph(env: PersonaSystem['env']): Graph {
  return openConfiguredGraph(readGraphEnvironment(env));
}
