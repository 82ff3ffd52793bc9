import type { Context } from 'hono';
import type { PersonaError } from '../../domain/errors.ts';
import type { Caller } from '../../services/caller.ts';
import { MAX_WAIT_MS, type RequestIds, type RequestSubject } from '../requests.ts';

export interface HttpEnv {
  Variables: {
    requestId: string;
    ids: RequestIds;
    /** Whom and what the request is about, for its log line: ids alone. */
    about?: RequestSubject;
    /** Why the request failed, for its log line. */
    error?: PersonaError;
  };
}

const CUSTOMERS_PATH = /^\/api\/v1\/customers\/([^/]+)\//;

/**
 * Who asks. Nobody is authenticated yet, so the entrance says it (specification: security, 'Who may call'): below
 * `/customers/{customer_id}/` it is that customer, everywhere else a service.
 */
export function callerName(path: string): 'service' | `customer:${string}` {
  const [, customerId] = CUSTOMERS_PATH.exec(path) ?? [];
  return nameOf(customerId && decodePathPart(customerId).toLowerCase());
}

function nameOf(customerId: string | undefined): 'service' | `customer:${string}` {
  return customerId === undefined ? 'service' : `customer:${customerId}`;
}

function decodePathPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** @param customerId whom the request is about, where the entrance says it */
export function callerOf(c: Context<HttpEnv>, customerId?: string): Caller {
  if (customerId !== undefined) c.set('about', { customer_id: customerId });
  const name = nameOf(customerId);
  return {
    caller: name,
    actor: name,
    correlationId: c.get('ids').correlationId,
    idempotencyKey: c.req.header('idempotency-key'),
    deadline: Date.now() + MAX_WAIT_MS,
    signal: c.req.raw.signal,
  };
}
