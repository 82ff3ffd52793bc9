/** Limits the requests per minute that one caller may send to this process. */

import { createMiddleware } from 'hono/factory';
import { LRUCache } from 'lru-cache';
import { PersonaError } from '../../domain/errors.ts';
import { callerName, type HttpEnv } from './env.ts';
import { problemResponse } from './problem.ts';

/** Requests per minute; 0: no limit. */
export interface RateLimits {
  customer: number;
  service: number;
}

const WINDOW_MS = 60_000;
/** The maximum number of tracked callers; beyond it, the least recently active one starts a new window. */
const MAX_CALLERS = 50_000;

/** One caller's window of a minute, which starts with its first request. */
interface RateWindow {
  endsAt: number;
  requests: number;
}

/**
 * Counts a caller's requests before they are processed. Every response carries `RateLimit-Limit`, `-Remaining` and
 * `-Reset` (seconds) as in IETF draft-polli-ratelimit-headers; requests over the limit get 429 with `Retry-After`.
 */
export function rateLimit(limits: RateLimits) {
  const windows = new LRUCache<string, RateWindow>({ max: MAX_CALLERS });
  return createMiddleware<HttpEnv>(async (c, next) => {
    const caller = callerName(c.req.path);
    const limit = caller === 'service' ? limits.service : limits.customer;
    if (limit === 0) return next();

    const now = Date.now();
    const current = windows.get(caller);
    const window = current && current.endsAt > now ? current : { endsAt: now + WINDOW_MS, requests: 0 };
    if (window !== current) windows.set(caller, window);
    window.requests += 1;

    const reset = String(Math.ceil((window.endsAt - now) / 1_000));
    const isOverLimit = window.requests > limit;
    if (isOverLimit) {
      const message = `More than ${limit} requests per minute; retry in ${reset} s`;
      c.res = problemResponse(c, new PersonaError('rate_limited', message));
      c.header('retry-after', reset);
    } else {
      await next();
    }
    c.header('ratelimit-limit', String(limit));
    c.header('ratelimit-remaining', String(Math.max(0, limit - window.requests)));
    c.header('ratelimit-reset', reset);
  });
}
