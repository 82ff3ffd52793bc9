import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive, withLock } from './lock.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'persona-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process that records in a file when it acquires and releases the lock. */
function contender(name: string) {
  const code = `
    import { appendFileSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { withLock } from ${JSON.stringify(new URL('lock.mjs', import.meta.url).href)};
    await withLock(${JSON.stringify(join(folder, 'lock'))}, async () => {
      appendFileSync(${JSON.stringify(join(folder, 'notes'))}, 'in ${name}\\n');
      await sleep(50);
      appendFileSync(${JSON.stringify(join(folder, 'notes'))}, 'out ${name}\\n');
    });`;
  return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' });
}

/** The id of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? 0;
}

test('processes hold the same lock one after the other', async () => {
  const contenders = ['a', 'b', 'c', 'd'].map(contender);
  const codes = await Promise.all(contenders.map(async (child) => (await once(child, 'exit'))[0]));
  expect(codes).toEqual([0, 0, 0, 0]);
  const notes = readFileSync(join(folder, 'notes'), 'utf8').trim().split('\n');
  expect(notes).toHaveLength(8);
  for (let i = 0; i < notes.length; i += 2) expect(notes[i + 1]).toBe(notes[i]?.replace('in', 'out'));
});

test('a waiting process is notified once, and gets the lock when it is released', async () => {
  const order: string[] = [];
  const first = withLock(join(folder, 'lock'), async () => {
    await sleep(300);
    order.push('first');
  });
  await withLock(
    join(folder, 'lock'),
    async () => void order.push('second'),
    () => order.push('waiting'),
  );
  await first;
  expect(order).toEqual(['waiting', 'first', 'second']);
});

test('the lock of a dead process is taken over by one waiting process at a time', async () => {
  const file = join(folder, 'lock');
  writeFileSync(file, JSON.stringify({ token: 'x', host: hostname(), pids: [await deadPid()] }));
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 5 }, () =>
      withLock(file, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await sleep(20);
        inside -= 1;
      }),
    ),
  );
  expect(most).toBe(1);
});

test('the lock of a dead process with a live child is held until the child ends', async () => {
  const file = join(folder, 'lock');
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 600)']);
  const pids = [await deadPid(), child.pid ?? 0];
  writeFileSync(file, JSON.stringify({ token: 'x', host: hostname(), pids }));
  await withLock(file, async () => expect(isAlive(child.pid ?? 0)).toBe(false));
});

test('the lock is released when the work fails', async () => {
  const failing = withLock(join(folder, 'lock'), () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(await withLock(join(folder, 'lock'), async () => 'free')).toBe('free');
});
