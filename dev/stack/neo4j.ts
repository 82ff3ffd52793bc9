import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import neo4j from 'neo4j-driver';
import { cacheFolder, ensureCached } from './cache.ts';
import { startChild } from './child.ts';
import { StackError } from './errors.ts';
import { findJava } from './java.ts';
import { copyJars } from './packages.ts';
import { freePort } from './ports.ts';
import { startManagedProcess } from './managed-process.ts';
import { elapsedSince } from './progress.ts';
import { retryOnPortConflict, waitUntilReady } from './ready.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { findOnPath } from './tools.ts';
import { versions } from './versions.ts';

const NEED = { server: 'Neo4j', service: 'neo4j' };
const USER = 'neo4j';
const FIRST_PASSWORD = 'neo4j';
const START_LIMIT_MS = 120_000;
const LISTENING = 'Bolt enabled on';
const HEAP = { initial: '256m', max: '512m' };
/** Enough for development and tests. */
const PAGE_CACHE = '128m';
/** Short, so that a probe does not retry for half a minute. */
const PROBE_TIMEOUTS = {
  maxTransactionRetryTime: 0,
  connectionTimeout: 5_000,
  connectionAcquisitionTimeout: 10_000,
};
/** Packages of the JDK that Neo4j accesses by reflection, as in its own launch script. */
const OPENED = ['java.nio', 'java.io', 'java.lang', 'sun.nio.ch'];

/** Starts a Neo4j for this instance, or uses the one that `NEO4J_URI` names. */
export async function startNeo4j(options: ServerOptions): Promise<RunningServer> {
  return options.env.NEO4J_URI ? useNeo4j(options.env, options.env.NEO4J_URI) : startOwn(options);
}

async function useNeo4j(env: ServerOptions['env'], uri: string): Promise<RunningServer> {
  const username = env.NEO4J_USERNAME ?? USER;
  const password = env.NEO4J_PASSWORD ?? '';
  try {
    await ping(uri, username, password);
  } catch (error) {
    throw new StackError(
      `Neo4j cannot be reached at NEO4J_URI=${uri} as ${username}: ${(error as Error).message}`,
    );
  }
  return { env: connectionEnvironment(uri, username, password, env.NEO4J_DATABASE), urls: { neo4j: uri } };
}

async function startOwn(options: ServerOptions): Promise<RunningServer> {
  const { folder, guard, log, port: preferred, neo4jSettings } = options;
  const launcher = await findLauncher(options);
  const password = randomBytes(18).toString('base64url');
  const started = Date.now();
  log('starting Neo4j…');
  return retryOnPortConflict(async (attempt) => {
    const port = await freePort(preferred);
    const home = join(folder, `neo4j-${attempt}`);
    const conf = writeConfiguration(home, port, neo4jSettings);
    const uri = `bolt://127.0.0.1:${port}`;
    const process = await startManagedProcess(async () => {
      const child = startChild({
        ...launcher(home, conf),
        cwd: home,
        logFile: join(home, 'console.log'),
        ownLog: join(home, 'logs', 'neo4j.log'),
        stage: 'server',
        guard,
      });
      await waitUntilReady('Neo4j', child, START_LIMIT_MS, async () => {
        // Only this Neo4j may get the password: until it reports that it listens, another program may have the port.
        if (!child.output().includes(LISTENING)) throw new Error('not listening yet');
        await setPassword(uri, password);
      });
      return child;
    });
    log(`Neo4j is ready at ${uri} (${elapsedSince(started)})`);
    return { env: connectionEnvironment(uri, USER, password), urls: { neo4j: uri }, process };
  });
}

type Launcher = (home: string, conf: string) => { file: string; args: string[]; env: ServerOptions['env'] };

