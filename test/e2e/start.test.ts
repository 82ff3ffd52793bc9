import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive } from '../../dev/lock.mjs';
import { trustAuthority } from '../../platform/run-access.ts';
import { type RunFile, readRunFile } from '../../platform/run-file.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const MINUTES = 60_000;
let folder: string;
let runFile: string;
let npmStart: ChildProcess;
let output: string;

/** Runs what `npm start` runs, on separate servers. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'persona-start-'));
  runFile = join(folder, 'run.json');
  const { NEO4J_URI: _uri, TEMPORAL_ADDRESS: _address, ...env } = process.env;
  npmStart = spawn(process.execPath, ['dev/boot.mjs', 'dev/start.ts'], {
    cwd: repository,
    env: { ...env, PERSONA_RUN_FILE: runFile },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  output = '';
  for (const stream of [npmStart.stdout, npmStart.stderr])
    stream?.setEncoding('utf8').on('data', (text) => (output += text));
});
afterEach(async () => {
  if (npmStart.exitCode === null) {
    npmStart.kill('SIGTERM');
    await once(npmStart, 'exit');
  }
  // The logs that remain after a program ended unexpectedly.
  const logs = logsFolder();
  if (logs !== undefined) rmSync(logs, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

const untilOutput = (pattern: RegExp, timeout: number) =>
  expect
    .poll(() => (npmStart.exitCode === null ? output : `ended:\n${output}`), { timeout })
    .toMatch(pattern);

/** The folder of the logs, as printed by `npm start`. */
const logsFolder = () => /^ +logs +(.*)$/m.exec(output)?.[1];

/** This machine's processes that were started with this data folder. */
const processesOf = (data: string) =>
  execFileSync('ps', ['-A', '-o', 'pid=,args='], { encoding: 'utf8', maxBuffer: 2 ** 26 })
    .split('\n')
    .filter((line) => line.includes(data));

function listens(address: string): Promise<boolean> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), host, () => resolve(true));
    socket.once('error', () => resolve(false)).once('close', () => socket.destroy());
    socket.once('connect', () => socket.destroy());
  });
}

test(
  'npm start serves every address that it prints, and Ctrl-C stops everything',
  async () => {
    await untilOutput(/Persona is running\. Press Ctrl-C/, 6 * MINUTES);
    const run = readRunFile(runFile) as RunFile;
    trustAuthority(run.auth);
    for (const url of [
      run.temporal_ui,
      `${run.http}/readyz`,
      `${run.gateway}/_sim/holds`,
      `${run.inbox}/messages`,
    ]) {
      expect({ url, status: (await fetch(url)).status }).toEqual({ url, status: 200 });
    }
    expect(Object.keys(run.metrics)).toEqual(['api', 'worker', 'consumer']);
    for (const url of Object.values(run.metrics)) expect(await (await fetch(url)).text()).toMatch(/^# HELP/m);
    // Temporal's UI is configured with an endpoint that accepts its origin, and the codec server its token.
    const settings = (await (await fetch(`${run.temporal_ui}/api/v1/settings`)).json()) as {
      Codec?: { Endpoint?: string };
    };
    expect(run.temporal_codec).toBeDefined();
    expect(settings.Codec?.Endpoint).toBe(run.temporal_codec);
    const asked = await fetch(`${run.temporal_codec}/decode`, {
      method: 'POST',
      body: '{"payloads":[]}',
      headers: { origin: run.temporal_ui },
    });
    expect([asked.status, await asked.json()]).toEqual([200, { payloads: [] }]);
    const sockets = [run.grpc, run.temporal, run.chimera, run.neo4j.replace('bolt://', ''), run.kafka ?? ''];
    expect(await Promise.all(sockets.map(listens))).toEqual(sockets.map(() => true));
    // The worker publishes: its relay's queue is polled, and Kafka is one of its dependencies.
    const readiness = await (await fetch(new URL('/readyz', run.metrics.worker))).json();
    expect(readiness).toMatchObject({
      status: 'ready',
      dependencies: { kafka: 'up', 'persona-relay': 'up' },
    });
    for (const address of [
      run.http,
      run.grpc,
      run.temporal,
      run.temporal_ui,
      run.neo4j,
      run.gateway,
      runFile,
    ]) {
      expect(output).toContain(address);
    }
    expect(Object.keys(run.pids).sort()).toEqual([
      'api',
      'chimera',
      'consumer',
      'gateway',
      'inbox',
      'issuer',
      'kafka',
      'model',
      'neo4j',
      'temporal',
      'worker',
    ]);

    npmStart.kill('SIGINT');
    expect(await once(npmStart, 'exit')).toEqual([0, null]);
    for (const pid of Object.values(run.pids))
      await expect.poll(() => isAlive(pid), { timeout: 60_000 }).toBe(false);
    const data = logsFolder() ?? '';
    expect(data).toMatch(/\.persona/);
    expect([existsSync(runFile), existsSync(data)]).toEqual([false, false]);
    expect(await Promise.all(sockets.map(listens))).toEqual(sockets.map(() => false));
  },
  10 * MINUTES,
);

test(
  'Ctrl-C during startup stops the servers, too',
  async () => {
    await untilOutput(/starting Neo4j…/, MINUTES);
    const data = join(repository, '.persona', 'running', 'copy-');
    await expect.poll(() => processesOf(data).length, { timeout: MINUTES }).toBeGreaterThan(0);
    npmStart.kill('SIGINT');
    expect(await once(npmStart, 'exit')).toEqual([0, null]);
    expect(processesOf(data)).toEqual([]);
  },
  6 * MINUTES,
);

test(
  'a program that ends unexpectedly stops everything and is named, with an exit code',
  async () => {
    await untilOutput(/Persona is running\. Press Ctrl-C/, 6 * MINUTES);
    const run = readRunFile(runFile) as RunFile;
    process.kill(run.pids.gateway ?? 0, 'SIGKILL');
    expect(await once(npmStart, 'exit')).toEqual([1, null]);
    const log = /gateway was terminated by SIGKILL; its log: (.*gateway\.log)/.exec(output)?.[1] ?? '';
    expect({ log, there: existsSync(log) }).toEqual({ log: expect.stringMatching(/./), there: true });
    for (const pid of Object.values(run.pids))
      await expect.poll(() => isAlive(pid), { timeout: 60_000 }).toBe(false);
  },
  10 * MINUTES,
);
