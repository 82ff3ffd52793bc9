import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findAgentGo, findAgentPython } from './agent-libraries.ts';
import { findOasdiff, findSchemathesis } from './contract-tools.ts';
import { StackError } from './errors.ts';
import type { Guard } from './guard.ts';
import { startKafka } from './kafka.ts';
import { developmentKeys } from './keys.ts';
import { startMoto } from './moto.ts';
import { startNeo4j } from './neo4j.ts';
import type { ManagedProcess } from './managed-process.ts';
import type { Log } from './progress.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { startRedis } from './redis.ts';
import { startSchemaRegistry } from './schema-registry.ts';
import { startStripeMock } from './stripe-mock.ts';
import { startTemporal } from './temporal.ts';
import { findTestServer } from './test-server.ts';

const STARTERS = {
  neo4j: startNeo4j,
  temporal: startTemporal,
  test_server: findTestServer,
  redis: startRedis,
  kafka: startKafka,
  schema_registry: startSchemaRegistry,
  stripe_mock: startStripeMock,
  moto: startMoto,
  oasdiff: findOasdiff,
  schemathesis: findSchemathesis,
  agent_python: findAgentPython,
  agent_go: findAgentGo,
} as const;
export type ServerName = keyof typeof STARTERS;

export interface StackOptions {
  servers: readonly ServerName[];
  /** Preferred port of each server, else the next free one; without it any free port. */
  ports?: Partial<Record<ServerName, number>>;
  /** URL of the codec server for Temporal's UI; without it the UI shows payloads encrypted. */
  codec?: string | undefined;
  /** As in `ServerOptions`. */
  neo4jSettings?: ServerOptions['neo4jSettings'];
  kafkaLogin?: ServerOptions['kafkaLogin'];
  /** This instance's own folder for data and logs; the guard deletes it at the end. */
  folder: string;
  guard: Guard;
  log: Log;
  env?: Record<string, string | undefined>;
}

export interface Stack {
  /** Addresses, keys and secrets for Persona's programs. */
  env: Record<string, string>;
  /**
   * `neo4j` (bolt), `temporal` (host:port), `temporal_ui`, `redis`, `kafka`, `kafka_login` (host:port), `schema_registry`, `stripe_mock`,
   * `moto`.
   */
  urls: Record<string, string>;
  /** The servers that were started here. */
  processes: Record<string, ManagedProcess>;
}

/**
 * Starts the servers concurrently; the guard stops them. A server whose address is in the environment is used instead.
 *
 * @throws StackError naming what is missing or why a server did not start
 */
export async function startStack({
  servers,
  ports = {},
  codec,
  neo4jSettings,
  kafkaLogin,
  folder,
  guard,
  log,
  env = process.env,
}: StackOptions): Promise<Stack> {
  guard.removeAtEnd(folder);
  mkdirSync(folder, { recursive: true });
  const start = async (name: ServerName): Promise<[ServerName, RunningServer]> => {
    const common = { env, folder, guard, log, codec, neo4jSettings, kafkaLogin };
    const options: ServerOptions = { ...common, port: ports[name] };
    return [name, await STARTERS[name](options)];
  };
  const running = fulfilled(await Promise.allSettled(servers.map(start)));
  return {
    env: Object.assign(
      { PERSONA_ERASURE_JOURNAL: env.PERSONA_ERASURE_JOURNAL || join(folder, 'erasure-journal') },
      developmentKeys(env),
      ...running.map(([, server]) => server.env),
    ),
    urls: Object.assign({}, ...running.map(([, server]) => server.urls)),
    processes: Object.fromEntries(
      running.flatMap(([name, { process }]) => (process === undefined ? [] : [[name, process]])),
    ),
  };
}

/** Reports all StackErrors together. */
function fulfilled<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  const unexpected = reasons.find((reason) => !(reason instanceof StackError));
  if (unexpected !== undefined) throw unexpected;
  if (reasons.length > 0) throw new StackError(reasons.map(({ message }) => message).join('\n'));
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}
