/** The programs of `docs/connecting.md`, written into a folder as they are there, and run. */

import { cpSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { findGo, findPython } from '../../../dev/stack/packages.ts';
import { readBlocks } from './document.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const NEED = { forWhat: 'the test of docs/connecting.md', go: '1.26' };

/** File name extensions. */
export const LANGUAGES = ['ts', 'py', 'go'] as const;

export interface Programs {
  /** Names of every file that the document contains. */
  files: readonly string[];
  /** @returns what it printed @throws Error with its output if it fails */
  run(file: string, args: readonly string[], variables: Record<string, string>): Promise<string>;
  /** The files that have been used. */
  used: Set<string>;
}

/** Installs and generates what the programs need, and compiles those in Go. @param folder inside the repository, for `node_modules` */
export async function preparePrograms(folder: string): Promise<Programs> {
  const blocks = readBlocks();
  const unnamed = blocks.filter(({ file }) => file === undefined);
  if (unnamed.length > 0) throw new Error(`a block without a file name cannot be run:\n${unnamed[0]?.text}`);
  const files = blocks.map(({ file = '' }) => file);
  for (const { file = '', text } of blocks) writeFileSync(join(folder, file), text);
  cpSync(join(ROOT, 'proto'), join(folder, 'proto'), {
    recursive: true,
    filter: (path) => !path.startsWith(join(ROOT, 'proto', 'gen')),
  });
  cpSync(join(ROOT, 'proto', 'gen'), join(folder, 'gen'), { recursive: true });

  const used = new Set<string>();
  const pythonPackages = installed('PERSONA_AGENT_PYTHON_PATH');
  const goFolder = installed('PERSONA_AGENT_GO_PATH');
  const python = findPython(process.env, NEED);
  const go = findGo(process.env, NEED);
  for (const file of ['go.mod', 'go.sum']) cpSync(join(goFolder, file), join(folder, file));
  const env = {
    PATH: [
      dirname(process.execPath),
      join(ROOT, 'node_modules', '.bin'),
      join(goFolder, 'bin'),
      process.env.PATH,
    ].join(delimiter),
    PYTHONPATH: pythonPackages,
    GOMODCACHE: join(goFolder, 'modules'),
    // Everything has been downloaded.
    GOPROXY: 'off',
    NO_PROXY: 'localhost,127.0.0.1',
    no_proxy: 'localhost,127.0.0.1',
  };
  const execute = async (
    command: string,
    args: readonly string[],
    variables: Record<string, string> = {},
  ) => {
    const { stdout } = await execa(command, args, { cwd: folder, env: { ...env, ...variables } });
    return stdout;
  };
  const script = (file: string) => {
    used.add(file);
    return execute('sh', ['-e', file]);
  };

  const compileGo = async () => {
    await script('generate-go.sh');
    used.add('buf.gen.yaml');
    // Without the folder's path in them, compiled packages are found in Go's cache next time.
    for (const file of files.filter((name) => name.endsWith('.go')))
      await execute(go, ['build', '-trimpath', '-o', `${file}.exe`, file]);
  };
  await Promise.all([script('generate-python.sh'), compileGo()]);
  const commandOf = (file: string): [string, ...string[]] => {
    if (file.endsWith('.go')) return [join(folder, `${file}.exe`)];
    if (file.endsWith('.py')) return [python, file];
    return file.endsWith('.sh') ? ['sh', '-e', file] : [process.execPath, file];
  };
  return {
    files,
    used,
    run(file, args, variables) {
      used.add(file);
      const [command, ...before] = commandOf(file);
      return execute(command, [...before, ...args], variables);
    },
  };
}

function installed(variable: string): string {
  const path = process.env[variable];
  if (path) return path;
  throw new Error(`${variable} is not set: npm test sets it if Python 3 and Go are installed`);
}
