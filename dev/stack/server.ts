import type { Guard } from './guard.ts';
import type { ManagedProcess } from './managed-process.ts';
import type { Log } from './progress.ts';

export interface ServerOptions {
  /** The environment: addresses that are used as they are, `PATH`, `PERSONA_CACHE_DIR`. */
  env: Record<string, string | undefined>;
  /** A folder of this copy's own for data and logs. */
  folder: string;
  guard: Guard;
  log: Log;
  /** Taken, or the next free one after it; without it any free port. */
  port?: number | undefined;
  /** Where Temporal's UI has payloads opened. */
  codec?: string | undefined;
  /** Neo4j's, by their names in its configuration: besides those that it has here, or instead of them. */
  neo4jSettings?: Readonly<Record<string, string>> | undefined;
}

export interface RunningServer {
  /** What Persona's programs need to reach it. */
  env: Record<string, string>;
  urls: Record<string, string>;
  /** Absent for a server that somebody else runs. */
  process?: ManagedProcess;
}
