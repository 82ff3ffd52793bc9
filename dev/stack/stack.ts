import { StackError } from './errors.ts';
import type { Guard } from './guard.ts';
import { developmentKeys } from './keys.ts';
import { startNeo4j } from './neo4j.ts';
import type { ManagedProcess } from './managed-process.ts';
import type { Log } from './progress.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { startStripeMock } from './stripe-mock.ts';
import { startTemporal } from './temporal.ts';
import { findTestServer } from './test-server.ts';

const STARTERS = {
  neo4j: startNeo4j,
  temporal: startTemporal,
  test_server: findTestServer,
  stripe_mock: startStripeMock,
} as const;
export type ServerName = keyof typeof STARTERS;

export interface StackOptions {
  servers: readonly ServerName[];
  /** Where each server goes if nobody is there yet, else to the next free port; without it anywhere free. */
  ports?: Partial<Record<ServerName, number>>;
  /** Where Temporal's UI has payloads opened; without it the UI shows them sealed. */
  codec?: string | undefined;
  /** As in `ServerOptions`. */
  neo4jSettings?: ServerOptions['neo4jSettings'];
  /** A folder of this copy's own for data and logs; the guard deletes it at the end. */
  folder: string;
  guard: Guard;
  log: Log;
  env?: Record<string, string | undefined>;
}

export interface Stack {
  /** Addresses, keys and secrets for Persona's programs. */
  env: Record<string, string>;
  /** `neo4j` (bolt), `temporal` (host:port), `temporal_ui`, `stripe_mock`. */
  urls: Record<string, string>;
  /** Of the servers that were started here. */
  processes: Record<string, ManagedProcess>;
}

/**
 * Brings the servers up, all at once; the guard stops them. A server whose address is in the environment is used as it is.
 *
 * @throws StackError telling what is missing or why a server did not start
 */
export async function startStack({
  servers,
  ports = {},
  codec,
  neo4jSettings,
  folder,
  guard,
  log,
  env = process.env,
}: StackOptions): Promise<Stack> {
  guard.removeAtEnd(folder);
  const start = async (name: ServerName): Promise<[ServerName, RunningServer]> => {
    const options: ServerOptions = { env, folder, guard, log, port: ports[name], codec, neo4jSettings };
    return [name, await STARTERS[name](options)];
  };
  const running = fulfilled(await Promise.allSettled(servers.map(start)));
  return {
    env: Object.assign(developmentKeys(env), ...running.map(([, server]) => server.env)),
    urls: Object.assign({}, ...running.map(([, server]) => server.urls)),
    processes: Object.fromEntries(
      running.flatMap(([name, { process }]) => (process === undefined ? [] : [[name, process]])),
    ),
  };
}

/** Who lacks two things wants to hear of both at once. */
function fulfilled<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  const unexpected = reasons.find((reason) => !(reason instanceof StackError));
  if (unexpected !== undefined) throw unexpected;
  if (reasons.length > 0) throw new StackError(reasons.map(({ message }) => message).join('\n'));
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}
