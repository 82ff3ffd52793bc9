/**
 * `node dev/boot.mjs dev/complete-lockfile.ts`, after a dependency has changed: adds to package-lock.json the optional
 * packages of other platforms that npm omitted because it could not see them (an incomplete registry, or packages installed
 * before the lockfile was written). Without them `npm ci` refuses the lockfile on every platform.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Lockfile {
  packages: Record<
    string,
    {
      version?: string;
      resolved?: string;
      dev?: boolean;
      optional?: boolean;
      os?: string[];
      cpu?: string[];
      libc?: string[];
      optionalDependencies?: Record<string, string>;
    }
  >;
}

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
/** Names of processors in package names → Node's names. */
const PROCESSORS = new Map(
  ['x64', 'arm64', 'arm', 'ia32', 'ppc64', 's390x', 'riscv64'].map((name) => [name, name]),
).set('armv7', 'arm');

/** Optional packages that the lockfile names but does not describe, each with the package that requires it. */
export function missingEntries({
  packages,
}: Lockfile): { name: string; version: string; requiredBy: string }[] {
  return Object.entries(packages).flatMap(([requiredBy, { optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(
        ([name]) => !(`node_modules/${name}` in packages || `${requiredBy}/node_modules/${name}` in packages),
      )
      .map(([name, version]) => ({ name, version, requiredBy })),
  );
}

/** Adds the missing packages with the platform from each name, without which npm would fetch them on every platform. */
export function completeLockfile(lockfile: Lockfile): Lockfile {
  const added = missingEntries(lockfile).map(({ name, version, requiredBy }) => {
    const words = name.split(/[-/]/);
    const os = SYSTEMS.find((system) => words.includes(system));
    const cpu = words.map((word) => PROCESSORS.get(word)).find((processor) => processor !== undefined);
    if (os === undefined || cpu === undefined) throw new Error(`cannot determine the platform of ${name}`);
    const libc = os !== 'linux' ? {} : libcOf(words);
    const dev = lockfile.packages[requiredBy]?.dev ? { dev: true } : {};
    return [
      `node_modules/${name}`,
      { version, cpu: [cpu], ...dev, ...libc, optional: true, os: [os] },
    ] as const;
  });
  const all = [...Object.entries(lockfile.packages), ...added].sort(([a], [b]) => a.localeCompare(b, 'en'));
  return { ...lockfile, packages: Object.fromEntries(all) };
}

function libcOf(words: readonly string[]): { libc?: string[] } {
  if (words.some((word) => word.startsWith('musl'))) return { libc: ['musl'] };
  return words.some((word) => word.startsWith('gnu')) ? { libc: ['glibc'] } : {};
}

if (import.meta.main) {
  const file = fileURLToPath(new URL('../package-lock.json', import.meta.url));
  const lockfile: Lockfile = JSON.parse(readFileSync(file, 'utf8'));
  console.log(`${missingEntries(lockfile).length} optional packages added`);
  writeFileSync(file, `${JSON.stringify(completeLockfile(lockfile), null, 2)}\n`);
}
