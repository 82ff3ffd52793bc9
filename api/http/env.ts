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

/** @param customerId the customer of the path, if there is one */
export function callerOf(c: Context<HttpEnv>, customerId?: string): Caller {
  if (customerId !== undefined) c.set('about', { customer_id: customerId });
  const name = customerId === undefined ? 'service' : `customer:${customerId}`;
  return {
    caller: name,
    actor: name,
    correlationId: c.get('ids').correlationId,
    idempotencyKey: c.req.header('idempotency-key'),
    deadline: Date.now() + MAX_WAIT_MS,
    signal: c.req.raw.signal,
  };
}
