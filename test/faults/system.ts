/** All of Persona as separate programs, with proxies in front of Neo4j and Temporal, for tests that kill them. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Client } from '@temporalio/client';
import { type Agents, connectAgents } from '../../dev/demo/agents.ts';
import { type StateInspector, openStateInspector } from '../../dev/demo/state-inspector.ts';
import { type PersonaSystem, startPersona } from '../../dev/persona.ts';
import type { Program } from '../../dev/programs.ts';
import type { Guard } from '../../dev/stack/guard.ts';
import type { ManagedProcess } from '../../dev/stack/managed-process.ts';
import type { Log } from '../../dev/stack/progress.ts';
import { type Stack, startStack } from '../../dev/stack/stack.ts';
import type { Policy } from '../../domain/policy.ts';
import { OBLIGATION_SWEEP } from '../../domain/workflow-contracts.ts';
import { type Graph, openConfiguredGraph } from '../../graph/index.ts';
import { readCodecKeys, readGraphEnvironment, readTemporalEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { connectTemporal } from '../../temporal/client.ts';
import { type TcpProxy, startTcpProxy } from './proxy.ts';

/** Short intervals, so that no test waits five minutes for the second read of an unresolved charge. */
const POLICY = {
  recovery: {
    unknown: ['0 s', '2 s', '5 s', '10 s', '20 s', '1 m', '5 m', '1 h'],
    pending: ['2 s', '5 s', '10 s', '20 s', '1 m', '5 m', '1 h'],
  },
};

type Variables = Record<string, string | undefined>;

export interface FaultSystem {
  /** Its programs reach Neo4j and Temporal only through the proxies. */
  persona: PersonaSystem;
  policy: Policy;
  neo4j: ManagedProcess & { proxy: TcpProxy };
  temporal: ManagedProcess & {
    proxy: TcpProxy;
    /** Kills it and starts a new, empty one at the same address. */
    replace(): Promise<void>;
  };
  kafka: ManagedProcess & { brokers: string[] };
  /** A client that bypasses the proxy, with the codec. */
  client: Client;
  /** Bypasses the proxy, too, as the inspector does. */
  graph: Graph;
  agents: Agents;
  inspector: StateInspector;
  program(name: string): Program;
  /** Terminates every transaction in progress in Neo4j, as its administrator may. */
  terminateTransactions(): Promise<void>;
  /** Triggers the schedule's sweep now instead of within ten minutes. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

/** @throws StackError naming what is missing or why a part did not start */
export async function startFaultSystem(options: { guard: Guard; log: Log }): Promise<FaultSystem> {
  const { guard, log } = options;
  const folder = mkdtempSync(join(tmpdir(), 'persona-faults-'));
  guard.removeAtEnd(folder);
  const policyFile = join(folder, 'policy.json');
  writeFileSync(policyFile, JSON.stringify(POLICY));
  const runFile = join(folder, 'run.json');
  const env: Variables = {
    ...ownEnvironment(),
    PERSONA_POLICY_FILE: policyFile,
    PERSONA_RUN_FILE: runFile,
    LOG_LEVEL: 'warn',
  };

  const stack = await startStack({
    servers: ['neo4j', 'temporal', 'kafka'],
    folder: join(folder, 'stack'),
    guard,
    log,
    env,
  });
  const direct: Variables = { ...env, ...stack.env };
  const neo4jProxy = await startTcpProxy(direct.NEO4J_URI?.replace('bolt://', '') ?? '');
  const temporalProxy = await startTcpProxy(direct.TEMPORAL_ADDRESS ?? '');
  const through = { NEO4J_URI: `bolt://${neo4jProxy.address}`, TEMPORAL_ADDRESS: temporalProxy.address };
  const persona = await startPersona({ guard, log, env: { ...direct, ...through } });

  const addresses = {
    ...persona.addresses,
    neo4j: direct.NEO4J_URI ?? '',
    temporal: direct.TEMPORAL_ADDRESS ?? '',
  };
  const graph = openConfiguredGraph(readGraphEnvironment(direct));
  const { apiKey: _none, ...temporalAddress } = readTemporalEnvironment(direct);
  const client = await connectTemporal({ ...temporalAddress, codecKeys: readCodecKeys(direct).reveal() });
  const agents = await connectAgents(addresses);
  const inspector = openStateInspector(addresses);
  const temporal = processOf(stack, 'temporal');
  return {
    persona,
    policy: readPolicy(policyFile),
    neo4j: Object.assign(processOf(stack, 'neo4j'), { proxy: neo4jProxy }),
    temporal: Object.assign(temporal, {
      proxy: temporalProxy,
      async replace() {
        await temporal.kill();
        const home = dirname(temporal.child.logFile);
        for (const end of ['', '-shm', '-wal']) rmSync(join(home, `temporal.db${end}`), { force: true });
        await temporal.restart();
      },
    }),
    kafka: Object.assign(processOf(stack, 'kafka'), { brokers: [direct.KAFKA_BROKERS ?? ''] }),
    client,
    graph,
    agents,
    inspector,
    program(name) {
      const program = persona.programs.get(name);
      if (program === undefined) throw new Error(`there is no program ${name}`);
      return program;
    },
    async terminateTransactions() {
      const rows = await graph.read<{ id: string }>(
        'SHOW TRANSACTIONS YIELD transactionId AS id, currentQuery AS query WHERE NOT query STARTS WITH "SHOW" RETURN id',
      );
      const ids = rows.map(({ id }) => id);
      if (ids.length > 0) await graph.read('TERMINATE TRANSACTIONS $ids', { ids });
    },
    sweep: () => client.schedule.getHandle(OBLIGATION_SWEEP.id).trigger(),
    async close() {
      await Promise.all([agents.close(), inspector.close(), graph.close(), client.connection.close()]);
      await Promise.all([neo4jProxy.close(), temporalProxy.close()]);
    },
  };
}

/** Without addresses and keys from outside: the servers killed here must belong to this test alone. */
function ownEnvironment(): Variables {
  const foreignVariables = /^(NEO4J|TEMPORAL|KAFKA|PERSONA|STRIPE|NOTIFY|CHIMERA)_/;
  const ownVariables = Object.entries(process.env).filter(
    ([name]) => name === 'PERSONA_CACHE_DIR' || !foreignVariables.test(name),
  );
  return Object.fromEntries(ownVariables);
}

function processOf(stack: Stack, name: string): ManagedProcess {
  const process = stack.processes[name];
  if (process === undefined) throw new Error(`${name} was not started by this test`);
  return process;
}
