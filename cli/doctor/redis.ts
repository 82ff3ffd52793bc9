import { Redis } from 'ioredis';
import { reasonOf } from '../rest.ts';
import type { Settings } from '../settings.ts';
import { commonVariables } from '../../platform/variables.ts';
import { type CheckResult, ok, unreachable, wrong } from './check.ts';

const TIMEOUT_MS = 10_000;
const OLDEST_MAJOR = 6;
/** Redis's replies to a client that it does not admit. */
const LOGIN_REPLY = /^(NOAUTH|WRONGPASS|NOPERM|ERR AUTH)/;

/** Redis is optional: API processes share customers' contexts in it. */
export async function checkRedis({ variables }: Settings): Promise<CheckResult> {
  const { REDIS_URL: url } = variables;
  if (url === undefined) return ok('not configured: each API process has a cache of its own');
  const problem = commonVariables.REDIS_URL.safeParse(url).error?.issues[0]?.message;
  if (problem !== undefined) return wrong(`REDIS_URL ${problem}`, 'Correct REDIS_URL');
  const { protocol, host } = new URL(url);
  // Never with its credentials.
  const address = `${protocol}//${host}`;
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // `connect` only says that the connection is closed.
  let failure: unknown;
  client.on('error', (error) => {
    failure ??= error;
  });
  try {
    await client.connect();
    return versionResult(address, await client.info('server'));
  } catch (error) {
    const reason = reasonOf(failure ?? error);
    return LOGIN_REPLY.test(reason)
      ? wrong(`${address} refuses the login: ${reason}`, 'Correct user and password in REDIS_URL')
      : unreachable(
          `no connection to ${address}: ${reason}`,
          'Check REDIS_URL. Reads go to the graph until Redis is reachable',
        );
  } finally {
    client.disconnect();
  }
}

function versionResult(address: string, info: string): CheckResult {
  const version = /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown';
  return Number.parseInt(version, 10) >= OLDEST_MAJOR
    ? ok(`reachable at ${address}, version ${version}`)
    : wrong(`${address} has version ${version}`, `Use Redis ${OLDEST_MAJOR} or newer, or Valkey`);
}
