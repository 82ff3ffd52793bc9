import { Redis } from 'ioredis';
import { PersonaError } from '../../domain/errors.ts';
import { CHANNEL, FLUSH, INVALIDATE, type InvalidateScript, PREFIX } from './scripts.ts';

const TIMEOUT_MS = 10_000;
const SCAN = 1_000;

/**
 * Discards every shared context, and notifies each process that listens, which discards its own. A reading that began before does
 * not put an older context back, as after a change.
 * @param url `redis://` or `rediss://`, with credentials
 * @param maxStalenessMs how long a context may be kept
 * @returns the number of shared contexts discarded
 * @throws PersonaError cache_unavailable
 */
export async function flushSharedContexts(url: string, maxStalenessMs: number): Promise<number> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    scripts: { invalidateContext: { lua: INVALIDATE, numberOfKeys: 1 } },
  });
  const scripts = redis as unknown as InvalidateScript;
  redis.on('error', () => {});
  try {
    await redis.connect();
    const discarded = new Set<string>();
    for (let cursor = '0'; ; ) {
      const [next, keys] = await redis.scan(cursor, 'MATCH', `${PREFIX}*`, 'COUNT', SCAN);
      for (const key of keys) {
        const message = `${key.slice(PREFIX.length)} `;
        await scripts.invalidateContext(key, 0, maxStalenessMs, CHANNEL, message);
        discarded.add(key);
      }
      cursor = next;
      if (cursor === '0') break;
    }
    await redis.publish(CHANNEL, FLUSH);
    return discarded.size;
  } catch (error) {
    const message = `Redis cannot be asked (${error instanceof Error ? error.message : error}). Check REDIS_URL`;
    throw new PersonaError('cache_unavailable', message, { cause: error });
  } finally {
    redis.disconnect();
  }
}
