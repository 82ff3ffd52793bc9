// `node dev/boot.mjs FILE.ts [argument…]`: the entry point of every npm script. Plain JavaScript for Node 18 and later:
// installs the packages if they differ from the lockfile, then runs FILE.ts on Node 24. Prints to stderr only.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInstalled, replacePackages } from './installed.mjs';
import { withLock } from './lock.mjs';

const WANTED_NODE = 24;
const TICK_MS = 15_000;
/** npm and the terminal both deliver one Ctrl-C: signals within this time count as the same one. */
const SAME_SIGNAL_MS = 1_000;

const windows = process.platform === 'win32';
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const say = (line) => process.stderr.write(`persona: ${line}\n`);

class Refusal extends Error {}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  say(error.message);
  process.exitCode = 1;
}

async function main([program, ...args]) {
  if (program === undefined) throw new Refusal('usage: node dev/boot.mjs FILE.ts [argument…]');
  await installIfChanged();
  return run(projectNode(), [join(root, program), ...args]);
}

async function installIfChanged() {
  if (isInstalled(root)) return;
  await withLock(
    join(root, '.persona', 'install.lock'),
    async (lock) => {
      if (!isInstalled(root)) await replacePackages(root, (folder) => install(folder, lock));
    },
    () => say('another process is installing the packages; waiting for it'),
  );
}

async function install(folder, lock) {
  const started = Date.now();
  const elapsed = () => `${Math.round((Date.now() - started) / 1000)} s`;
  say('installing the packages (npm ci; about a minute the first time)…');
  // --include: the stack needs the development tools in any NODE_ENV. --prefer-offline: the lockfile pins all versions.
  const options = [
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--prefer-offline',
    '--loglevel=error',
    `--prefix=${folder}`,
  ];
  const npm = process.env.npm_execpath;
  const byPath = npm !== undefined && /\.c?js$/.test(npm);
  const child = byPath
    ? spawn(process.execPath, [npm, ...options], { cwd: folder, stdio: ['ignore', 2, 2] })
    : spawn('npm', options, { cwd: folder, stdio: ['ignore', 2, 2], shell: windows });
  if (child.pid !== undefined) lock.alsoHeldBy(child.pid);
  const tick = setInterval(() => say(`still installing… ${elapsed()}`), TICK_MS);
  const code = await finished(child, (signal) => child.kill(signal)).finally(() => clearInterval(tick));
  if (code !== 0) throw new Refusal(`npm ci failed (exit code ${code}) after ${elapsed()}: see above`);
  say(`packages installed in ${elapsed()}`);
}

function projectNode() {
  if (Number(process.versions.node.split('.')[0]) === WANTED_NODE) return process.execPath;
  const system = windows ? 'win' : process.platform;
  const binary = join(
    root,
    'node_modules',
    `node-${system}-${process.arch}`,
    'bin',
    windows ? 'node.exe' : 'node',
  );
  if (existsSync(binary)) return binary;
  throw new Refusal(
    `Node.js ${WANTED_NODE} is required on ${process.platform}-${process.arch} (this is ${process.version}): install it and run this again`,
  );
}

/** Runs the program on this terminal and forwards each signal once. @returns its exit code */
function run(node, args) {
  // A separate process group, so that the program receives Ctrl-C from this process only. Windows has no such groups: there
  // the console delivers Ctrl-C to the program, and this process only waits. The closing of the IPC channel shows the
  // program that this process was killed.
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], detached: !windows });
  return finished(child, (signal) => {
    if (!windows) child.kill(signal);
  });
}

function finished(child, onSignal) {
  return new Promise((resolve, reject) => {
    let last = 0;
    const handler = (signal) => {
      const now = Date.now();
      if (now - last < SAME_SIGNAL_MS) return;
      last = now;
      onSignal(signal);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, handler);
    const settle = (act) => {
      for (const signal of signals) process.off(signal, handler);
      act();
    };
    child.once('error', (error) =>
      settle(() => reject(new Refusal(`cannot start ${child.spawnfile}: ${error.message}`))),
    );
    child.once('exit', (code, signal) =>
      settle(() => resolve(code ?? 128 + (constants.signals[signal] ?? 0))),
    );
  });
}
