/**
 * The workflow bundle: everything that Temporal's sandbox runs, from the one barrel `workflows/index.ts`. Worker,
 * tests, replay and the bundle check all take their options from `bundleOptions()`: a bundle built with other options
 * replays differently.
 */

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BundleOptions, bundleWorkflowCode, type Logger } from '@temporalio/worker';
import { PersonaError } from '../domain/errors.ts';
import { failureConverterPath } from './codec.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Folders and files whose content decides what the bundle is. */
const SOURCES = ['workflows', 'domain', 'temporal/failure-converter.ts', 'temporal/bundle.ts'];

/** Where built bundles wait, named by the hash of their sources. */
const CACHE = path.join(ROOT, '.persona', 'bundles');

/** A built bundle in a file, as `Worker.create` and `Worker.runReplayHistories` take it. */
export interface BundleFile {
  readonly codePath: string;
}

/** @param root the repository, or a copy of it that a check has changed */
export function bundleOptions(root: string = ROOT): BundleOptions {
  return {
    workflowsPath: path.join(root, 'workflows', 'index.ts'),
    failureConverterPath,
    logger: quiet,
  };
}

/**
 * The bundle of the sources as they are now: taken from the cache, or built into it (some seconds).
 *
 * @param options.prebuiltOnly refuse to build, as a production worker does: it should fail at start, and not
 *   find webpack missing or slow there
 * @throws PersonaError internal, if it does not build, or is missing where a prebuilt one is demanded
 */
export async function workflowBundle(options: { prebuiltOnly?: boolean } = {}): Promise<BundleFile> {
  const codePath = path.join(CACHE, `${await hashSources()}.js`);
  const exists = await readFile(codePath).then(
    () => true,
    () => false,
  );
  if (exists) return { codePath };
  if (options.prebuiltOnly === true)
    throw new PersonaError(
      'internal',
      `The workflow bundle ${codePath} is missing. Build it: node temporal/build-bundle.ts`,
    );
  const { code } = await bundleWorkflowCode(bundleOptions());
  await mkdir(CACHE, { recursive: true });
  // Several processes may build at once: each writes its own file, and the last rename wins with equal content.
  const temporary = `${codePath}.${process.pid}`;
  await writeFile(temporary, code);
  await rename(temporary, codePath);
  return { codePath };
}

/** Changes whenever the bundle would: with each source file's name and content, and with the SDK's version. */
async function hashSources(): Promise<string> {
  const hash = createHash('sha256');
  const sdk = createRequire(import.meta.url).resolve('@temporalio/worker/package.json');
  hash.update(await readFile(sdk));
  for (const source of SOURCES) {
    for (const file of await sourceFiles(path.join(ROOT, source))) {
      hash.update(`\0${path.relative(ROOT, file)}\0`);
      hash.update(await readFile(file));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

async function sourceFiles(source: string): Promise<string[]> {
  if (source.endsWith('.ts')) return [source];
  const entries = await readdir(source, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(ts|json)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.endsWith('.test.ts') && !file.includes(`${path.sep}histories${path.sep}`))
    .sort();
}

/** Webpack's progress is noise; its errors reach the caller in the thrown error's message through `logger.error`. */
const quiet: Logger = {
  log: () => {},
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: (message) => console.error(message),
  error: (message) => console.error(message),
};
