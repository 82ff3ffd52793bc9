import { PersonaError } from '../domain/errors.ts';
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import type { QueryResult } from 'neo4j-driver';
import { afterAll, expect } from 'vitest';
import type { OnboardingRequest } from '../domain/onboarding/types.ts';
import type { CommandHeader } from '../graph/kernel/command-header.ts';
import { openGraph } from '../graph/open.ts';
import type { Graph, GraphOptions } from '../graph/kernel/graph.ts';
import { migrate } from '../graph/kernel/migrate.ts';
import type { Stream } from '../graph/replay/stream.ts';
import { verifyStreams } from '../graph/replay/verify.ts';
import { toParameters } from '../graph/kernel/values.ts';
import { createBlindIndex } from '../security/blind-index.ts';
import { createKeyRing } from '../security/key-ring.ts';

const newKey = (id: string) => ({ id, key: randomBytes(32) });

/** The test's Neo4j, from the environment, migrated. Its keys are new, so that tests do not collide in the indexes. */
export async function openTestGraph(options: Partial<GraphOptions> = {}): Promise<Graph> {
  const graph = openGraph({
    uri: required('NEO4J_URI'),
    username: required('NEO4J_USERNAME'),
    password: required('NEO4J_PASSWORD'),
    database: process.env.NEO4J_DATABASE,
    keyRing: createKeyRing([newKey('test')]),
    blindIndex: createBlindIndex(createKeyRing([newKey('blind')])),
    erasedIds: createBlindIndex(createKeyRing([newKey('erased')])),
    ...options,
  });
  await migrate(graph);
  const trackedGraph: Graph = {
    ...graph,
    keyStore: {
      ...graph.keyStore,
      write(sender, owner, key, createdAt) {
        createdStreams
          .get(trackedGraph)
          ?.push({ kind: owner.label === 'CustomerKey' ? 'customer' : 'device', id: owner.id });
        graph.keyStore.write(sender, owner, key, createdAt);
      },
    },
  };
  createdStreams.set(trackedGraph, []);
  return trackedGraph;
}

/** A test graph for the calling file: verified and closed after its last test. */
export async function testGraph(): Promise<Graph> {
  const graph = await openTestGraph();
  afterAll(() => verifyAndClose(graph));
  return graph;
}

/** The customers and devices created through each test graph. */
const createdStreams = new WeakMap<Graph, Stream[]>();

/** Excludes what a test has changed without events, as no command does, from the verification at the end. */
export function excludeFromVerification(graph: Graph, ...ids: string[]): void {
  const made = createdStreams.get(graph) ?? [];
  createdStreams.set(
    graph,
    made.filter(({ id }) => !ids.includes(id)),
  );
}

/** At the end of a file: everything it created must agree with the log (`persona verify`). */
export async function verifyAndClose(graph: Graph): Promise<void> {
  try {
    expect(await verifyStreams(graph, createdStreams.get(graph) ?? [])).toEqual([]);
  } finally {
    await graph.close();
  }
}

/** A command's header under a new key; pass `idempotencyKey` to repeat a command. */
export function testHeader(header: Partial<CommandHeader> = {}): CommandHeader {
  return {
    caller: 'test',
    idempotencyKey: randomUUID(),
    actor: 'test',
    correlationId: randomUUID(),
    occurredAt: new Date().toISOString(),
    ...header,
  };
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set; npm test sets it`);
  return value;
}

/** Cypher that no command runs: states that a test builds itself, plans. */
export async function runCypher(
  graph: Graph,
  cypher: string,
  parameters: Record<string, unknown> = {},
): Promise<QueryResult> {
  const session = graph.writeSession();
  try {
    return await session.run(cypher, toParameters(parameters) as Record<string, unknown>);
  } finally {
    await session.close();
  }
}

const letters = () => randomUUID().replaceAll('-', '');

export const randomEmail = () => `person.${letters()}@shop.example`;
/** A German mobile number, one of a billion. */
export const randomPhone = () => `+4915${String(randomInt(1_000_000_000)).padStart(9, '0')}`;
export const randomToken = () => `pm_${letters()}`;

/** An onboarding of an unknown customer with only the required fields; pass further fields as `change`. */
export function onboardingRequest(change: Partial<OnboardingRequest> = {}): OnboardingRequest {
  return { transaction_id: randomUUID(), occurred_at: new Date().toISOString(), ...change };
}

/** Runs a command as its callers do: once more, under the same key, if the machine was too busy for it. */
export async function retryWhileBusy<T>(command: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await command();
    } catch (error) {
      if (!(error instanceof PersonaError) || error.type !== 'graph_unavailable') throw error;
    }
  }
}
