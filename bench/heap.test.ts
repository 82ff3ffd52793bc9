import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { heapOf, INSPECTABLE } from './heap.ts';

/** Holds 64 MB in its main thread and 32 MB in another one, and produces garbage. */
const PROGRAM = `
  const { Worker } = require('node:worker_threads');
  const hold = (mb) => Array.from({ length: mb * 1e6 / 8 }, (_, n) => n + 0.5);
  const held = hold(64);
  setInterval(() => hold(1), 20);
  new Worker("const held = Array.from({ length: 4e6 }, (_, n) => n + 0.5); setInterval(() => held.length, 1000)", { eval: true });
  console.error('here');
`;
let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

test.skipIf(process.platform === 'win32')('the heap is measured over all threads', async () => {
  let printed = '';
  child = spawn(process.execPath, ['-e', PROGRAM], { env: { ...process.env, ...INSPECTABLE } });
  child.stderr?.on('data', (chunk) => {
    printed += chunk;
  });
  // Before the program is ready, the signal would end it.
  await expect.poll(() => printed).toContain('here');
  const program = { pid: Number(child.pid), output: () => printed };
  await expect.poll(() => heapOf(program)).toBeGreaterThan(96);
  expect(await heapOf(program)).toBeLessThan(125);
});
