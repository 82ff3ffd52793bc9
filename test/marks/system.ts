/** All of Persona with data folders of its own, in which nothing is but what this test has sent. */

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Client } from '@temporalio/client';
import neo4j from 'neo4j-driver';
import { type PersonaSystem, startPersona } from '../../dev/persona.ts';
import { type Program, startProgram } from '../../dev/programs.ts';
import type { Guard } from '../../dev/stack/guard.ts';
import { startStack } from '../../dev/stack/stack.ts';
import { type Graph, openConfiguredGraph } from '../../graph/index.ts';
import { readCodecKeys, readGraphEnvironment, readTemporalEnvironment } from '../../platform/environment.ts';
import { connectTemporal } from '../../temporal/client.ts';
import { startTcpProxy } from '../faults/proxy.ts';
import { startTraceReceiver, type TraceReceiver } from '../trace-receiver.ts';
import { randomCore } from './marks.ts';

type Variables = Record<string, string | undefined>;

export interface MarkedSystem {
  persona: PersonaSystem;
  /** With Neo4j's and Temporal's data, and the run file. */
  folder: string;
  /** The servers' home folders. */
  homes: { neo4j: string; temporal: string; kafka: string };
  /** Process ids by name. */
  pids: Readonly<Record<string, number>>;
  graph: Graph;
  /** A Temporal client with the codec, as the command line has it. */
  client: Client;
  /** For commands of the command line. */
  env: Variables;
  smtpPassword: string;
  /** Gets every trace. */
  collector: TraceReceiver;
  /** Replaces the worker by one that sends notices through the mail server. */
  sendBySmtp(): Promise<void>;
  /** Every program that has run, with its log file. */
  logs(): Readonly<Record<string, string>>;
  /** Neo4j is not reachable for Persona meanwhile. */
  withoutNeo4j(action: () => Promise<void>): Promise<void>;
  /** Runs a statement in Neo4j, without Persona. */
  administer(cypher: string, parameters: object): Promise<void>;
  /** In good order, so that everything is in its store files: Community edition has no procedure for a checkpoint. */
  stopNeo4j(): Promise<void>;
  close(): Promise<void>;
}

export async function startMarkedSystem(guard: Guard): Promise<MarkedSystem> {
  const folder = mkdtempSync(join(tmpdir(), 'persona-marks-'));
  guard.removeAtEnd(folder);
  const log = () => {};
  const runFile = join(folder, 'run.json');
  const collector = await startTraceReceiver();
  const policyFile = join(folder, 'policy.json');
  writeFileSync(policyFile, JSON.stringify({ traces: { sampleRatio: 1 } }));
  const env: Variables = {
    ...ownEnvironment(),
    PERSONA_RUN_FILE: runFile,
    LOG_LEVEL: 'trace',
    PERSONA_POLICY_FILE: policyFile,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    STRIPE_API_KEY: `sk_test_${randomCore()}`,
  };
  const stack = await startStack({
    servers: ['neo4j', 'temporal', 'kafka'],
    folder: join(folder, 'stack'),
    guard,
    log,
    env,
  });
  const { NEO4J_URI = '', NEO4J_USERNAME, NEO4J_PASSWORD, TEMPORAL_ADDRESS, KAFKA_BROKERS } = stack.env;
  const neo4jAddress = NEO4J_URI.replace('bolt://', '');
  let proxy = await startTcpProxy(neo4jAddress);
  const proxyPort = Number(proxy.address.split(':')[1]);
  const servers = { NEO4J_USERNAME, NEO4J_PASSWORD, TEMPORAL_ADDRESS, KAFKA_BROKERS };
  // Without the stack's keys: the copy makes its own, and writes them to its file.
  const persona = await startPersona({
    // Two, because each has a cache of its own.
    ...{ guard, log, runFile, kafka: true, apis: 2 },
    env: { ...env, ...servers, NEO4J_URI: `bolt://${proxy.address}` },
  });
  const graph = openConfiguredGraph(readGraphEnvironment({ ...persona.env, NEO4J_URI }));
  const driver = neo4j.driver(NEO4J_URI, neo4j.auth.basic(NEO4J_USERNAME ?? '', NEO4J_PASSWORD ?? ''));
  const { apiKey: _none, ...temporal } = readTemporalEnvironment(persona.env);
  const client = await connectTemporal({ ...temporal, codecKeys: readCodecKeys(persona.env).reveal() });
  const smtpPassword = randomCore();
  let smtpWorker: Program | undefined;

  return {
    ...{ persona, folder, graph, client, env, smtpPassword, collector },
    homes: { neo4j: homeOf('neo4j'), temporal: homeOf('temporal'), kafka: homeOf('kafka') },
    get pids() {
      const servers = Object.entries(stack.processes).map(([name, { child }]) => [name, child.pid] as const);
      const programs = [...persona.programs].map(([name, { child }]) => [name, child.pid] as const);
      const running = smtpWorker === undefined ? [] : [['worker-smtp', smtpWorker.child.pid] as const];
      const stopped = smtpWorker === undefined ? [] : ['worker'];
      const all = [...servers, ...programs, ...running].filter(([name]) => !stopped.includes(name));
      return Object.fromEntries(all);
    },
    async sendBySmtp() {
      const worker = persona.programs.get('worker');
      process.kill(worker?.child.pid ?? 0, 'SIGTERM');
      await worker?.child.exited;
      const { NOTIFY_WEBHOOK_URL: _, ...rest } = persona.env;
      smtpWorker = await startProgram({
        ...{ name: 'worker-smtp', file: 'workers/main.ts', ports: { METRICS_PORT: 0 } },
        ...{ useDefaultPorts: false, folder: persona.folder, guard },
        env: {
          ...rest,
          NOTIFY_SMTP_URL: `smtp://persona:${smtpPassword}@${persona.addresses.inbox_smtp}`,
          NOTIFY_FROM: 'Shop <billing@marks.shop.example>',
        },
      });
    },
    logs: () => {
      const running = [...Object.entries(stack.processes), ...persona.programs];
      const all = smtpWorker === undefined ? running : [...running, ['worker-smtp', smtpWorker] as const];
      return Object.fromEntries(all.map(([name, { child }]) => [name, child.logFile]));
    },
    async withoutNeo4j(action) {
      await proxy.close();
      try {
        await action();
      } finally {
        proxy = await startTcpProxy(neo4jAddress, proxyPort);
      }
    },
    async administer(cypher, parameters) {
      await driver.executeQuery(cypher, parameters);
    },
    async stopNeo4j() {
      const { child } = stack.processes.neo4j ?? {};
      process.kill(child?.pid ?? 0, 'SIGTERM');
      await child?.exited;
    },
    async close() {
      await Promise.all([graph.close(), driver.close(), client.connection.close()]);
      await proxy.close();
      await collector.close();
    },
  };

  function homeOf(name: string): string {
    return dirname(stack.processes[name]?.child.logFile ?? '');
  }
}

/** Without addresses and keys from outside: what is searched belongs to this test alone. */
function ownEnvironment(): Variables {
  const foreign = /^(NEO4J|TEMPORAL|KAFKA|PERSONA|STRIPE|NOTIFY|CHIMERA|REDIS|MOTO)_/;
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name === 'PERSONA_CACHE_DIR' || !foreign.test(name)),
  );
}

/** The metrics address that a program printed. */
export function metricsOf(logFile: string): string {
  const line = readFileSync(logFile, 'utf8')
    .split('\n')
    .find((text) => text.startsWith('{"ready":'));
  return (JSON.parse(line ?? '{}') as { ready?: { metrics?: string } }).ready?.metrics ?? '';
}
