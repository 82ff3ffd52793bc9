import type { Guard } from './guard.ts';
import type { Process } from './process.ts';
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
  /** What Neo4j keeps of its files in memory, such as `128m`, which is what it has without this. */
  pageCache?: string | undefined;
}

export interface RunningServer {
  /** What Persona's programs need to reach it. */
  env: Record<string, string>;
  urls: Record<string, string>;
  /** Absent for a server that somebody else runs. */
  process?: Process;
}
