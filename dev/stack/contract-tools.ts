/** The programs that check the OpenAPI document: only tests run them, and nothing is started. */

import { join } from 'node:path';
import { cacheFolder, ensureCached } from './cache.ts';
import { buildGoProgram, installPythonPackages } from './packages.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { versions } from './versions.ts';

type Options = Pick<ServerOptions, 'env' | 'guard' | 'log'>;

/** Finds oasdiff, which compares two OpenAPI documents, or uses the one at `PERSONA_OASDIFF_BIN`. */
export async function findOasdiff({ log, ...host }: Options): Promise<RunningServer> {
  const { PERSONA_OASDIFF_BIN: given } = host.env;
  if (given) return { env: { PERSONA_OASDIFF_BIN: given }, urls: {} };
  const { version } = versions.oasdiff;
  const what = `building oasdiff ${version} (go install, once)`;
  const folder = await ensureCached(cacheFolder(host.env), `oasdiff-${version}`, what, log, (to) =>
    buildGoProgram(versions.oasdiff, to, { forWhat: 'oasdiff', go: '1.26' }, host),
  );
  const file = process.platform === 'win32' ? 'oasdiff.exe' : 'oasdiff';
  return { env: { PERSONA_OASDIFF_BIN: join(folder, file) }, urls: {} };
}

/** Finds schemathesis, which sends generated requests, or uses the packages at `PERSONA_SCHEMATHESIS_PATH`. */
export async function findSchemathesis({ log, ...host }: Options): Promise<RunningServer> {
  const { PERSONA_SCHEMATHESIS_PATH: given } = host.env;
  if (given) return { env: { PERSONA_SCHEMATHESIS_PATH: given }, urls: {} };
  const { version } = versions.schemathesis;
  const what = `downloading schemathesis ${version} (pip, 30 MB, once)`;
  const folder = await ensureCached(cacheFolder(host.env), `schemathesis-${version}`, what, log, (to) =>
    installPythonPackages([versions.schemathesis], to, { forWhat: 'schemathesis' }, host),
  );
  return { env: { PERSONA_SCHEMATHESIS_PATH: folder }, urls: {} };
}
