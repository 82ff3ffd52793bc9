/** Counts the requests per minute that one caller sends to this process, over REST and gRPC together. */

import { LRUCache } from 'lru-cache';
import type { CountedCaller } from './counted-caller.ts';

/** Requests per minute of one caller of each kind; 0: no limit. */
export type RateLimits = Readonly<Record<CountedCaller['kind'], number>>;

const WINDOW_MS = 60_000;
/** The maximum number of tracked callers; beyond it, the least recently active one starts a new window. */
const MAX_CALLERS = 50_000;

/** One caller's window of a minute, which starts with its first request. */
interface RateWindow {
  endsAt: number;
  requests: number;
}

/** The state of a caller's window after a request was counted. */
export interface RateCount {
  readonly limit: number;
  readonly remaining: number;
  readonly resetMs: number;
  readonly isOver: boolean;
}

/** @returns counts a request, unless its caller has no limit */
export function createRateWindows(limits: RateLimits): (caller: CountedCaller) => RateCount | undefined {
  const known = new LRUCache<string, RateWindow>({ max: MAX_CALLERS });
  // Apart, because one caller can appear under many addresses: they must not displace the windows of known callers.
  const unauthenticated = new LRUCache<string, RateWindow>({ max: MAX_CALLERS });
  return ({ kind, name }) => {
    const limit = limits[kind];
    if (limit === 0) return undefined;
    const windows = kind === 'unauthenticated' ? unauthenticated : known;
    const key = `${kind}:${name}`;
    const now = Date.now();
    const current = windows.get(key);
    const window = current && current.endsAt > now ? current : { endsAt: now + WINDOW_MS, requests: 0 };
    if (window !== current) windows.set(key, window);
    window.requests += 1;
    return {
      limit,
      remaining: Math.max(0, limit - window.requests),
      resetMs: window.endsAt - now,
      isOver: window.requests > limit,
    };
  };
}
