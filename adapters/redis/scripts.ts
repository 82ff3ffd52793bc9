/**
 * What Redis does in one step. A customer's key is a hash: `version`, the customer's as far as it is known; `at`, when
 * (by Redis's clock, in milliseconds) the reading of the context was begun or a change was reported; `context`, unless a
 * change has discarded it. All times are Redis's own, so that the clocks of Persona's machines may differ.
 */

/** The form of the stored contexts: builds with different forms do not read each other's. */
export const PREFIX = 'persona:contexts:1:';
export const CHANNEL = `${PREFIX}changed`;
/** On the channel, instead of one customer: every process discards all contexts. */
export const FLUSH = '*';

const NOW = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** KEYS: the customer's key. @returns now, version, context */
export const LOOK_UP = `${NOW}
  local found = redis.call('HMGET', KEYS[1], 'version', 'context')
  return {tostring(now), found[1], found[2]}`;

/**
 * KEYS: the customer's key. ARGV: when the reading was begun, the time in milliseconds that the context may be kept from
 * then on, its version, the context. A command that was delayed on its way finds its time over.
 */
export const KEEP = `${NOW}
  local begun, version = tonumber(ARGV[1]), tonumber(ARGV[3])
  local expires = begun + tonumber(ARGV[2])
  if expires <= now then return 0 end
  local known = redis.call('HMGET', KEYS[1], 'version', 'at')
  if known[1] and tonumber(known[1]) > version then return 0 end
  if known[2] and tonumber(known[2]) >= begun then return 0 end
  redis.call('HSET', KEYS[1], 'version', version, 'at', ARGV[1], 'context', ARGV[4])
  redis.call('PEXPIREAT', KEYS[1], expires)
  return 1`;

/** A client that was created with `INVALIDATE` as its script of this name. */
export interface InvalidateScript {
  invalidateContext(
    key: string,
    version: number,
    forMs: number,
    channel: string,
    message: string,
  ): Promise<number>;
}

/**
 * KEYS: the customer's key. ARGV: the version after the change (0: the change was not one of the customer's version), the
 * time in milliseconds after which no context from before the change can be kept any more, channel, message.
 */
export const INVALIDATE = `${NOW}
  local version = tonumber(ARGV[1])
  local known = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
  if version == 0 or known < version then
    redis.call('HSET', KEYS[1], 'version', math.max(version, known), 'at', tostring(now))
    redis.call('HDEL', KEYS[1], 'context')
    redis.call('PEXPIREAT', KEYS[1], now + tonumber(ARGV[2]))
  end
  redis.call('PUBLISH', ARGV[3], ARGV[4])
  return 1`;
