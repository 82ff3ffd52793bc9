import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { completeLockfile, type Lockfile, missingEntries } from './complete-lockfile.ts';

const text = readFileSync(fileURLToPath(new URL('../package-lock.json', import.meta.url)), 'utf8');
const committed: Lockfile = JSON.parse(text);

test('the committed lockfile describes every optional package, so that npm ci accepts it', () => {
  expect(missingEntries(committed)).toEqual([]);
});

test('the committed lockfile names no registry', () => {
  expect(Object.entries(committed.packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});

test('missing packages are added with their platform', () => {
  const optionalDependencies = {
    '@x/y-darwin-arm64': '1.2.3',
    '@x/y-linux-x64-musl': '1.2.3',
    '@x/y-linux-armv7': '1.2.3',
  };
  const lockfile = {
    packages: { 'node_modules/@x/y': { version: '1.2.3', dev: true, optionalDependencies } },
  };
  expect(missingEntries(lockfile)).toHaveLength(3);
  const { packages } = completeLockfile(lockfile);
  const described = { version: '1.2.3', dev: true, optional: true };
  expect(packages['node_modules/@x/y-darwin-arm64']).toEqual({
    ...described,
    os: ['darwin'],
    cpu: ['arm64'],
  });
  expect(packages['node_modules/@x/y-linux-x64-musl']).toEqual({
    ...described,
    os: ['linux'],
    cpu: ['x64'],
    libc: ['musl'],
  });
  expect(packages['node_modules/@x/y-linux-armv7']).toEqual({ ...described, os: ['linux'], cpu: ['arm'] });
});
