import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cacheFolder, ensureCached } from './cache.ts';

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'persona-cache-'));
});
afterEach(() => rmSync(cache, { recursive: true, force: true }));

const put = (text: string) => async (folder: string) => writeFileSync(join(folder, 'file'), text);
const quiet = () => {};

test('concurrent callers fill a folder once, and it appears only when complete', async () => {
  let fillings = 0;
  const fill = async (folder: string) => {
    fillings += 1;
    writeFileSync(join(folder, 'file'), 'half');
    await sleep(200);
    expect(existsSync(join(cache, 'thing-1'))).toBe(false);
    writeFileSync(join(folder, 'file'), 'whole');
  };
  const folders = await Promise.all(
    [1, 2].map(() => ensureCached(cache, 'thing-1', 'downloading', quiet, fill)),
  );
  expect(fillings).toBe(1);
  expect(folders.map((folder) => readFileSync(join(folder, 'file'), 'utf8'))).toEqual(['whole', 'whole']);
});

test('a failed or interrupted download is discarded and repeated', async () => {
  const failing = ensureCached(cache, 'thing-1', 'downloading', quiet, () =>
    Promise.reject(new Error('cut off')),
  );
  await expect(failing).rejects.toThrow('cut off');
  mkdirSync(join(cache, 'thing-1.unfinished-killed'));
  await ensureCached(cache, 'thing-1', 'downloading', quiet, put('whole'));
  expect(readdirSync(cache)).toEqual(['thing-1']);
});

test('the download and its duration are logged', async () => {
  const lines: string[] = [];
  await ensureCached(cache, 'thing-1', 'downloading it', (line) => lines.push(line), put('x'));
  expect(lines).toEqual(['downloading it…', expect.stringMatching(/^downloading it: done in \d+\.\d s$/)]);
  await ensureCached(cache, 'thing-1', 'downloading it', (line) => lines.push(line), put('y'));
  expect(lines).toHaveLength(2);
});

test('the cache is in PERSONA_CACHE_DIR, or else in a folder of the user', () => {
  expect(cacheFolder({ PERSONA_CACHE_DIR: cache })).toBe(cache);
  expect(cacheFolder({})).toMatch(/persona/);
  expect(cacheFolder({}).startsWith(homedir())).toBe(true);
});
