import { join } from 'node:path';
import { cacheFolder, ensureCached } from './cache.ts';
import { startChild } from './child.ts';
import { StackError } from './errors.ts';
import { buildGoProgram } from './packages.ts';
import { freePort } from './ports.ts';
import { elapsedSince } from './progress.ts';
import { retryOnPortConflict, waitUntilReady } from './ready.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { findOnPath } from './tools.ts';
import { versions } from './versions.ts';

const PROGRAM = 'stripe-mock';
const NEED = { forWhat: PROGRAM, service: PROGRAM, go: '1.22' };
const START_LIMIT_MS = 60_000;

/** Starts stripe-mock, which validates requests against the specification of Stripe's API, or uses `STRIPE_MOCK_URL`. */
export async function startStripeMock(options: ServerOptions): Promise<RunningServer> {
  const url = options.env.STRIPE_MOCK_URL;
  return url ? useStripeMock(url) : startOwn(options);
}

async function useStripeMock(url: string): Promise<RunningServer> {
  try {
    await ping(url);
  } catch (error) {
    throw new StackError(
      `stripe-mock cannot be reached at STRIPE_MOCK_URL=${url}: ${(error as Error).message}`,
    );
  }
  return { env: { STRIPE_MOCK_URL: url }, urls: { stripe_mock: url } };
}

async function startOwn(options: ServerOptions): Promise<RunningServer> {
  const { env, folder, guard, log, port: preferred } = options;
  const program = await findProgram(options);
  const started = Date.now();
  return retryOnPortConflict(async (attempt) => {
    const port = await freePort(preferred);
    const child = startChild({
      file: program,
      // Without an explicit address, HTTPS would listen on every network interface.
      args: ['-http-addr', `127.0.0.1:${port}`, '-https-addr', '127.0.0.1:0', '-strict-version-check'],
      env,
      logFile: join(folder, `${PROGRAM}-${attempt}.log`),
      stage: 'server',
      guard,
    });
    const url = `http://127.0.0.1:${port}`;
    await waitUntilReady(PROGRAM, child, START_LIMIT_MS, () => ping(url));
    log(`stripe-mock is ready at ${url} (${elapsedSince(started)})`);
    return { env: { STRIPE_MOCK_URL: url }, urls: { stripe_mock: url } };
  });
}

async function findProgram({ log, ...host }: ServerOptions): Promise<string> {
  const { env } = host;
  const installed = findOnPath(PROGRAM, env.PATH);
  if (installed !== undefined) return installed;
  const { version } = versions.stripe_mock;
  const what = `building stripe-mock ${version} (go install, once)`;
  const folder = await ensureCached(cacheFolder(env), `${PROGRAM}-${version}`, what, log, (to) =>
    buildGoProgram(versions.stripe_mock, to, NEED, host),
  );
  return join(folder, process.platform === 'win32' ? `${PROGRAM}.exe` : PROGRAM);
}

async function ping(url: string): Promise<void> {
  const response = await fetch(`${url}/v1/balance`, { headers: { authorization: 'Bearer sk_test_1' } });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`it returned ${response.status}`);
}
