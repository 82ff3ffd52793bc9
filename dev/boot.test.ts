import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';

let clone: string;
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'persona-boot-'));
  mkdirSync(join(clone, 'dev'));
  for (const file of ['boot.mjs', 'installed.mjs', 'lock.mjs']) {
    copyFileSync(fileURLToPath(new URL(file, import.meta.url)), join(clone, 'dev', file));
  }
  writeLockfile({ 'node_modules/a': { version: '1.0.0' } });
  // A fake npm: takes some time, records that it ran, and skips packages for other platforms.
  writeFileSync(
    join(clone, 'npm.cjs'),
    `const { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
    const at = (name) => require('node:path').join(__dirname, name);
    appendFileSync(at('installs'), process.argv.slice(2).join(' ') + '\\n');
    rmSync('node_modules', { recursive: true, force: true });
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
    delete packages[''];
    for (const [path, { os, version }] of Object.entries(packages)) {
      if (os && !os.includes(process.platform)) delete packages[path];
      else {
        mkdirSync(path, { recursive: true });
        writeFileSync(path + '/package.json', version);
      }
    }
    setTimeout(() => {
      if (existsSync(at('broken'))) process.exit(3);
      writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }));
    }, existsSync(at('slow')) ? 60_000 : 300);`,
  );
  writeFileSync(
    join(clone, 'program.ts'),
    `const args: string[] = process.argv.slice(2); console.log(JSON.stringify(args)); process.exitCode = 5;`,
  );
});
afterEach(() => rmSync(clone, { recursive: true, force: true }));

/** Writes the lockfile with the packages to install. */
function writeLockfile(packages: Record<string, object>) {
  writeFileSync(join(clone, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...packages } }));
}

