/** Generates `proto/gen/` from the contracts: `npm run generate`. Works offline; the result is committed. */

import { rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { execaSync } from 'execa';

const folder = import.meta.dirname;
const bufProgram = join(folder, '..', 'node_modules', '@bufbuild', 'buf', 'bin', 'buf');

/**
 * Writes the generated code and the descriptor set (which reflection serves) into `outFolder/gen`.
 * @throws ExecaError with buf's output if a contract cannot be compiled
 */
export function generate(outFolder: string): void {
  rmSync(join(outFolder, 'gen'), { recursive: true, force: true });
  // gRPC's own services are served by libraries.
  buf('generate', '--exclude-path', 'grpc', '--output', outFolder);
  buf('build', '--as-file-descriptor-set', '--output', join(outFolder, 'gen', 'descriptors.binpb'));
}

/** Runs buf on this folder. @throws ExecaError with buf's output if it fails */
export function buf(...args: string[]): void {
  execaSync(process.execPath, [bufProgram, ...args], {
    cwd: folder,
    // The plugin is a Node program, too, and must run on this Node.
    env: { PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` },
  });
}

if (import.meta.main) generate(folder);
