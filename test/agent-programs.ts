/** Python and Go with the libraries of agents' programs, as `dev/stack/agent-libraries.ts` installs them: offline from here on. */

import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { findGo, findPython } from '../dev/stack/packages.ts';

const NEED = { forWhat: "the test of agents' programs", go: '1.26' };

export interface AgentRuntimes {
  /** Executables. */
  python: string;
  go: string;
  /** The programs that generate Go code. */
  goTools: string;
  /** Variables with which both find their libraries. */
  env: Record<string, string>;
}

/** @param folder where Go programs are compiled: it gets a `go.mod` that requires their libraries */
export function prepareAgentRuntimes(folder: string): AgentRuntimes {
  const packages = installed('PERSONA_AGENT_PYTHON_PATH');
  const goFolder = installed('PERSONA_AGENT_GO_PATH');
  for (const file of ['go.mod', 'go.sum']) cpSync(join(goFolder, file), join(folder, file));
  return {
    python: findPython(process.env, NEED),
    go: findGo(process.env, NEED),
    goTools: join(goFolder, 'bin'),
    // Everything has been downloaded.
    env: { PYTHONPATH: packages, GOMODCACHE: join(goFolder, 'modules'), GOPROXY: 'off' },
  };
}

/** Without the folder's path in them, compiled packages are found in Go's cache next time. */
export const goBuild = (source: string, program: string) => ['build', '-trimpath', '-o', program, source];

function installed(variable: string): string {
  const path = process.env[variable];
  if (path) return path;
  throw new Error(`${variable} is not set: npm test sets it if Python 3 and Go are installed`);
}
