// Plain JavaScript: `boot.mjs` needs it before the project's own Node and packages are installed.
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 200;
const HEARTBEAT_MS = 5_000;
/** A holder on another machine that has not touched its lock for this long counts as dead. */
const SILENCE_MS = 120_000;
const TAKEOVER_MS = 10_000;

/**
 * Runs `work` while no other process holds the same lock file. The lock of a dead process is taken over: immediately if it
 * ran on this machine, otherwise after two minutes without a heartbeat.
 *
 * @template T
 * @param {string} file the lock file; its folder is created if missing
 * @param {(lock: { alsoHeldBy(pid: number): void }) => Promise<T>} work `alsoHeldBy` names a child that must also have
 *   ended before another process may take the lock over
 * @param {() => void} [onWait] called once if another process holds the lock
 * @returns {Promise<T>} the result of `work`
 */
export async function withLock(file, work, onWait = () => {}) {
  const held = { token: randomUUID(), host: hostname(), pids: [process.pid] };
  await acquire(file, held, onWait);
  const heartbeat = setInterval(() => touch(file), HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work({
      alsoHeldBy(pid) {
        held.pids.push(pid);
        writeFileSync(file, JSON.stringify(held));
      },
    });
  } finally {
    clearInterval(heartbeat);
    if (read(file)?.token === held.token) rmSync(file, { force: true });
  }
}

async function acquire(file, held, onWait) {
  mkdirSync(dirname(file), { recursive: true });
  let waiting = false;
  let silence = { seen: undefined, since: performance.now() };
  for (;;) {
    if (create(file, JSON.stringify(held))) return;
    if (!waiting) onWait();
    waiting = true;
    const seen = modified(file);
    if (seen !== silence.seen) silence = { seen, since: performance.now() };
    const holder = read(file);
    const silent = performance.now() - silence.since > SILENCE_MS;
    if (silent || (holder !== undefined && died(holder))) removeStale(file, holder?.token);
    else await sleep(POLL_MS);
  }
}

/** Removes the lock of a dead holder. Only one process at a time may do so, or a second one would remove the new lock. */
function removeStale(file, token) {
  const takeover = `${file}.takeover`;
  if (!create(takeover, '')) {
    if (Date.now() - (modified(takeover) ?? Date.now()) > TAKEOVER_MS) rmSync(takeover, { force: true });
    return;
  }
  try {
    if (read(file)?.token === token) rmSync(file, { force: true });
  } finally {
    rmSync(takeover, { force: true });
  }
}

function died(holder) {
  return holder.host === hostname() && holder.pids.every((pid) => !isAlive(pid));
}

/**
 * @param {number} pid
 * @returns {boolean} whether a process of this id exists on this machine
 */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function create(file, content) {
  try {
    const descriptor = openSync(file, 'wx');
    writeFileSync(descriptor, content);
    closeSync(descriptor);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** The lock's holder; undefined if there is none or the file is just being written. */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function modified(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

function touch(file) {
  try {
    utimesSync(file, new Date(), new Date());
  } catch {
    // The file was deleted manually: the work continues without a heartbeat.
  }
}
