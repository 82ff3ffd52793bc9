/** Who calls, whether they may, and whether the process can serve them now: decided before a request's body is read. */

import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Authentication } from '../access/authenticate.ts';
import {
  authoriseRoute,
  countedCallerOf,
  GATEWAY,
  type Identity,
  isPublicRoute,
} from '../access/identity.ts';
import type { Admission, Admitted } from '../admission.ts';
import { asPersonaError, type Observers } from '../requests.ts';
import { addHeaders } from './respond.ts';
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
    const { name: route } = c.get('route');
    const isWebhook = c.req.path.startsWith('/webhooks/');
    if (route === undefined || (isPublicRoute(route) && !isWebhook)) return next();

    const customerId = customerIdOf(c.req.path);
    let identity: Identity;
    try {
      identity = isWebhook ? GATEWAY : await authentication.rest(c.req.header('authorization'), customerId);
    } catch (error) {
      const { refusal, release } = admission({ kind: 'unauthenticated', name: addressOf(c) });
      release();
      const thrown = asPersonaError(refusal ?? error);
      const isChallenge = thrown.type === 'unauthenticated';
      return problemResponse(c, thrown, isChallenge ? { 'www-authenticate': 'Bearer' } : undefined);
    }
    const admitted = admission(
      isWebhook ? { kind: 'webhook', name: addressOf(c) } : countedCallerOf(identity),
    );
    addRateHeaders(c, admitted);
    try {
      const refusal = admitted.refusal ?? refusalOf(() => authoriseRoute(identity, route, customerId));
      if (refusal !== undefined) return problemResponse(c, refusal);
      c.set('identity', identity);
      await next();
      if (c.res.ok) disclosing.route(identity, route, customersOf(c));
    } finally {
      releaseAfter(c, admitted);
    }
  });
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

/** A streamed response keeps its place until its connection has taken all of it, or is gone. */
function releaseAfter(c: Context<HttpEnv>, { release }: Admitted): void {
  const { outgoing } = c.env ?? {};
  if (c.get('isStreamed') && outgoing?.closed === false) outgoing.once('close', release);
  else release();
}

function addRateHeaders(c: Context<HttpEnv>, { rate }: Admitted): void {
  if (rate === undefined) return;
  addHeaders(c, {
    'ratelimit-limit': String(rate.limit),
    'ratelimit-remaining': String(rate.remaining),
    'ratelimit-reset': String(Math.ceil(rate.resetMs / 1_000)),
  });
}
