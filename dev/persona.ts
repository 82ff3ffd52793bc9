import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type RunFile,
  readRunFile,
  runFilePath,
  runSecretsPath,
  writeRunFile,
  writeRunSecrets,
} from '../platform/run-file.ts';
import { type DevelopmentAccess, startDevelopmentAccess } from './access/access.ts';
import { chooseCodecPorts, codecVariables } from './access/codec.ts';
import { isAlive } from './lock.mjs';
import { type Program, type ProgramOptions, startProgram } from './programs.ts';
import type { Guard } from './stack/guard.ts';
import { developmentKeys } from './stack/keys.ts';
import type { ManagedProcess } from './stack/managed-process.ts';
import { type Log, elapsedSince } from './stack/progress.ts';
import { StackError } from './stack/errors.ts';
import { type Stack, type StackOptions, startStack } from './stack/stack.ts';
import { lastLines } from './stack/tools.ts';

const repository = fileURLToPath(new URL('..', import.meta.url));

export interface PersonaOptions {
  /** Use the default ports, or the next free ones after them; otherwise any free ones. */
  useDefaultPorts?: boolean;
  /** Publish events to a Kafka of this instance, and read other agents' records from it, if one can be started. */
  kafka?: boolean;
  /** Let Temporal's UI show encrypted payloads. */
  codec?: boolean;
  /** Number of processes of each kind; default 1. */
  apis?: number;
  workers?: number;
  /** The file that the addresses are written to once everything is ready; default as in `runFilePath`. */
  runFile?: string;
  guard: Guard;
  log: Log;
  /** Addresses of running servers to use, keys, settings of Persona's programs. */
  env?: Record<string, string | undefined>;
}

export interface PersonaSystem {
  /** As in the run file; `http` and `grpc` are those of the first API process. */
  addresses: RunFile;
  /** The environment of Persona's programs: addresses, keys and secrets. */
  env: Record<string, string | undefined>;
  /** `gateway`, `inbox`, `chimera`, `model`, `issuer`, `api`, `api-2`, …, `worker`, `worker-2`, …, `consumer`. */
  programs: ReadonlyMap<string, Program>;
  /** Data of the servers and logs of the programs (`<name>.log`); deleted at the end. */
  folder: string;
  runFile: string;
  /** Resolves when the first part ends by itself, with a description of how it ended. */
  firstExit(): Promise<string>;
  /** The end of each program's log, for error reports. */
  logTails(): string;
}

/**
 * Starts all of Persona: servers, simulators of the external systems, API and worker processes. The guard stops it all.
 *
 * @throws StackError naming what is missing or why a part did not start
 */
