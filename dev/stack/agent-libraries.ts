/** What programs of other agents need to call Persona and to consume its topics: only tests use it, and nothing is started. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, ensureCached } from './cache.ts';
import { buildGoProgram, downloadGoModules, installPythonPackages } from './packages.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { versions } from './versions.ts';

type Options = Pick<ServerOptions, 'env' | 'guard' | 'log'>;

const NEED = { forWhat: "the test of agents' programs", go: '1.26' };

/** The folder's name changes with every version. */
const folderName = (name: string, pins: readonly { version: string }[]) =>
  [name, ...pins.map(({ version }) => version)].join('-');

/** Finds the packages of Python programs, or uses those at `PERSONA_AGENT_PYTHON_PATH`. */
export async function findAgentPython({ log, ...host }: Options): Promise<RunningServer> {
  const { PERSONA_AGENT_PYTHON_PATH: given } = host.env;
  if (given) return { env: { PERSONA_AGENT_PYTHON_PATH: given }, urls: {} };
  const name = folderName('agent-python', versions.agent_python);
  const what = 'downloading gRPC, Temporal, Kafka and Avro for Python programs (pip, 55 MB, once)';
  const folder = await ensureCached(cacheFolder(host.env), name, what, log, (to) =>
    installPythonPackages(versions.agent_python, to, NEED, host),
  );
  return { env: { PERSONA_AGENT_PYTHON_PATH: folder }, urls: {} };
}

/**
 * Finds the modules of Go programs (`modules/`, with `go.mod` and `go.sum` that require them) and the programs that generate
 * their code (`bin/`), or uses those at `PERSONA_AGENT_GO_PATH`.
 */
export async function findAgentGo({ log, ...host }: Options): Promise<RunningServer> {
  const { PERSONA_AGENT_GO_PATH: given } = host.env;
  if (given) return { env: { PERSONA_AGENT_GO_PATH: given }, urls: {} };
  const { libraries, generators } = versions.agent_go;
  const name = folderName('agent-go', [...libraries, ...generators]);
  const what = 'downloading gRPC, Kafka and Avro for Go programs (go get, 100 MB, once)';
  const folder = await ensureCached(cacheFolder(host.env), name, what, log, async (to) => {
    await downloadGoModules('example.com/agent', libraries, to, NEED, host);
    const bin = join(to, 'bin');
    mkdirSync(bin);
    for (const generator of generators) await buildGoProgram(generator, bin, NEED, host);
  });
  return { env: { PERSONA_AGENT_GO_PATH: folder }, urls: {} };
}
