// Plain JavaScript: `boot.mjs` needs it before the project's own Node and packages are there.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** What npm writes into `node_modules` last of all: every package that is there. Whatever begins to install deletes it first. */
const RECORD = '.package-lock.json';
/** What an install reads. */
const SOURCES = ['package.json', 'package-lock.json', '.npmrc'];
/** Inside of `node_modules`, which may be a disk of its own: what is there is moved, not copied. */
const COMING = '.persona-coming';
const GOING = '.persona-going';

/**
 * Whether the packages of the lockfile, and no others, are in `node_modules`, whoever put them there.
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

/** @returns the packages by their folders, undefined when the file is missing or broken */
function packagesIn(file) {
  try {
    // The first one is the project itself.
    const { '': _project, ...packages } = JSON.parse(readFileSync(file, 'utf8')).packages;
    return packages;
  } catch {
    return undefined;
  }
}

function isSame(wanted, there) {
  return wanted !== undefined && wanted.version === there.version && wanted.integrity === there.integrity;
}

/** npm leaves out what is for other machines, and what only such packages need. */
function mayLack(wanted) {
  if (!wanted.optional) return false;
  const { os, cpu, libc } = wanted;
  const isForThisMachine =
    [os].flat().includes(process.platform) && [cpu].flat().includes(process.arch) && libc === undefined;
  return !isForThisMachine;
}

/**
 * Installs beside what is there and then takes its place: whatever ends the install, the packages of before stay as they
 * were.
 *
 * @param {string} folder the repository
 * @param {(folder: string) => Promise<void>} install installs into the `node_modules` of the folder that it is given, which
 *   has the lockfile; rejects if that failed
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
    // The record goes first and comes last: half of it is nothing.
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