/** Neo4j's own command if the required series is installed, else its jars from the cache. */
async function findLauncher({ log, ...host }: ServerOptions): Promise<Launcher> {
  const { env } = host;
  const { artifacts, java: majors, series_on_path: series, version } = versions.neo4j;
  const command = findOnPath('neo4j', env.PATH);
  if (command !== undefined) {
    const { all: output } = await execa(command, ['--version'], { all: true, reject: false });
    if (output.trim().startsWith(series)) {
      return (_home, conf) => ({ file: command, args: ['console'], env: { ...env, NEO4J_CONF: conf } });
    }
    log(`${command} is not used: its version is ${output.trim().split('\n').at(-1)}, not ${series}x`);
  }
  const java = await findJava(majors, NEED, env);
  const jars = await ensureCached(
    cacheFolder(env),
    `neo4j-${version}`,
    `downloading Neo4j ${version} (Maven, 120 MB, once)`,
    log,
    (to) => copyJars(artifacts, version, to, { ...host, ...NEED }),
  );
  return (home, conf) => ({ file: java, args: javaArguments(jars, home, conf), env });
}

function javaArguments(jars: string, home: string, conf: string): string[] {
  const opened = OPENED.flatMap((name) => ['--add-opens', `java.base/${name}=ALL-UNNAMED`]);
  return [
    ...[`-Xms${HEAP.initial}`, `-Xmx${HEAP.max}`, '-XX:+UseG1GC', '-XX:+ExitOnOutOfMemoryError'],
    ...opened,
    ...['-cp', join(jars, '*'), 'org.neo4j.server.CommunityEntryPoint'],
    ...[`--home-dir=${home}`, `--config-dir=${conf}`],
  ];
}

/** Small, on loopback only, without usage reports; all files are below `home`. */
function writeConfiguration(home: string, port: number, overrides: ServerOptions['neo4jSettings']): string {
  const conf = join(home, 'conf');
  for (const folder of [conf, join(home, 'plugins'), join(home, 'import')])
    mkdirSync(folder, { recursive: true });
  const path = (name: string) => join(home, name).replaceAll('\\', '/');
  const settings = {
    'server.default_listen_address': '127.0.0.1',
    'server.bolt.listen_address': `127.0.0.1:${port}`,
    'server.bolt.advertised_address': `127.0.0.1:${port}`,
    'server.http.enabled': 'false',
    'server.https.enabled': 'false',
    'server.directories.data': path('data'),
    'server.directories.logs': path('logs'),
    'server.directories.run': path('run'),
    'server.directories.plugins': path('plugins'),
    'server.directories.import': path('import'),
    'server.directories.transaction.logs.root': path('data/transactions'),
    'server.memory.heap.initial_size': HEAP.initial,
    'server.memory.heap.max_size': HEAP.max,
    'server.memory.pagecache.size': PAGE_CACHE,
    'db.tx_log.preallocate': 'false',
    'dbms.usage_report.enabled': 'false',
    ...overrides,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(conf, 'neo4j.conf'), lines.join(''));
  return conf;
}

/** A new Neo4j has a well-known password that must be changed first; once it can be changed, Neo4j is ready. */
async function setPassword(uri: string, password: string): Promise<void> {
  const driver = neo4j.driver(uri, neo4j.auth.basic(USER, FIRST_PASSWORD), PROBE_TIMEOUTS);
  try {
    const query = 'ALTER CURRENT USER SET PASSWORD FROM $first TO $password';
    await driver.executeQuery(query, { first: FIRST_PASSWORD, password }, { database: 'system' });
  } catch (error) {
    // The response to an earlier try may have been lost: then the new password is already in effect.
    if ((error as { code?: string }).code !== 'Neo.ClientError.Security.Unauthorized') throw error;
  } finally {
    await driver.close();
  }
  await ping(uri, USER, password);
}

async function ping(uri: string, username: string, password: string): Promise<void> {
  const driver = neo4j.driver(uri, neo4j.auth.basic(username, password), PROBE_TIMEOUTS);
  try {
    await driver.executeQuery('RETURN 1');
  } finally {
    await driver.close();
  }
}

function connectionEnvironment(
  uri: string,
  username: string,
  password: string,
  database = 'neo4j',
): Record<string, string> {
  return { NEO4J_URI: uri, NEO4J_USERNAME: username, NEO4J_PASSWORD: password, NEO4J_DATABASE: database };
}
