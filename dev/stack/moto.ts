import { delimiter, join } from 'node:path';
import { cacheFolder, ensureCached } from './cache.ts';
import { startChild } from './child.ts';
import { StackError } from './errors.ts';
import { findPython, installPythonPackages } from './packages.ts';
import { freePort } from './ports.ts';
import { elapsedSince } from './progress.ts';
import { retryOnPortConflict, waitUntilReady } from './ready.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { versions } from './versions.ts';

const WHAT = { forWhat: 'moto', service: 'moto' };
const START_LIMIT_MS = 60_000;

/** Starts moto, which implements the API of AWS KMS, or uses `MOTO_URL`. */
export async function startMoto(options: ServerOptions): Promise<RunningServer> {
  const url = options.env.MOTO_URL;
  if (!url) return startOwn(options);
  await ping(url).catch((error: unknown) => {
    throw new StackError(`moto cannot be reached at MOTO_URL=${url}: ${(error as Error).message}`);
  });
  return { env: { MOTO_URL: url }, urls: { moto: url } };
}

async function startOwn(options: ServerOptions): Promise<RunningServer> {
  const { env, folder, guard, log, port: preferred } = options;
  const python = findPython(env, WHAT);
  const packages = await install(options);
  const started = Date.now();
  return retryOnPortConflict(async (attempt) => {
    const port = await freePort(preferred);
    const child = startChild({
      file: python,
      args: ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)],
      env: { ...env, PYTHONPATH: [packages, env.PYTHONPATH].filter(Boolean).join(delimiter) },
      logFile: join(folder, `moto-${attempt}.log`),
      stage: 'server',
      guard,
    });
    const url = `http://127.0.0.1:${port}`;
    await waitUntilReady('moto', child, START_LIMIT_MS, () => ping(url));
    log(`moto is ready at ${url} (${elapsedSince(started)})`);
    return { env: { MOTO_URL: url }, urls: { moto: url } };
  });
}

function install({ log, ...host }: ServerOptions): Promise<string> {
  const { version } = versions.moto;
  const what = `downloading moto ${version}, a simulator of AWS KMS (pip, 70 MB, once)`;
  return ensureCached(cacheFolder(host.env), `moto-${version}`, what, log, (to) =>
    installPythonPackages([versions.moto], to, WHAT, host),
  );
}

async function ping(url: string): Promise<void> {
  const response = await fetch(`${url}/moto-api/data.json`);
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`it returned ${response.status}`);
}
