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
import { isAlive } from './lock.mjs';
import { type Program, type ProgramOptions, startProgram } from './programs.ts';
import type { Guard } from './stack/guard.ts';
import { developmentKeys } from './stack/keys.ts';
import { freePort, freePortFrom } from './stack/ports.ts';
import type { Process } from './stack/process.ts';
import { type Log, since } from './stack/progress.ts';
import { type Stack, startStack } from './stack/stack.ts';
import { lastLines } from './stack/tools.ts';

/** Beside Temporal's UI. */
const CODEC_PORT = 8_234;
const repository = fileURLToPath(new URL('..', import.meta.url));

export interface PersonaOptions {
  /** Take the usual ports, or the next free ones after them; otherwise any free ones. */
  usualPorts?: boolean;
  /** Let Temporal's UI show what is sealed. */
  codec?: boolean;
  /** How many processes of each kind, 1 unless said otherwise. */
  apis?: number;
  workers?: number;
  /** Where the addresses are written once everything answers; default as in `runFilePath`. */
  runFile?: string;
  guard: Guard;
  log: Log;
  /** Addresses of servers to use as they are, keys, settings of Persona's programs. */
  env?: Record<string, string | undefined>;
}

export interface PersonaSystem {
  /** As in the run file; `http` and `grpc` are those of the first API process. */
  addresses: RunFile;
  /** What Persona's programs were started with: addresses, keys and secrets. */
  env: Record<string, string | undefined>;
  /** `gateway`, `inbox`, `chimera`, `api`, `api-2`, …, `worker`, `worker-2`, …. */
  programs: ReadonlyMap<string, Program>;
  /** Data of the servers and logs of the programs (`<name>.log`); deleted at the end. */
  folder: string;
  runFile: string;
  /** Gives how the first part ended that ends by itself, in words. */
  firstEnd(): Promise<string>;
  /** The end of each program's log, to be shown when something went wrong. */
  logTails(): string;
}

/**
 * Starts all of Persona: servers, simulators of what others own, API and worker processes. The guard stops it all.
 *
 * @throws StackError telling what is missing or why a part did not start
 */
export async function startPersona(options: PersonaOptions): Promise<PersonaSystem> {
  const { guard, log, usualPorts = false, env = process.env, runFile = runFilePath(env) } = options;
  const folder = ownFolder();
  const ports = usualPorts ? { neo4j: 7687, temporal: 7233 } : {};
  // Chosen first: Temporal's UI is told of it before the API, which listens there, can start.
  const codecPort = options.codec && (await (usualPorts ? freePortFrom(CODEC_PORT) : freePort()));
  const codec = codecPort ? `http://127.0.0.1:${codecPort}` : undefined;
  const stack = await startStack({ servers: ['neo4j', 'temporal'], ports, codec, folder, guard, log, env });
  const common = { ...env, ...stack.env, PERSONA_INSECURE: '1' };
  const start = (
    name: string,
    file: string,
    ports: ProgramOptions['ports'],
    extra: Record<string, string> = {},
  ) => startProgram({ name, file, ports, env: { ...common, ...extra }, usualPorts, folder, guard });

  const began = Date.now();
  log('starting simulators, API and worker…');
  const [inbox, chimera, ...apis] = await Promise.all([
    start('inbox', 'dev/simulators/inbox/main.ts', { SIM_PORT: 8_025, SIM_SMTP_PORT: 1_025 }),
    start('chimera', 'dev/simulators/chimera/main.ts', { SIM_PORT: 50_061, SIM_CONTROL_PORT: 8_026 }),
    ...numbered('api', options.apis).map((name, index) =>
      start(
        name,
        'api/main.ts',
        shifted({ HTTP_PORT: 8_080, GRPC_PORT: 50_051, METRICS_PORT: 9_464 }, index),
        codecPort && index === 0 ? codecFor(stack.urls.temporal_ui ?? '', codecPort) : {},
      ),
    ),
  ]);
  // After the API, to which it posts its news; before the workers, which charge there.
  const gateway = await start(
    'gateway',
    'dev/simulators/gateway/main.ts',
    { SIM_PORT: 12_111 },
    { ...webhook(stack, apis), SIM_STATE: env.SIM_STATE ?? join(folder, 'gateway.state') },
  );
  const outside = {
    STRIPE_API_BASE: address(gateway, 'url'),
    // The webhook would win over a mail server that somebody has set.
    ...(env.NOTIFY_SMTP_URL ? {} : { NOTIFY_WEBHOOK_URL: address(inbox, 'webhook') }),
    CHIMERA_ADDRESS: address(chimera, 'grpc'),
  };
  const workers = await Promise.all(
    numbered('worker', options.workers).map((name, index) =>
      start(name, 'workers/main.ts', shifted({ METRICS_PORT: 9_474 }, index), outside),
    ),
  );
  const programs = new Map(
    [gateway, inbox, chimera, ...apis, ...workers].map((program) => [program.name, program]),
  );
  log(`simulators, API and worker answer (${since(began)})`);

  const addresses = describe(stack, programs);
  publish(runFile, addresses, madeUpSecrets(env, stack), guard, log);
  const processes = { ...stack.processes, ...Object.fromEntries(programs) };
  return {
    addresses,
    env: { ...common, ...outside },
    programs,
    folder,
    runFile,
    firstEnd: () => firstEnd(processes),
    logTails: () => logTails(programs),
  };
}