export async function startPersona(options: PersonaOptions): Promise<PersonaSystem> {
  const { guard, log, useDefaultPorts = false, env = process.env, runFile = runFilePath(env) } = options;
  const folder = createRunFolder();
  const ports: StackOptions['ports'] = useDefaultPorts
    ? { neo4j: 7687, temporal: 7233, redis: 6379, kafka: 9092 }
    : {};
  const isInsecure = env.PERSONA_INSECURE === '1';
  const codecPorts = options.codec ? await chooseCodecPorts(useDefaultPorts, isInsecure) : undefined;
  const place = { folder, guard, log, env };
  const [stack, redis, kafka] = await Promise.all([
    startStack({
      servers: ['neo4j', 'temporal'],
      ports,
      codec: codecPorts && `http://127.0.0.1:${codecPorts.ui}`,
      ...place,
    }),
    useDefaultPorts ? startOptional('redis', { ports, ...place }) : undefined,
    options.kafka ? startOptional('kafka', { ports, ...place }) : undefined,
  ]);
  const optional = {
    ...(redis && { REDIS_URL: redis.urls.redis }),
    ...(kafka && { KAFKA_BROKERS: kafka.urls.kafka }),
  };
  const common = { ...env, ...optional, ...stack.env };
  const start = (
    name: string,
    file: string,
    ports: ProgramOptions['ports'],
    extra: Record<string, string> = {},
  ) => startProgram({ name, file, ports, env: { ...common, ...extra }, useDefaultPorts, folder, guard });

  const startedAt = Date.now();
  log('starting simulators, API and worker…');
  const codec = codecPorts && codecVariables(codecPorts, stack.urls.temporal_ui ?? '');
  const access = isInsecure ? undefined : await startDevelopmentAccess(folder, start, codec?.proxy ?? {});
  const accessVariables = access?.variables ?? { PERSONA_INSECURE: '1' };
  const chimeraStart = start('chimera', 'dev/simulators/chimera/main.ts', {
    SIM_PORT: 50_061,
    SIM_CONTROL_PORT: 8_026,
  });
  const modelStart = start('model', 'dev/simulators/model/main.ts', { SIM_PORT: 8_027 });
  const startApi = async (name: string, index: number) =>
    start(
      name,
      'api/main.ts',
      offsetPorts({ HTTP_PORT: 8_080, GRPC_PORT: 50_051, METRICS_PORT: 9_464 }, index),
      {
        ...accessVariables,
        CHIMERA_ADDRESS: readyAddress(await chimeraStart, 'grpc'),
        ...modelVariables(await modelStart, env),
        ...(index === 0 && codec?.api),
      },
    );
  const [inbox, chimera, model, ...apis] = await Promise.all([
    start('inbox', 'dev/simulators/inbox/main.ts', { SIM_PORT: 8_025, SIM_SMTP_PORT: 1_025 }),
    chimeraStart,
    modelStart,
    ...instanceNames('api', options.apis).map(startApi),
  ]);
  // After the API, which receives its webhooks; before the workers, which charge at it.
  const gateway = await start(
    'gateway',
    'dev/simulators/gateway/main.ts',
    { SIM_PORT: 12_111 },
    {
      ...webhookEnvironment(stack, apis),
      SIM_STATE: env.SIM_STATE ?? join(folder, 'gateway.state'),
      ...(access && { NODE_EXTRA_CA_CERTS: access.auth.ca }),
    },
  );
  const externalAddresses = {
    STRIPE_API_BASE: readyAddress(gateway, 'url'),
    // The webhook would take precedence over a configured mail server.
    ...(env.NOTIFY_SMTP_URL ? {} : { NOTIFY_WEBHOOK_URL: readyAddress(inbox, 'webhook') }),
    CHIMERA_ADDRESS: readyAddress(chimera, 'grpc'),
  };
  const workers = await Promise.all(
    instanceNames('worker', options.workers).map((name, index) =>
      start(name, 'workers/main.ts', offsetPorts({ METRICS_PORT: 9_474 }, index), externalAddresses),
    ),
  );
  // It reads what other agents report; without Kafka they call the API.
  const consumers = kafka ? [await start('consumer', 'consumers/main.ts', { METRICS_PORT: 9_484 })] : [];
  const programs = new Map(
    [
      gateway,
      inbox,
      chimera,
      model,
      ...(access ? [access.issuer] : []),
      ...apis,
      ...workers,
      ...consumers,
    ].map((program) => [program.name, program]),
  );
  log(`simulators, API and worker are ready (${elapsedSince(startedAt)})`);

  const addresses = buildRunFile(stack, programs, { access, kafka });
  publish(runFile, addresses, generatedSecrets(env, stack), guard, log);
  const processes = { ...stack.processes, ...Object.fromEntries(programs) };
  return {
    addresses,
    env: { ...common, ...accessVariables, ...externalAddresses },
    programs,
    folder,
    runFile,
    firstExit: () => firstExit(processes),
    logTails: () => logTails(programs),
  };
}

/** Without Redis every API process has only its own cache; without Kafka nothing is published. */
async function startOptional(
  server: 'redis' | 'kafka',
  options: Omit<StackOptions, 'servers'>,
): Promise<Stack | undefined> {
  try {
    return await startStack({ ...options, servers: [server] });
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    options.log(error.message);
    return undefined;
  }
}

function createRunFolder(): string {
  const parent = join(repository, '.persona', 'running');
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, 'copy-'));
}

/** The simulated model, unless another one is configured. */
function modelVariables(model: Program, env: Record<string, string | undefined>): Record<string, string> {
  if (env.MODEL_API_BASE) return {};
  return {
    MODEL_API_BASE: readyAddress(model, 'base'),
    MODEL_NAME: 'simulated',
    RETRIEVAL_API_BASE: readyAddress(model, 'url'),
  };
}

/** The gateway's webhooks are posted to the first API. */
function webhookEnvironment(stack: Stack, [api]: Program[]): Record<string, string> {
  return {
    SIM_WEBHOOK_SECRET: stack.env.STRIPE_WEBHOOK_SECRET ?? '',
    ...(api && { SIM_WEBHOOK_URL: `${readyAddress(api, 'http')}/webhooks/stripe` }),
  };
}

