/**
 * The workflow bundle: all code that runs in Temporal's sandbox, from the entry point `workflows/index.ts`. Workers,
 * tests, replay and the bundle check all build it with the same `bundleOptions()`; other options would replay
 * differently.
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

/** The inputs of the bundle: their content determines its hash. */
const SOURCES = ['workflows', 'domain'];
const INTERCEPTORS = fileURLToPath(new URL('./workflow-tracing.ts', import.meta.url));
const OPTIONS = [failureConverterPath, INTERCEPTORS, fileURLToPath(import.meta.url)];

/** Holds built bundles, named by the hash of their sources. */
const CACHE = path.join('.persona', 'bundles');

/** A built bundle on disk. */
export interface BundleFile {
  readonly codePath: string;
  /** The hash of its sources; identifies the code that a worker runs. */
  readonly buildId: string;
}

/** @param root the repository, or a copy that a check has modified */
function bundleOptions(root: string): BundleOptions {
  return {
    workflowsPath: path.join(root, 'workflows', 'index.ts'),
    failureConverterPath,
    workflowInterceptorModules: [INTERCEPTORS],
    preloadModules: [path.join(root, 'workflows', 'shared-modules.ts')],
  };
}

/**
 * Builds the bundle (a second or more).
 *
 * @throws PersonaError internal, naming the module that workflow code must not import
 */
export async function buildBundle(root: string = ROOT): Promise<string> {
  const diagnostics: string[] = [];
  try {
    const { code } = await bundleWorkflowCode({
      ...bundleOptions(root),
      logger: diagnosticsLogger(diagnostics),
    });
    return code;
  } catch (cause) {
    const reasons = [cause instanceof Error ? cause.message : String(cause), ...diagnostics];
    throw new PersonaError('internal', `The workflow bundle could not be built: ${reasons.join('\n')}`, {
      cause,
    });
  }
}

/**
 * The bundle of the current sources: read from the cache, or built into it (some seconds).
 *
 * @param options.prebuiltOnly never build. A production worker sets it, to fail at start rather than depend on
 *   webpack there
 * @throws PersonaError internal, if the build fails, or with `prebuiltOnly` if the bundle is missing
 */
export async function workflowBundle(
  options: { root?: string; prebuiltOnly?: boolean } = {},
): Promise<BundleFile> {
  const { root = ROOT, prebuiltOnly = false } = options;
  const buildId = await hashSources(root);
  const codePath = path.join(root, CACHE, `${buildId}.js`);
  const exists = await readFile(codePath).then(
    () => true,
    () => false,
  );
  if (exists) return { codePath, buildId };
  if (prebuiltOnly)
    throw new PersonaError(
      'internal',
      `The workflow bundle ${codePath} is missing. Build it: node temporal/build-bundle.ts`,
    );
  const code = await buildBundle(root);
  await mkdir(path.dirname(codePath), { recursive: true });
  // Several processes may build concurrently: each writes its own file, and the last rename wins with equal content.
  const temporary = `${codePath}.${process.pid}`;
  await writeFile(temporary, code);
  await rename(temporary, codePath);
  return { codePath, buildId };
}

/** Covers everything that the bundle depends on: each source file's name and content, and the SDK's version. */
async function hashSources(root: string): Promise<string> {
  const hash = createHash('sha256');
  const sdk = createRequire(import.meta.url).resolve('@temporalio/worker/package.json');
  hash.update(await readFile(sdk));
  const sources = await Promise.all(SOURCES.map((source) => sourceFiles(path.join(root, source))));
  for (const file of [...OPTIONS, ...sources.flat()]) {
    hash.update(`\0${path.relative(root, file)}\0`);
    hash.update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 16);
}

async function sourceFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(ts|json)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.endsWith('.test.ts') && !file.includes(`${path.sep}histories${path.sep}`))
    .sort();
}

/** Drops webpack's progress; collects warnings, and errors from the first "ERROR in" on, for the thrown error. */
function diagnosticsLogger(diagnostics: string[]): Logger {
  const ignore = () => {};
  return {
    log: ignore,
    trace: ignore,
    debug: ignore,
    info: ignore,
    warn: (message) => void diagnostics.push(message),
    error: (message) => void diagnostics.push(message.slice(Math.max(0, message.indexOf('ERROR in')))),
  };
}
