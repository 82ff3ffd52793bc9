import type { Context } from 'hono';
import type { PersonaError } from '../../domain/errors.ts';
import type { Caller } from '../../services/caller.ts';
import { MAX_WAIT_MS, type RequestIds, type RequestSubject } from '../requests.ts';

export interface HttpEnv {
  Variables: {
    requestId: string;
    ids: RequestIds;
    /** The subjects of the request, for its log line: ids only. */
    about?: RequestSubject;
    /** Why the request failed, for its log line. */
    error?: PersonaError;
  };
}

const CUSTOMERS_PATH = /^\/api\/v1\/customers\/([^/]+)\//;

/**
 * The caller's name. Callers are not authenticated yet, so it follows from the path (docs/reference/security.md,
 * 'Who may call'): below `/customers/{customer_id}/` it is that customer, everywhere else a service.
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

/** @param customerId the customer of the path, if there is one */
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
