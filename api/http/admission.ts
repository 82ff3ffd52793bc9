import { createMiddleware } from 'hono/factory';
import type { Admission } from '../admission.ts';
import { countedCallerOf } from '../counted-caller.ts';
import type { HttpEnv } from './env.ts';
import { problemResponse } from './problem.ts';

/**
 * Refuses requests before their body is read. Every response carries `RateLimit-Limit`, `-Remaining` and `-Reset`
 * (seconds) as in IETF draft-polli-ratelimit-headers, unless the caller has no limit.
 */
export function admitRequests(admission: Admission) {
  return createMiddleware<HttpEnv>(async (c, next) => {
    const { rate, refusal, release } = admission(countedCallerOf(c.req.path));
    if (refusal !== undefined) {
      c.res = problemResponse(c, refusal);
    } else {
      try {
        await next();
      } finally {
        release();
      }
    }
    if (rate === undefined) return;
    c.header('ratelimit-limit', String(rate.limit));
    c.header('ratelimit-remaining', String(rate.remaining));
    c.header('ratelimit-reset', String(Math.ceil(rate.resetMs / 1_000)));
  });
}
