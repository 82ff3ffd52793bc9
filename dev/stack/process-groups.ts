import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../lock.mjs';

const windows = process.platform === 'win32';
const POLL_MS = 50;
const AFTER_KILL_MS = 5_000;

/**
 * Stops process groups that were started `detached`, each named by its leader's id, and waits until they have ended:
 * SIGTERM, then SIGKILL for those still running after `graceMs`.
 */
export async function stopGroups(leaders: readonly number[], graceMs: number): Promise<void> {
  for (const leader of leaders) signalGroup(leader, 'SIGTERM');
  const left = await remainingAfter(leaders, graceMs);
  for (const leader of left) signalGroup(leader, 'SIGKILL');
  await remainingAfter(left, AFTER_KILL_MS);
}

/** Sends a signal to every process of a group; a group that has already ended is not an error. */
export function signalGroup(leader: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (windows) {
    // Windows has neither groups nor SIGTERM: the process and its children are terminated.
    spawn('taskkill', ['/PID', String(leader), '/T', '/F'], { stdio: 'ignore' });
    return;
  }
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function remainingAfter(leaders: readonly number[], limitMs: number): Promise<number[]> {
  const end = Date.now() + limitMs;
  for (;;) {
    const left = leaders.filter((leader) => isAlive(windows ? leader : -leader));
    if (left.length === 0 || Date.now() > end) return left;
    await sleep(POLL_MS);
  }
}
