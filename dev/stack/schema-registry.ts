import { globSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, ensureCached } from './cache.ts';
import { startChild } from './child.ts';
import { StackError } from './errors.ts';
import { findJava } from './java.ts';
import { startManagedProcess } from './managed-process.ts';
import { unpackArchive } from './packages.ts';
import { freePort } from './ports.ts';
import { elapsedSince } from './progress.ts';
import { retryOnPortConflict, waitUntilReady } from './ready.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { versions } from './versions.ts';

const SERVER = 'Apicurio Registry';
const START_LIMIT_MS = 120_000;
const HEAP = { initial: '64m', max: '256m' };
/** Where it has the API that Confluent's registry has. */
const API = '/apis/ccompat/v7';

/** Starts Apicurio, a schema registry, which keeps its schemas in memory, or uses `SCHEMA_REGISTRY_URL`. */
export async function startSchemaRegistry(options: ServerOptions): Promise<RunningServer> {
  const url = options.env.SCHEMA_REGISTRY_URL;
  return url ? { env: { SCHEMA_REGISTRY_URL: url }, urls: {} } : startOwn(options);
}

async function startOwn(options: ServerOptions): Promise<RunningServer> {
  const { env, folder, guard, log, port: preferred } = options;
  const java = await findJava(versions.schema_registry.java, { server: SERVER }, env);
  const home = await install(options);
  const [jar] = globSync('*-runner.jar', { cwd: home });
  if (jar === undefined) throw new StackError(`${home} has no program: delete it`);
  const started = Date.now();
  return retryOnPortConflict(async (attempt) => {
    const port = await freePort(preferred);
    const url = `http://127.0.0.1:${port}${API}`;
    const process = await startManagedProcess(async () => {
      const child = startChild({
        file: java,
        args: [`-Xms${HEAP.initial}`, `-Xmx${HEAP.max}`, '-XX:+UseSerialGC', '-jar', join(home, jar)],
        env: { ...env, QUARKUS_HTTP_HOST: '127.0.0.1', QUARKUS_HTTP_PORT: String(port) },
        logFile: join(folder, `schema-registry-${attempt}.log`),
        stage: 'server',
        guard,
      });
      await waitUntilReady(SERVER, child, START_LIMIT_MS, () => ping(url));
      return child;
    });
    log(`${SERVER} is ready at ${url} (${elapsedSince(started)})`);
    return { env: { SCHEMA_REGISTRY_URL: url }, urls: { schema_registry: url }, process };
  });
}

function install({ log, ...host }: ServerOptions): Promise<string> {
  const { artifact, version } = versions.schema_registry;
  const what = `downloading ${SERVER} ${version} (Maven, 140 MB, once)`;
  return ensureCached(cacheFolder(host.env), `schema-registry-${version}`, what, log, (to) =>
    unpackArchive(`${artifact}:${version}:tar.gz:all`, to, { ...host, server: SERVER }),
  );
}

async function ping(url: string): Promise<void> {
  const response = await fetch(`${url}/subjects`);
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`it returned ${response.status}`);
}
