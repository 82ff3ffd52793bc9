import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive } from '../lock.mjs';
import { startChild } from './child.ts';
import { startGuard } from './guard.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'persona-guard-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const FOREVER = 'setInterval(() => {}, 1000)';
const node = (code: string) => ({ file: process.execPath, args: ['-e', code], env: process.env });
const expectGone = (pid: number) => expect.poll(() => isAlive(pid), { timeout: 60_000 }).toBe(false);

test('stop ends the owned programs with their children, and deletes the registered paths', async () => {
  const guard = startGuard();
  guard.removeAtEnd(folder);
  const parent = `const { spawn } = require('node:child_process');
    console.log(spawn(process.execPath, ['-e', ${JSON.stringify(FOREVER)}]).pid); ${FOREVER}`;
  const child = startChild({ ...node(parent), logFile: join(folder, 'log'), stage: 'program', guard });
  await expect.poll(() => child.output(), { timeout: 60_000 }).toMatch(/\d+\n/);
  const grandchild = Number(child.output());
  expect(isAlive(grandchild)).toBe(true);
  await guard.stop();
  await child.exited;
  await expectGone(grandchild);
  expect(existsSync(folder)).toBe(false);
});

test('programs end before the servers are stopped', async () => {
  const guard = startGuard();
  const notes = join(folder, 'notes');
  const note = (name: string, ms: number) => `
    process.on('SIGTERM', () => setTimeout(() => {
      require('node:fs').appendFileSync(${JSON.stringify(notes)}, '${name}\\n'); process.exit(0);
    }, ${ms})); console.log('up'); ${FOREVER}`;
  const children = [
    startChild({ ...node(note('server', 0)), logFile: join(folder, 'server'), stage: 'server', guard }),
    startChild({ ...node(note('program', 300)), logFile: join(folder, 'program'), stage: 'program', guard }),
  ];
  for (const child of children) await expect.poll(() => child.output(), { timeout: 60_000 }).toBe('up\n');
  await guard.stop();
  expect(readFileSync(notes, 'utf8')).toBe('program\nserver\n');
});

test('no child can be started after stop', async () => {
  const guard = startGuard();
  const stopped = guard.stop();
  const late = { ...node(FOREVER), logFile: join(folder, 'log'), stage: 'server', guard } as const;
  expect(() => startChild(late)).toThrow(/being stopped/);
  await stopped;
  expect(existsSync(join(folder, 'log'))).toBe(false);
});

/** A process that starts a guard and a child, and then runs the given code. */
function owner(then: string) {
  const code = `
    import { startGuard } from ${JSON.stringify(new URL('guard.ts', import.meta.url).href)};
    import { startChild } from ${JSON.stringify(new URL('child.ts', import.meta.url).href)};
    const guard = startGuard();
    guard.removeAtEnd(${JSON.stringify(folder)});
    const child = startChild({ file: process.execPath, args: ['-e', ${JSON.stringify(FOREVER)}], env: process.env,
      logFile: ${JSON.stringify(join(folder, 'log'))}, stage: 'server', guard });
    ${then}`;
  return spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function firstLine(child: ReturnType<typeof owner>): Promise<string> {
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return line;
}

test('an owner killed with SIGKILL leaves nothing behind', async () => {
  const killed = owner(`console.log(child.pid); ${FOREVER}`);
  const pid = Number(await firstLine(killed));
  expect(isAlive(pid)).toBe(true);
  killed.kill('SIGKILL');
  await expectGone(pid);
  await expect.poll(() => existsSync(folder), { timeout: 60_000 }).toBe(false);
});

test('kept children outlive their owner and run until the guardian gets SIGTERM', async () => {
  const keeping = owner('console.log(child.pid + " " + await guard.keep()); await guard.stop();');
  const ended = once(keeping, 'exit');
  const [pid = 0, guardian = 0] = (await firstLine(keeping)).split(' ').map(Number);
  expect((await ended)[0]).toBe(0);
  expect([isAlive(pid), isAlive(guardian)]).toEqual([true, true]);
  process.kill(guardian, 'SIGTERM');
  await expectGone(pid);
  await expectGone(guardian);
});
