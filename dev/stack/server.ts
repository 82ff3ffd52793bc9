import type { Guard } from './guard.ts';
import type { ManagedProcess } from './managed-process.ts';
import type { Log } from './progress.ts';

export interface ServerOptions {
  /** The environment: addresses of running servers to use, `PATH`, `PERSONA_CACHE_DIR`. */
  env: Record<string, string | undefined>;
  /** This instance's own folder for data and logs. */
  folder: string;
  guard: Guard;
  log: Log;
  /** Preferred port, else the next free one after it; without it any free port. */
  port?: number | undefined;
  /** URL of the codec server for Temporal's UI. */
  codec?: string | undefined;
  /** Settings in Neo4j's configuration, in addition to the defaults or overriding them. */
  neo4jSettings?: Readonly<Record<string, string>> | undefined;
  /** A second listener of Kafka, with TLS, for a user with a password, who has no rights until they are granted. */
  kafkaLogin?: KafkaLogin | undefined;
}

export interface KafkaLogin {
  /** Paths of PEM files: the broker's certificate for `localhost`. */
  cert: string;
  key: string;
  username: string;
  password: string;
}

export interface RunningServer {
  /** The variables that Persona's programs need to reach it. */
  env: Record<string, string>;
  urls: Record<string, string>;
  /** Absent for a server that was not started here. */
  process?: ManagedProcess;
}
