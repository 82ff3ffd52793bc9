/** The programs of `docs/connecting.md`, written into a folder as they are there, and run. */

import { cpSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { goBuild, prepareAgentRuntimes } from '../../agent-programs.ts';
import { readBlocks } from './document.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

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
  const { python, go, goTools, env: libraries } = prepareAgentRuntimes(folder);
  const env = {
    ...libraries,
    PATH: [dirname(process.execPath), join(ROOT, 'node_modules', '.bin'), goTools, process.env.PATH].join(
      delimiter,
    ),
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
    for (const file of files.filter((name) => name.endsWith('.go')))
      await execute(go, goBuild(file, `${file}.exe`));
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
