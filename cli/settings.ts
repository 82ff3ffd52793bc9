/** The addresses of the Persona that commands act on: from the environment, else from the run file of a local instance. */

import type { RunAccess } from '../platform/run-access.ts';
import { Secret } from '../platform/secret.ts';
import { readRunFile, readRunSecrets, type RunFile, runFilePath } from '../platform/run-file.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

export interface Settings {
  /** The environment, completed with the values of the run file. */
  readonly variables: Variables;
  /** The variables whose values are from the run file. */
  readonly fromRunFile: ReadonlySet<string>;
  /** The API's addresses: a URL, and host:port. */
  readonly http: string;
  readonly grpc: string;
  /** PERSONA_TOKEN. */
  readonly token?: Secret<string>;
  /** Of the local instance, if the addresses are its. */
  readonly auth?: RunAccess;
  /** The run file's path, and its content if it exists. */
  readonly runFile: { readonly path: string; readonly content?: RunFile };
}

/**
 * Variables of one server each: if the environment names the server, the run file is not used for it, because the key or
 * password of another server would not fit.
 */
const GROUPS: readonly {
  names: readonly string[];
  from: (run: RunFile) => Variables;
  secrets: readonly string[];
}[] = [
  {
    names: ['NEO4J_URI'],
    from: (run) => ({
      NEO4J_URI: run.neo4j,
      NEO4J_USERNAME: run.neo4j_username,
      NEO4J_PASSWORD: run.neo4j_password,
      NEO4J_DATABASE: run.neo4j_database,
      PERSONA_ERASURE_JOURNAL: run.erasure_journal,
    }),
    secrets: ['PERSONA_KEYS', 'PERSONA_BLIND_KEYS', 'PERSONA_ERASURE_KEY'],
  },
  {
    names: ['TEMPORAL_ADDRESS'],
    from: (run) => ({ TEMPORAL_ADDRESS: run.temporal, TEMPORAL_NAMESPACE: run.temporal_namespace }),
    secrets: ['TEMPORAL_CODEC_KEYS'],
  },
  {
    names: ['STRIPE_API_KEY', 'STRIPE_API_BASE'],
    from: (run) => ({ STRIPE_API_BASE: run.gateway }),
    secrets: ['STRIPE_API_KEY'],
  },
  {
    names: ['NOTIFY_WEBHOOK_URL', 'NOTIFY_SMTP_URL'],
    from: (run) => ({ NOTIFY_WEBHOOK_URL: run.inbox }),
    secrets: ['NOTIFY_WEBHOOK_SECRET'],
  },
  {
    names: ['KAFKA_BROKERS'],
    from: (run) => ({ KAFKA_BROKERS: run.kafka }),
    secrets: [],
  },
  {
    names: ['CHIMERA_ADDRESS'],
    from: (run) => ({ CHIMERA_ADDRESS: run.chimera }),
    secrets: [],
  },
];

/** @param env `NAME=` counts as not set */
export function readSettings(env: Variables): Settings {
  const nonEmptyEnv: Variables = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const path = runFilePath(nonEmptyEnv);
  const content = readRunFile(path);
  const runVariables = content ? readRunVariables(nonEmptyEnv, content, readRunSecrets(path)) : {};
  const missing = Object.keys(runVariables).filter((name) => nonEmptyEnv[name] === undefined);
  const { PERSONA_TOKEN } = nonEmptyEnv;
  const scheme = nonEmptyEnv.HTTP_TLS_CERT ? 'https' : 'http';
  const configured = {
    http: configuredAddress(nonEmptyEnv, 'HTTP', 8080, (address) => `${scheme}://${address}`),
    grpc: configuredAddress(nonEmptyEnv, 'GRPC', 50_051, (address) => address),
  };
  const isLocal = configured.http === undefined && configured.grpc === undefined;
  return {
    variables: { ...runVariables, ...nonEmptyEnv },
    fromRunFile: new Set(missing),
    http: configured.http ?? content?.http ?? 'http://127.0.0.1:8080',
    grpc: configured.grpc ?? content?.grpc ?? '127.0.0.1:50051',
    ...(PERSONA_TOKEN && { token: new Secret(PERSONA_TOKEN) }),
    ...(isLocal && content?.auth && { auth: content.auth }),
    runFile: { path, ...(content && { content }) },
  };
}

function readRunVariables(nonEmptyEnv: Variables, run: RunFile, secrets: Variables): Variables {
  const runVariables: Record<string, string | undefined> = {};
  for (const group of GROUPS) {
    if (group.names.some((name) => nonEmptyEnv[name] !== undefined)) continue;
    Object.assign(runVariables, group.from(run));
    for (const name of group.secrets) if (secrets[name] !== undefined) runVariables[name] = secrets[name];
  }
  return runVariables;
}

/** The address from the API's own variables; `undefined`: they are not set, or request any free port. */
function configuredAddress(
  nonEmptyEnv: Variables,
  kind: 'HTTP' | 'GRPC',
  defaultPort: number,
  format: (address: string) => string,
): string | undefined {
  const [host, port] = [nonEmptyEnv[`${kind}_HOST`], nonEmptyEnv[`${kind}_PORT`]];
  if ((host === undefined && port === undefined) || port === '0') return undefined;
  return format(`${host?.includes(':') ? `[${host}]` : (host ?? '127.0.0.1')}:${port ?? defaultPort}`);
}
