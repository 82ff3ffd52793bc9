import type { Context } from 'hono';
import type { PersonaError } from '../../domain/errors.ts';
import type { Caller } from '../../services/request.ts';
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

/**
 * Who asks. Nobody is authenticated yet, so the entrance says it (specification: security, 'Who may call'): below
 * `/customers/{customer_id}/` it is that customer, everywhere else a service.
 */
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
