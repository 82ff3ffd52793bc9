// Plain JavaScript: `boot.mjs` needs it before the project's own Node and packages are installed.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** npm's list of the installed packages, which it writes to `node_modules` last and deletes before it installs. */
const RECORD = '.package-lock.json';
/** The files that an install reads. */
const SOURCES = ['package.json', 'package-lock.json', '.npmrc'];
/** Within `node_modules`, which may be a separate file system, so that packages can be moved instead of copied. */
const COMING = '.persona-coming';
const GOING = '.persona-going';

/**
 * Whether `node_modules` contains exactly the packages of the lockfile, however they were installed.
 *
 * @param {string} folder the repository
 * @returns {boolean}
 */
export function isInstalled(folder) {
  const wanted = packagesIn(join(folder, 'package-lock.json'));
  const there = packagesIn(join(folder, 'node_modules', RECORD));
  if (wanted === undefined || there === undefined) return false;
  const isThere = (path) =>
    isSame(wanted[path], there[path]) && existsSync(join(folder, path, 'package.json'));
  return (
    Object.keys(there).every(isThere) &&
    Object.keys(wanted).every((path) => there[path] || mayLack(wanted[path]))
  );
}

/** @returns the packages by their folders, undefined if the file is missing or damaged */
function packagesIn(file) {
  try {
    // The entry with the empty name is the project itself.
    const { '': _project, ...packages } = JSON.parse(readFileSync(file, 'utf8')).packages;
    return packages;
  } catch {
    return undefined;
  }
}

function isSame(wanted, there) {
  return wanted !== undefined && wanted.version === there.version && wanted.integrity === there.integrity;
}

/** npm skips packages for other platforms, and those that only they depend on. */
function mayLack(wanted) {
  if (!wanted.optional) return false;
  const { os, cpu, libc } = wanted;
  const isForThisMachine =
    [os].flat().includes(process.platform) && [cpu].flat().includes(process.arch) && libc === undefined;
  return !isForThisMachine;
}

/**
 * Installs into a separate folder and then replaces the packages: an interrupted install leaves the previous ones as they
 * were.
 *
 * @param {string} folder the repository
 * @param {(folder: string) => Promise<void>} install installs into the `node_modules` of the given folder, which contains
 *   the lockfile; rejects if that fails
 */
export async function replacePackages(folder, install) {
  const packages = join(folder, 'node_modules');
  const coming = join(packages, COMING);
  const going = join(packages, GOING);
  const clear = () => [coming, going].forEach((path) => rmSync(path, { recursive: true, force: true }));
  // An earlier install may have been killed.
  clear();
  mkdirSync(coming, { recursive: true });
  for (const name of SOURCES)
    if (existsSync(join(folder, name))) copyFileSync(join(folder, name), join(coming, name));
  try {
    await install(coming);
    mkdirSync(going);
    // The record is removed first and added last, so that an interrupted replacement does not count as installed.
    move(packages, going, (names) =>
      names.filter((name) => name !== COMING && name !== GOING).sort(recordFirst),
    );
    move(join(coming, 'node_modules'), packages, (names) => names.sort(recordFirst).reverse());
  } finally {
    clear();
  }
}

function move(from, to, order) {
  for (const name of order(readdirSync(from))) renameSync(join(from, name), join(to, name));
}

function recordFirst(a, b) {
  return Number(b === RECORD) - Number(a === RECORD);
}
