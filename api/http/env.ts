import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { PersonaError } from '../../domain/errors.ts';
import type { Caller } from '../../services/caller.ts';
import { type Identity, maySetLtvAndSegment } from '../access/identity.ts';
import { MAX_WAIT_MS, type RequestIds, type RequestSubject } from '../requests.ts';

/** The route that a request matches. */
export interface MatchedRoute {
  /** Its name in logs and metrics: method and Hono's pattern. */
  readonly operation: string;
  /** Method and path as in the OpenAPI document; absent: there is no such resource. */
  readonly name?: string;
}

/** By name, in lower case. */
export type ResponseHeaders = Readonly<Record<string, string>>;

export interface HttpEnv {
  Bindings: Partial<HttpBindings>;
  Variables: {
    ids: RequestIds;
    route: MatchedRoute;
    /** Of every response to this request. */
    headers: ResponseHeaders;
    /** The response that has them already. */
    response?: Response;
    /** Who calls; set for every route that is not public. */
    identity: Identity;
    /** The subjects of the request, for its log line: ids only. */
    about?: RequestSubject;
    /** The customers whose data the response gives out, if not only that of `about`. */
    shown?: readonly string[];
    /** The body is still being made when the handler returns. */
    isStreamed?: true;
    /** Why the request failed, for its log line. */
    error?: PersonaError;
  };
}

/** @param customerId the customer of the path, if there is one */
export function callerOf(c: Context<HttpEnv>, customerId?: string): Caller {
  if (customerId !== undefined) c.set('about', { customer_id: customerId });
  return new RestCaller(c);
}

class RestCaller implements Caller {
  readonly caller: string;
  readonly actor: string;
  readonly maySetLtvAndSegment: boolean;
  readonly correlationId: string;
  readonly idempotencyKey: string | undefined;
  readonly deadline: number;
  readonly #context: Context<HttpEnv>;

  constructor(c: Context<HttpEnv>) {
    const identity = c.get('identity');
    this.caller = identity.name;
    this.actor = identity.name;
    this.maySetLtvAndSegment = maySetLtvAndSegment(identity);
    this.correlationId = c.get('ids').correlationId;
    this.idempotencyKey = c.req.header('idempotency-key');
    this.deadline = Date.now() + MAX_WAIT_MS;
    this.#context = c;
  }

  /** Made when it is asked for: most requests wait for nothing that could be aborted. */
  get signal(): AbortSignal {
    return this.#context.req.raw.signal;
  }
}
