/** Who calls, whether they may, and whether the process can serve them now: decided before a request's body is read. */

import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import type { Authentication } from '../access/authenticate.ts';
import {
  authoriseRoute,
  countedCallerOf,
  GATEWAY,
  type Identity,
  isPublicRoute,
} from '../access/identity.ts';
import type { Admission, Admitted } from '../admission.ts';
import type { Observers } from '../requests.ts';
import type { HttpEnv } from './env.ts';
import { problemResponse } from './problem.ts';

const CUSTOMERS_PATH = /^\/api\/v1\/customers\/([^/]+)(?:\/|$)/;

/**
 * Every response to a known caller carries `RateLimit-Limit`, `-Remaining` and `-Reset` (seconds) as in IETF
 * draft-polli-ratelimit-headers, unless the caller has no limit. Refused requests count, too.
 */
export function admitRequests(
  admission: Admission,
  authentication: Authentication,
  { disclosing }: Pick<Observers, 'disclosing'>,
) {
  return createMiddleware<HttpEnv>(async (c, next) => {
    const route = routeOf(c);
    const isWebhook = c.req.path.startsWith('/webhooks/');
    // A pattern that is not a route's is that of a middleware: there is no such resource.
    if (route.includes('*') || (isPublicRoute(route) && !isWebhook)) return next();

    const customerId = customerIdOf(c.req.path);
    let identity: Identity;
    try {
      identity = isWebhook ? GATEWAY : await authentication.rest(c.req.header('authorization'), customerId);
    } catch (error) {
      const { refusal, release } = admission({ kind: 'unauthenticated', name: addressOf(c) });
      release();
      c.res = problemResponse(c, refusal ?? error);
      if (c.res.status === 401) c.header('www-authenticate', 'Bearer');
      return;
    }
    const admitted = admission(
      isWebhook ? { kind: 'webhook', name: addressOf(c) } : countedCallerOf(identity),
    );
    try {
      const refusal = admitted.refusal ?? refusalOf(() => authoriseRoute(identity, route, customerId));
      if (refusal === undefined) {
        c.set('identity', identity);
        await next();
        if (c.res.ok) disclosing.route(identity, route, customersOf(c));
      } else {
        c.res = problemResponse(c, refusal);
      }
    } finally {
      admitted.release();
    }
    setRateHeaders(c, admitted);
  });
}

/** Method and path of the matched route, as in the OpenAPI document. */
function routeOf(c: Context<HttpEnv>): string {
  const method = c.req.method === 'HEAD' ? 'GET' : c.req.method;
  return `${method} ${routePath(c, -1).replace(/:(\w+)/g, '{$1}')}`;
}

/** The customer of the path, in lower case as ids are stored. */
function customerIdOf(path: string): string | undefined {
  const [, customerId] = CUSTOMERS_PATH.exec(path) ?? [];
  return customerId === undefined ? undefined : decodePathPart(customerId).toLowerCase();
}

/** Whose data the response gives out. */
function customersOf(c: Context<HttpEnv>): readonly string[] {
  const { customer_id } = c.get('about') ?? {};
  return c.get('shown') ?? (customer_id === undefined ? [] : [customer_id]);
}

function decodePathPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The peer's address: behind a proxy that of the proxy. Unknown only to a test that has no connection. */
function addressOf(c: Context<HttpEnv>): string {
  return c.env?.incoming === undefined ? 'unknown' : (getConnInfo(c).remote.address ?? 'unknown');
}

function refusalOf(check: () => void): unknown {
  try {
    check();
    return undefined;
  } catch (error) {
    return error;
  }
}

function setRateHeaders(c: Context<HttpEnv>, { rate }: Admitted): void {
  if (rate === undefined) return;
  c.header('ratelimit-limit', String(rate.limit));
  c.header('ratelimit-remaining', String(rate.remaining));
  c.header('ratelimit-reset', String(Math.ceil(rate.resetMs / 1_000)));
}
