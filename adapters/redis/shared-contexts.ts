/** The contexts that API processes share, and the bus of their changes, in Redis (docs/decisions/29-context-cache.md). */

import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleAll,
} from 'cockatiel';
import { Redis } from 'ioredis';
import type { ContextChange, SharedContext, SharedContexts } from '../../domain/ports.ts';
import { CHANNEL, FLUSH, INVALIDATE, type InvalidateScript, KEEP, LOOK_UP, PREFIX } from './scripts.ts';

/** Reading from the graph takes a few milliseconds, so waiting longer than this would gain nothing. */
const COMMAND_MS = 25;
const CONNECT_MS = 2_000;
/** A connection that is silent for this long is replaced. */
const SILENCE_MS = 5_000;
const MAX_RECONNECT_DELAY_MS = 1_000;
/** After so many failures in a row Redis is not asked for a while: reads go to the graph without a delay. */
const FAILURES_TO_OPEN = 3;
const OPEN_FOR_MS = 1_000;

export type SharedContextsCall = 'find' | 'keep' | 'invalidate';
/** `skipped`: not sent, because Redis has just failed several times. */
export type SharedContextsResult = 'ok' | 'failed' | 'skipped';

export interface SharedContextsOptions {
  /** `redis://` or `rediss://`, with credentials. */
  url: string;
  /** How long a context may be kept. */
  maxStalenessMs: number;
  /** What is stored is sealed. */
  cipher: {
    seal(customerId: string, text: string): string;
    /** @throws Error if it cannot be opened */
    open(customerId: string, sealed: string): string;
  };
  onCall(call: SharedContextsCall, result: SharedContextsResult): void;
  /** The connection has failed, or works again. Called once for each change. */
  onConnection(error: Error | undefined): void;
}

/** What is sealed: the time, too, so that an attacker who can write to Redis cannot make an old context look young. */
interface KeptContext {
  /** When its reading was begun, by Redis's clock. */
  at: number;
  context: object;
}

interface Scripts extends InvalidateScript {
  lookUpContext(key: string): Promise<[now: string, version: string | null, context: string | null]>;
  keepContext(
    key: string,
    begun: number,
    maxStalenessMs: number,
    version: number,
    context: string,
  ): Promise<number>;
}

/** Connects in the background; until then, and whenever Redis is not available, nothing is found. */
export function openSharedContexts(options: SharedContextsOptions): SharedContexts {
  const { url, maxStalenessMs, cipher } = options;
  const redis = new Redis(url, {
    commandTimeout: COMMAND_MS,
    connectTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    // A command that cannot be sent now has no use later.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(times * 50, MAX_RECONNECT_DELAY_MS),
    scripts: {
      lookUpContext: { lua: LOOK_UP, numberOfKeys: 1 },
      keepContext: { lua: KEEP, numberOfKeys: 1 },
      invalidateContext: { lua: INVALIDATE, numberOfKeys: 1 },
    },
  });
  const scripts = redis as unknown as Scripts;
  reportConnection(redis, options.onConnection);
  const attempt = withBreaker(options.onCall);
  let subscriber: Redis | undefined;

  return {
    async find(customerId) {
      const row = await attempt('find', () => scripts.lookUpContext(PREFIX + customerId));
      if (row === undefined) return undefined;
      const [now, version, sealed] = row;
      const lookup: SharedContext = { at: Number(now), version: Number(version ?? 0) };
      const kept = sealed === null ? undefined : openContext(cipher, customerId, sealed);
      return kept ? { ...lookup, found: { context: kept.context, ageMs: Number(now) - kept.at } } : lookup;
    },
    keep(customerId, lookup, { version, context }) {
      const kept: KeptContext = { at: lookup.at, context };
      const sealed = cipher.seal(customerId, JSON.stringify(kept));
      void attempt('keep', () =>
        scripts.keepContext(PREFIX + customerId, lookup.at, maxStalenessMs, version, sealed),
      );
    },
    invalidate(changes) {
      for (const { customer_id, version } of changes) {
        const message = `${customer_id} ${version ?? ''}`;
        void attempt('invalidate', () =>
          scripts.invalidateContext(PREFIX + customer_id, version ?? 0, maxStalenessMs, CHANNEL, message),
        );
      }
    },
    subscribe(onInvalidated, onFlushed = () => {}) {
      const listener = redis.duplicate({
        // It waits for Redis as long as it takes, and listens again after every interruption.
        enableOfflineQueue: true,
        maxRetriesPerRequest: null,
        commandTimeout: undefined,
        socketTimeout: undefined,
      });
      subscriber = listener;
      // Its connection fails together with the other one, which is reported.
      listener.on('error', () => {});
      listener.on('message', (_, message: string) => {
        if (message === FLUSH) {
          onFlushed();
          return;
        }
        const change = readMessage(message);
        if (change !== undefined) onInvalidated([change]);
      });
      listener.subscribe(CHANNEL).catch(() => {});
    },
    async close() {
      subscriber?.disconnect();
      redis.disconnect();
    },
  };
}

/** Runs a call and reports its result; undefined if it fails, or if others have just failed. */
function withBreaker(onCall: SharedContextsOptions['onCall']) {
  const breaker: CircuitBreakerPolicy = circuitBreaker(handleAll, {
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
    halfOpenAfter: OPEN_FOR_MS,
  });
  return async <T>(call: SharedContextsCall, send: () => Promise<T>): Promise<T | undefined> => {
    try {
      // Cockatiel would let others wait for the one call that tries whether Redis works again.
      if (breaker.state === CircuitState.HalfOpen) {
        onCall(call, 'skipped');
        return undefined;
      }
      const result = await breaker.execute(send);
      onCall(call, 'ok');
      return result;
    } catch (error) {
      onCall(call, error instanceof BrokenCircuitError ? 'skipped' : 'failed');
      return undefined;
    }
  };
}

function reportConnection(redis: Redis, onConnection: SharedContextsOptions['onConnection']): void {
  let failed = false;
  redis.on('error', (error: Error) => {
    if (!failed) onConnection(error);
    failed = true;
  });
  redis.on('ready', () => {
    if (failed) onConnection(undefined);
    failed = false;
  });
}

/** Undefined if it is not one of Persona's: whatever is published must not end the process. */
function readMessage(message: string): ContextChange | undefined {
  const [customer_id, version] = message.split(' ');
  if (!customer_id || !/^\d*$/.test(version ?? '')) return undefined;
  return version ? { customer_id, version: Number(version) } : { customer_id };
}

/** Undefined if another key sealed it, as during a rotation. */
function openContext(
  cipher: SharedContextsOptions['cipher'],
  customerId: string,
  sealed: string,
): KeptContext | undefined {
  try {
    return JSON.parse(cipher.open(customerId, sealed)) as KeptContext;
  } catch {
    return undefined;
  }
}
