/** Makes a gRPC method out of one function: caller, deadline, cancellation, errors, log and metrics. */

import { type handleUnaryCall, Metadata, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { ERRORS, invalid } from '../../domain/errors.ts';
import { beforeDeadline, type Caller } from '../../services/request.ts';
import { asPersonaError, MAX_WAIT_MS, type Observers, observe, requestIds } from '../requests.ts';
import { toServiceError } from './errors.ts';

/** RFC 9110 would allow more; a key is an id. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;
/** Whoever reaches a server without authentication is a service with every role. */
const CALLER = 'service';

/**
 * @param operation the rpc's name, for log and metrics
 * @param handle maps the request, calls one service, maps its answer; may throw PersonaErrors
 */
export function unary<Request, Response>(
  observers: Observers,
  operation: string,
  handle: (caller: Caller, request: Request) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const startedAt = performance.now();
    const ids = requestIds((name) => entry(call, name));
    const trailers = new Metadata();
    trailers.set('x-request-id', ids.requestId);
    trailers.set('traceparent', ids.traceparent);
    const cancelled = new AbortController();
    call.on('cancelled', () => cancelled.abort());

    const answer = async () => {
      const caller: Caller = {
        caller: CALLER,
        actor: CALLER,
        correlationId: ids.correlationId,
        idempotencyKey: idempotencyKey(call),
        deadline: Math.min(deadlineOf(call), Date.now() + MAX_WAIT_MS),
        signal: cancelled.signal,
      };
      return beforeDeadline(caller, handle(caller, call.request));
    };
    answer().then(
      (response) => {
        observe(observers, { face: 'grpc', operation, ids, code: 'OK', startedAt });
        callback(null, response, trailers);
      },
      (thrown) => {
        const error = asPersonaError(thrown);
        const code = status[ERRORS[error.type].grpc] ?? 'UNKNOWN';
        observe(observers, { face: 'grpc', operation, ids, code, startedAt, error });
        callback(toServiceError(error, trailers));
      },
    );
  };
}

function idempotencyKey(call: ServerUnaryCall<unknown, unknown>): string | undefined {
  const key = entry(call, 'idempotency-key');
  if (key === undefined || IDEMPOTENCY_KEY.test(key)) return key;
  throw invalid([{ field: 'idempotency-key', message: 'must be 1 to 255 printable ASCII characters' }]);
}

function deadlineOf(call: ServerUnaryCall<unknown, unknown>): number {
  const deadline = call.getDeadline();
  return deadline instanceof Date ? deadline.getTime() : deadline;
}

function entry(call: ServerUnaryCall<unknown, unknown>, name: string): string | undefined {
  const [value] = call.metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}
