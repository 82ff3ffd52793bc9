/** A Redis server of a test file's own, which it may suspend and kill. */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGuard } from '../dev/stack/guard.ts';
import { startStack } from '../dev/stack/stack.ts';

export interface TestRedis {
  url: string;
  /** Suspended, it accepts connections and commands, and responds to nothing. */
  suspend(): void;
  resume(): void;
  kill(): Promise<void>;
  /** On the same port, with nothing stored. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startTestRedis(): Promise<TestRedis> {
  const guard = startGuard();
  const { urls, processes } = await startStack({
    servers: ['redis'],
    folder: mkdtempSync(join(tmpdir(), 'persona-redis-')),
    guard,
    log: () => {},
    // Not the one that the environment names, which others use.
    env: { ...process.env, REDIS_URL: undefined },
  });
  const { redis } = processes;
  if (redis === undefined) throw new Error('Redis was not started here');
  return {
    url: urls.redis ?? '',
    suspend: () => void process.kill(redis.child.pid, 'SIGSTOP'),
    resume: () => void process.kill(redis.child.pid, 'SIGCONT'),
    kill: () => redis.kill(),
    restart: () => redis.restart(),
    async close() {
      await redis.kill();
      await guard.stop();
    },
  };
}