/** The installed version of a package. */
function version(name: string): string | undefined {
  const file = join(clone, 'node_modules', name, 'package.json');
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

const boot = (...args: string[]) =>
  execa(process.execPath, ['dev/boot.mjs', ...args], {
    cwd: clone,
    env: { npm_execpath: join(clone, 'npm.cjs') },
    stdin: 'ignore',
    // A separate process group, as started by a shell: a terminal sends Ctrl-C to the whole group.
    detached: true,
    reject: false,
  });

const installs = () => readFileSync(join(clone, 'installs'), 'utf8').trim().split('\n');

test('installs from the lockfile, then passes on arguments, output and exit code', async () => {
  const { stdout, stderr, exitCode } = await boot('program.ts', 'a', '--b=c d');
  expect({ stdout, exitCode }).toEqual({ stdout: '["a","--b=c d"]', exitCode: 5 });
  expect(stderr).toMatch(/installing the packages/);
  expect(stderr).toMatch(/packages installed in \d+ s/);
  expect(installs()).toEqual([expect.stringMatching(/^ci --ignore-scripts /)]);
});

test('installs again only when the lockfile has changed', async () => {
  await boot('program.ts');
  expect((await boot('program.ts')).stderr).toBe('');
  expect(installs()).toHaveLength(1);
  writeLockfile({ 'node_modules/a': { version: '2.0.0' } });
  await boot('program.ts');
  expect(installs()).toHaveLength(2);
  expect(version('a')).toBe('2.0.0');
  expect(readdirSync(join(clone, 'node_modules')).sort()).toEqual(['.package-lock.json', 'a']);
});

test('installs nothing after a manual npm ci', async () => {
  const other = process.platform === 'linux' ? 'darwin' : 'linux';
  writeLockfile({
    'node_modules/a': { version: '1.0.0' },
    'node_modules/for-others': { version: '1.0.0', optional: true, os: [other], cpu: [process.arch] },
  });
  await execa(process.execPath, ['npm.cjs', 'ci'], { cwd: clone });
  expect(await boot('program.ts')).toMatchObject({ exitCode: 5, stderr: '' });
  expect(installs()).toEqual(['ci']);
});

test.each<[string, () => void]>([
  ['a package is missing', () => rmSync(join(clone, 'node_modules', 'a'), { recursive: true })],
  ['npm was interrupted', () => rmSync(join(clone, 'node_modules', '.package-lock.json'))],
  [
    'the packages are for another platform',
    () => {
      const one = { version: '1.0.0', optional: true, os: [process.platform], cpu: [process.arch] };
      writeLockfile({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/for-this-machine': one });
    },
  ],
  ['an unlisted package is installed', () => writeLockfile({ 'node_modules/b': { version: '1.0.0' } })],
])('installs again if %s', async (_, corrupt) => {
  await boot('program.ts');
  corrupt();
  expect((await boot('program.ts')).exitCode).toBe(5);
  expect(installs()).toHaveLength(2);
});

test.each(['SIGINT', 'SIGKILL'] as const)(
  '%s during an install leaves the previous packages in place',
  async (signal) => {
    await boot('program.ts');
    writeLockfile({ 'node_modules/a': { version: '2.0.0' } });
    writeFileSync(join(clone, 'slow'), '');
    const child = boot('program.ts');
    await expect.poll(() => installs().length, { timeout: 60_000 }).toBe(2);
    process.kill(-(child.pid ?? 0), signal);
    expect((await child).exitCode).not.toBe(0);
    expect(version('a')).toBe('1.0.0');

    // They still work with the previous lockfile, and do not get in the way of the new one.
    writeLockfile({ 'node_modules/a': { version: '1.0.0' } });
    expect(await boot('program.ts')).toMatchObject({ exitCode: 5, stderr: '' });
    rmSync(join(clone, 'slow'));
    writeLockfile({ 'node_modules/a': { version: '2.0.0' } });
    expect((await boot('program.ts')).exitCode).toBe(5);
    expect(version('a')).toBe('2.0.0');
    expect(readdirSync(join(clone, 'node_modules')).sort()).toEqual(['.package-lock.json', 'a']);
  },
);

test('of two concurrent starts one installs, and both run', async () => {
  const both = await Promise.all([boot('program.ts', '1'), boot('program.ts', '2')]);
  expect(both.map(({ stdout }) => stdout).sort()).toEqual(['["1"]', '["2"]']);
  expect(installs()).toHaveLength(1);
  expect(both.map(({ stderr }) => stderr).join()).toMatch(/another process is installing/);
});

test('a failed install is reported and retried at the next start', async () => {
  writeFileSync(join(clone, 'broken'), '');
  const { stdout, stderr, exitCode } = await boot('program.ts');
  expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 });
  expect(stderr).toMatch(/npm ci failed \(exit code 3\)/);
  rmSync(join(clone, 'broken'));
  expect((await boot('program.ts')).exitCode).toBe(5);
});

test("uses the project's Node if the installed one differs, and fails with one line if there is none", async () => {
  const source = readFileSync(join(clone, 'dev', 'boot.mjs'), 'utf8');
  writeFileSync(join(clone, 'dev', 'boot.mjs'), source.replace('WANTED_NODE = 24', 'WANTED_NODE = 99'));
  await boot('program.ts');
  const without = await boot('program.ts');
  expect(without).toMatchObject({ stdout: '', exitCode: 1 });
  expect(without.stderr).toMatch(/^persona: Node.js 99 is required on .*install it and run this again$/);

  const bin = join(clone, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(process.execPath, join(bin, 'node'));
  writeFileSync(join(clone, 'program.ts'), 'console.log(process.argv0)');
  expect((await boot('program.ts')).stdout).toBe(join(bin, 'node'));
});

test('Ctrl-C, delivered by both npm and the terminal, reaches the program once, and boot waits for its end', async () => {
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
  await expect.poll(() => existsSync(join(clone, 'running')), { timeout: 60_000 }).toBe(true);
  process.kill(-(child.pid ?? 0), 'SIGINT');
  await sleep(50);
  child.kill('SIGINT');
  expect(await child).toMatchObject({ stdout: 'signals: 1', exitCode: 7 });
});