/** `api`, `api-2`, `api-3`: the first one has the plain name. */
function instanceNames(name: string, count = 1): string[] {
  return Array.from({ length: count }, (_, index) => (index === 0 ? name : `${name}-${index + 1}`));
}

/** Processes of one program start their search at different ports, so that they seldom choose the same one. */
function offsetPorts(ports: Record<string, number>, index: number): Record<string, number> {
  return Object.fromEntries(Object.entries(ports).map(([variable, port]) => [variable, port + index]));
}

function readyAddress(program: Program, key: string): string {
  const found = program.ready[key];
  if (found === undefined)
    throw new Error(`the ready line of ${program.name} has no '${key}': ${JSON.stringify(program.ready)}`);
  return found;
}

function buildRunFile(
  stack: Stack,
  programs: ReadonlyMap<string, Program>,
  { access, kafka }: { access: DevelopmentAccess | undefined; kafka: Stack | undefined },
): RunFile {
  const addressOf = (name: string, key: string) => {
    const program = programs.get(name);
    if (program === undefined) throw new Error(`unknown program ${name}`);
    return readyAddress(program, key);
  };
  const smtp = programs.get('inbox')?.ready.smtp;
  const codec = (programs.get('issuer') ?? programs.get('api'))?.ready.codec;
  const measured = [...programs.values()].flatMap(({ name, ready }) =>
    ready.metrics ? [[name, ready.metrics]] : [],
  );
  const processes = Object.entries({
    ...stack.processes,
    ...kafka?.processes,
    ...Object.fromEntries(programs),
  });
  return {
    http: addressOf('api', 'http'),
    temporal_ui: stack.urls.temporal_ui ?? '',
    gateway: addressOf('gateway', 'url'),
    inbox: addressOf('inbox', 'url'),
    chimera_control: addressOf('chimera', 'control'),
    model: addressOf('model', 'url'),
    metrics: Object.fromEntries(measured),
    grpc: addressOf('api', 'grpc'),
    temporal: stack.env.TEMPORAL_ADDRESS ?? '',
    chimera: addressOf('chimera', 'grpc'),
    ...(smtp && { inbox_smtp: smtp }),
    ...(codec && { temporal_codec: codec }),
    ...(kafka?.urls.kafka && { kafka: kafka.urls.kafka }),
    neo4j: stack.env.NEO4J_URI ?? '',
    neo4j_username: stack.env.NEO4J_USERNAME ?? '',
    neo4j_password: stack.env.NEO4J_PASSWORD ?? '',
    neo4j_database: stack.env.NEO4J_DATABASE ?? '',
    temporal_namespace: stack.env.TEMPORAL_NAMESPACE ?? '',
    erasure_journal: stack.env.PERSONA_ERASURE_JOURNAL ?? '',
    ...(access && { auth: access.auth }),
    pids: Object.fromEntries(processes.map(([name, { child }]) => [name, child.pid])),
  };
}

/** Does not overwrite the file of another running instance in this clone: programs use it to find that instance. */
function publish(
  path: string,
  addresses: RunFile,
  secrets: Record<string, string>,
  guard: Guard,
  log: Log,
): void {
  const otherPid = Object.values(readRunFile(path)?.pids ?? {}).find(isAlive);
  if (otherPid !== undefined) {
    log(
      `${path} belongs to another running instance (process ${otherPid}); set PERSONA_RUN_FILE to write this one's addresses to another file`,
    );
    return;
  }
  guard.removeAtEnd(path);
  guard.removeAtEnd(runSecretsPath(path));
  writeRunSecrets(path, secrets);
  writeRunFile(path, addresses);
}

/** The secrets that were generated; those from the environment are not written to a file. */
function generatedSecrets(env: Record<string, string | undefined>, stack: Stack): Record<string, string> {
  const names = Object.keys(developmentKeys(env)).filter((name) => !env[name]);
  return Object.fromEntries(names.map((name) => [name, stack.env[name] ?? '']));
}

function firstExit(processes: Record<string, ManagedProcess>): Promise<string> {
  return Promise.race(
    Object.entries(processes).map(async ([name, { child }]) => {
      await child.exited;
      return `${name} ${child.exitReason}; its log: ${child.logFile}`;
    }),
  );
}

function logTails(programs: ReadonlyMap<string, Program>): string {
  return [...programs.values()]
    .map(({ name, child }) => `--- ${name}\n${lastLines(readFileSync(child.logFile, 'utf8'), 20)}`)
    .join('\n');
}
