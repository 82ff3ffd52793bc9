import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

let clone: string;
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'persona-boot-'));
  mkdirSync(join(clone, 'dev'));
  for (const file of ['boot.mjs', 'lock.mjs']) {
    copyFileSync(fileURLToPath(new URL(file, import.meta.url)), join(clone, 'dev', file));
  }
  writeFileSync(join(clone, 'package-lock.json'), '{"version":1}');
  // Stands in for npm: takes a moment, and notes that it ran.
  writeFileSync(
    join(clone, 'npm.cjs'),
    `const { appendFileSync, existsSync, mkdirSync } = require('node:fs');
    appendFileSync('installs', process.argv.slice(2).join(' ') + '\\n');
    setTimeout(() => { if (existsSync('broken')) process.exit(3); mkdirSync('node_modules', { recursive: true }); }, 300);`,
  );
  writeFileSync(
    join(clone, 'program.ts'),
    `const args: string[] = process.argv.slice(2); console.log(JSON.stringify(args)); process.exitCode = 5;`,
  );
});
afterEach(() => rmSync(clone, { recursive: true, force: true }));

function boot(...args: string[]): ChildProcess {
  return spawn(process.execPath, ['dev/boot.mjs', ...args], {
    cwd: clone,
    env: { ...process.env, npm_execpath: join(clone, 'npm.cjs') },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, as a shell gives it: a terminal sends Ctrl-C to all of it.
    detached: true,
  });
}

async function ended(child: ChildProcess) {
  if (child.stdout === null || child.stderr === null) throw new Error('no pipes');
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { stdout, stderr, code };
}

const installs = () => readFileSync(join(clone, 'installs'), 'utf8').trim().split('\n');

test('installs from the lockfile, then hands on arguments, output and exit code', async () => {
  const { stdout, stderr, code } = await ended(boot('program.ts', 'a', '--b=c d'));
  expect({ stdout, code }).toEqual({ stdout: '["a","--b=c d"]\n', code: 5 });
  expect(stderr).toMatch(/installing the packages/);
  expect(stderr).toMatch(/packages installed in \d+ s/);
  expect(installs()).toEqual([expect.stringMatching(/^ci --ignore-scripts /)]);
});

test('installs again only when the lockfile has changed', async () => {
  await ended(boot('program.ts'));
  expect((await ended(boot('program.ts'))).stderr).toBe('');
  expect(installs()).toHaveLength(1);
  writeFileSync(join(clone, 'package-lock.json'), '{"version":2}');
  await ended(boot('program.ts'));
  expect(installs()).toHaveLength(2);
});

test('two at once install once, and both run', async () => {
  const both = await Promise.all([ended(boot('program.ts', '1')), ended(boot('program.ts', '2'))]);
  expect(both.map(({ stdout }) => stdout).sort()).toEqual(['["1"]\n', '["2"]\n']);
  expect(installs()).toHaveLength(1);
  expect(both.map(({ stderr }) => stderr).join()).toMatch(/another copy is installing/);
});

test('an install that fails is reported, and tried again the next time', async () => {
  writeFileSync(join(clone, 'broken'), '');
  const { stdout, stderr, code } = await ended(boot('program.ts'));
  expect({ stdout, code }).toEqual({ stdout: '', code: 1 });
  expect(stderr).toMatch(/npm ci failed \(exit code 3\)/);
  rmSync(join(clone, 'broken'));
  expect((await ended(boot('program.ts'))).code).toBe(5);
});

test("runs on the project's Node where this machine's is another, and says in one line when there is none", async () => {
  const source = readFileSync(join(clone, 'dev', 'boot.mjs'), 'utf8');
  writeFileSync(join(clone, 'dev', 'boot.mjs'), source.replace('WANTED_NODE = 24', 'WANTED_NODE = 99'));
  await ended(boot('program.ts'));
  const without = await ended(boot('program.ts'));
  expect(without).toMatchObject({ stdout: '', code: 1 });
  expect(without.stderr).toMatch(/^persona: Node.js 99 is required on .*install it and run this again\n$/);

  const bin = join(clone, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(process.execPath, join(bin, 'node'));
  writeFileSync(join(clone, 'program.ts'), 'console.log(process.argv0)');
  expect((await ended(boot('program.ts'))).stdout).toBe(`${join(bin, 'node')}\n`);
});

test('Ctrl-C, which npm and the terminal both deliver, reaches the program once; boot waits for it to end', async () => {
  writeFileSync(
    join(clone, 'program.ts'),
    `let signals = 0;
    process.on('SIGINT', () => {
      signals += 1;
      if (signals === 1) setTimeout(() => { console.log('signals: ' + signals); process.exit(7); }, 500);
    });
    setInterval(() => {}, 1000);
    (await import('node:fs')).writeFileSync('running', '');`,
  );
  const child = boot('program.ts');
  const end = ended(child);
  await expect.poll(() => existsSync(join(clone, 'running')), { timeout: 10_000 }).toBe(true);
  process.kill(-(child.pid ?? 0), 'SIGINT');
  await sleep(50);
  child.kill('SIGINT');
  expect(await end).toMatchObject({ stdout: 'signals: 1\n', code: 7 });
});