function ownFolder(): string {
  const parent = join(repository, '.persona', 'running');
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, 'copy-'));
}

/** The first API opens payloads, for pages of this UI, under either name of this machine. */
function codecFor(ui: string, port: number): Record<string, string> {
  return { CODEC_PORT: String(port), CODEC_ORIGINS: [ui, ui.replace('127.0.0.1', 'localhost')].join() };
}

/** Where the gateway's news go: to the first API. */
function webhook(stack: Stack, [api]: Program[]): Record<string, string> {
  return {
    SIM_WEBHOOK_SECRET: stack.env.STRIPE_WEBHOOK_SECRET ?? '',
    ...(api && { SIM_WEBHOOK_URL: `${address(api, 'http')}/webhooks/stripe` }),
  };
}

/** `api`, `api-2`, `api-3`: the first one goes by the plain name. */
function numbered(name: string, count = 1): string[] {
  return Array.from({ length: count }, (_, index) => (index === 0 ? name : `${name}-${index + 1}`));
}

/** Copies of one program start looking at different ports, so that they seldom choose the same. */
function shifted(ports: Record<string, number>, index: number): Record<string, number> {
  return Object.fromEntries(Object.entries(ports).map(([variable, port]) => [variable, port + index]));
}

function address(program: Program, key: string): string {
  const found = program.ready[key];
  if (found === undefined)
    throw new Error(`${program.name} did not say its '${key}': ${JSON.stringify(program.ready)}`);
  return found;
}

function describe(stack: Stack, programs: ReadonlyMap<string, Program>): RunFile {
  const of = (name: string, key: string) => {
    const program = programs.get(name);
    if (program === undefined) throw new Error(`no program ${name}`);
    return address(program, key);
  };
  const smtp = programs.get('inbox')?.ready.smtp;
  const codec = programs.get('api')?.ready.codec;
  const measured = [...programs.values()].flatMap(({ name, ready }) =>
    ready.metrics ? [[name, ready.metrics]] : [],
  );
  const processes = Object.entries({ ...stack.processes, ...Object.fromEntries(programs) });
  return {
    http: of('api', 'http'),
    temporal_ui: stack.urls.temporal_ui ?? '',
    gateway: of('gateway', 'url'),
    inbox: of('inbox', 'url'),
    chimera_control: of('chimera', 'control'),
    metrics: Object.fromEntries(measured),
    grpc: of('api', 'grpc'),
    temporal: stack.env.TEMPORAL_ADDRESS ?? '',
    chimera: of('chimera', 'grpc'),
    ...(smtp && { inbox_smtp: smtp }),
    ...(codec && { temporal_codec: codec }),
    neo4j: stack.env.NEO4J_URI ?? '',
    neo4j_username: stack.env.NEO4J_USERNAME ?? '',
    neo4j_password: stack.env.NEO4J_PASSWORD ?? '',
    neo4j_database: stack.env.NEO4J_DATABASE ?? '',
    temporal_namespace: stack.env.TEMPORAL_NAMESPACE ?? '',
    pids: Object.fromEntries(processes.map(([name, { child }]) => [name, child.pid])),
  };
}

/** The file of another copy that runs in this clone stays as it is: programs have found that copy by it. */
function publish(
  path: string,
  addresses: RunFile,
  secrets: Record<string, string>,
  guard: Guard,
  log: Log,
): void {
  const other = Object.values(readRunFile(path)?.pids ?? {}).find(isAlive);
  if (other !== undefined) {
    log(
      `${path} belongs to another copy that runs (process ${other}): set PERSONA_RUN_FILE to have this one's addresses written`,
    );
    return;
  }
  guard.removeAtEnd(path);
  guard.removeAtEnd(runSecretsPath(path));
  writeRunSecrets(path, secrets);
  writeRunFile(path, addresses);
}

/** Those of the environment belong to whoever set them, and are written nowhere. */
function madeUpSecrets(env: Record<string, string | undefined>, stack: Stack): Record<string, string> {
  const names = Object.keys(developmentKeys(env)).filter((name) => !env[name]);
  return Object.fromEntries(names.map((name) => [name, stack.env[name] ?? '']));
}

function firstEnd(processes: Record<string, Process>): Promise<string> {
  return Promise.race(
    Object.entries(processes).map(async ([name, { child }]) => {
      await child.exited;
      return `${name} ${child.ended}; its log: ${child.logFile}`;
    }),
  );
}

function logTails(programs: ReadonlyMap<string, Program>): string {
  return [...programs.values()]
    .map(({ name, child }) => `--- ${name}\n${lastLines(readFileSync(child.logFile, 'utf8'), 20)}`)
    .join('\n');
}
