import type { Driver, Session, SessionMode } from 'neo4j-driver';
import neo4j from 'neo4j-driver';
import type { BlindIndex } from '../security/blind-index.ts';
import type { KeyRing } from '../security/key-ring.ts';
import { translateError } from './errors.ts';
import type { KeyStore } from './key-store.ts';
import { graphKeyStore } from './key-store.ts';
import { type GraphObserver, noopObserver } from './observer.ts';
import { toSingleParameter } from './single-parameter.ts';
import { createProbe } from './probe.ts';
import { CONNECTION_MS } from './time-limits.ts';
import { createLockQueue, type LockQueue } from './lock-queue.ts';
import { toPlain } from './values.ts';

export interface GraphOptions {
  uri: string;
  username: string;
  password: string;
  /** Named always: without it the driver asks the server first. Default `neo4j`. */
  database?: string;
  keyRing: KeyRing;
  blindIndex: BlindIndex;
  /** Default `MAX_CONNECTIONS`. */
  maxConnectionPoolSize?: number;
  observer?: GraphObserver;
  /** How long a read outside of commands may take. Default: as long as it takes, as for a person who waits for a report. */
  readTimeoutMs?: number;
  /** Milliseconds since the epoch; tests set it. */
  now?: () => number;
}

/** Anything that runs Cypher and gives plain records: the graph itself (auto-commit read), or a command's transaction. */
export interface Reader {
  /** Sees every command that has answered: of a cluster, the member that takes the writes is asked. */
  read<T = Record<string, unknown>>(cypher: string, parameters?: Record<string, unknown>): Promise<T[]>;
}

export interface Graph extends Reader {
  /** The same read by any member of a cluster, which may not have heard of the newest commands yet. */
  readFromAnyMember<T = Record<string, unknown>>(
    cypher: string,
    parameters?: Record<string, unknown>,
  ): Promise<T[]>;
  readonly keyRing: KeyRing;
  readonly blindIndex: BlindIndex;
  readonly keyStore: KeyStore;
  readonly observer: GraphObserver;
  readonly lockQueue: LockQueue;
  now(): number;
  /** A session for a command's transaction; its user closes it. */
  writeSession(): Session;
  /**
   * Does Neo4j answer? By a connection that nothing else uses: that all others are in use is no sign that it is away.
   * @throws PersonaError graph_unavailable
   */
  verifyConnectivity(): Promise<void>;
  close(): Promise<void>;
}

/** Connections that one process holds at most, beside the one that asks whether Neo4j answers. */
export const MAX_CONNECTIONS = 50;
/** A pooled connection idle for longer is tried before it is used, so that a restarted server costs no error. */
const LIVENESS_CHECK_MS = 60_000;

/** Opens the driver; it connects with the first statement. */
export function openGraph(options: GraphOptions): Graph {
  const database = options.database ?? 'neo4j';
  const observer = options.observer ?? noopObserver;
  const openDriver = (maxConnectionPoolSize: number): Driver =>
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
  const driver = openDriver(options.maxConnectionPoolSize ?? MAX_CONNECTIONS);
  const probe = createProbe(() => openDriver(1), database);
  const limit = options.readTimeoutMs === undefined ? {} : { timeout: options.readTimeoutMs };
  // Decision 52: what follows a write, by whichever process, must see it.
  const autoCommit =
    (mode: SessionMode) =>
    async <T>(cypher: string, parameters: Record<string, unknown> = {}): Promise<T[]> => {
      const session = driver.session({ database, defaultAccessMode: mode });
      const observeEnd = observer.started('read');
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
  return {
    keyRing: options.keyRing,
    blindIndex: options.blindIndex,
    keyStore: graphKeyStore,
    observer,
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
