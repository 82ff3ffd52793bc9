import type { Driver, Session, SessionMode } from 'neo4j-driver';
import neo4j from 'neo4j-driver';
import type { BlindIndex } from '../../security/blind-index.ts';
import type { KeyRing } from '../../security/key-ring.ts';
import { translateError } from './errors.ts';
import type { KeyStore } from './key-store.ts';
import { graphKeyStore } from './key-store.ts';
import { createLockQueue, type LockQueue } from './lock-queue.ts';
import { type GraphObserver, noopObserver } from './observer.ts';
import { noGuards, type OperationGuards } from './operation-guards.ts';
import { createProbe } from './probe.ts';
import type { Projections } from './projection.ts';
import type { Reader } from './reader.ts';
import { toSingleParameter } from './single-parameter.ts';
import { CONNECTION_MS } from './time-limits.ts';
import { toPlain } from './values.ts';

export interface GraphOptions {
  uri: string;
  username: string;
  password: string;
  /** Always sent: without it the driver queries the server for it first. Default `neo4j`. */
  database?: string;
  keyRing: KeyRing;
  blindIndex: BlindIndex;
  /** Of the ids of erased customers and devices, under PERSONA_ERASURE_KEY; absent: nothing can be erased. */
  erasedIds?: BlindIndex;
  /** Default `MAX_CONNECTIONS`. */
  maxConnectionPoolSize?: number;
  observer?: GraphObserver;
  /** Default: none, as for activities, which are retried and whose number is limited. */
  guards?: OperationGuards;
  /** Time limit of a read outside commands. Default: none, as for an operator who waits for a report. */
  readTimeoutMs?: number;
  /** Milliseconds since the epoch; tests set it. */
  now?: () => number;
}

export interface Graph extends Reader {
  /** The same read from any cluster member, which may not have the latest commands yet. */
  readFromAnyMember<T = Record<string, unknown>>(
    cypher: string,
    parameters?: Record<string, unknown>,
  ): Promise<T[]>;
  readonly keyRing: KeyRing;
  readonly blindIndex: BlindIndex;
  /** As in `GraphOptions`. */
  readonly erasedIds?: BlindIndex;
  readonly keyStore: KeyStore;
  /** How each type of event changes the graph. */
  readonly projections: Projections;
  readonly observer: GraphObserver;
  readonly guards: OperationGuards;
  readonly lockQueue: LockQueue;
  now(): number;
  /** A session for a command's transaction; the caller closes it. */
  writeSession(): Session;
  /**
   * Checks that Neo4j responds, over a dedicated connection: a busy connection pool does not mean that Neo4j is down.
   * @throws PersonaError graph_unavailable
   */
  verifyConnectivity(): Promise<void>;
  close(): Promise<void>;
}

/** Maximum number of connections of one process, in addition to that of the connectivity probe. */
export const MAX_CONNECTIONS = 50;
/** A pooled connection idle for longer is tested before use, so that a server restart causes no error. */
const LIVENESS_CHECK_MS = 60_000;

/** Opens the driver, which connects with the first statement. */
export function openDriver(options: GraphOptions, projections: Projections): Graph {
  const database = options.database ?? 'neo4j';
  const observer = options.observer ?? noopObserver;
  const guards = options.guards ?? noGuards;
  const createDriver = (maxConnectionPoolSize: number): Driver =>
    neo4j.driver(options.uri, neo4j.auth.basic(options.username, options.password), {
      // Every integer here is far below 2^53: money in minor units, counters.
      disableLosslessIntegers: true,
      notificationFilter: { minimumSeverityLevel: 'OFF' },
      telemetryDisabled: true,
      maxConnectionPoolSize,
      connectionAcquisitionTimeout: CONNECTION_MS,
      connectionTimeout: CONNECTION_MS,
      connectionLivenessCheckTimeout: LIVENESS_CHECK_MS,
    });
  const driver = createDriver(options.maxConnectionPoolSize ?? MAX_CONNECTIONS);
  const probe = createProbe(() => createDriver(1), database);
  const limit = options.readTimeoutMs === undefined ? {} : { timeout: options.readTimeoutMs };
  // docs/decisions/03-graph-queries.md: a read after a write, by any process, must see it.
  const autoCommit = (mode: SessionMode) => {
    const run = async <T>(cypher: string, parameters: Record<string, unknown>): Promise<T[]> => {
      const session = driver.session({ database, defaultAccessMode: mode });
      const observeEnd = observer.started('read', cypher);
      try {
        const result = await session.run(...toSingleParameter(cypher, parameters), limit);
        observeEnd();
        return result.records.map((record) => toPlain(record.toObject()) as T);
      } catch (error) {
        const reason = translateError(error);
        observeEnd(reason);
        throw reason;
      } finally {
        await session.close();
      }
    };
    return <T>(cypher: string, parameters: Record<string, unknown> = {}): Promise<T[]> =>
      guards.read(() => run<T>(cypher, parameters));
  };
  return {
    keyRing: options.keyRing,
    blindIndex: options.blindIndex,
    ...(options.erasedIds && { erasedIds: options.erasedIds }),
    keyStore: graphKeyStore,
    projections,
    observer,
    guards,
    lockQueue: createLockQueue(),
    now: options.now ?? Date.now,
    read: autoCommit(neo4j.session.WRITE),
    readFromAnyMember: autoCommit(neo4j.session.READ),
    writeSession: () => driver.session({ database, defaultAccessMode: neo4j.session.WRITE }),
    verifyConnectivity: probe.check,
    async close() {
      await Promise.all([driver.close(), probe.close()]);
    },
  };
}
