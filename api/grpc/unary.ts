/** Makes a gRPC method out of one function: caller, deadline, cancellation, errors, log and metrics. */

import { type handleUnaryCall, Metadata, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { ERRORS, PersonaError } from '../../domain/errors.ts';
import { beforeDeadline, type Caller } from '../../services/request.ts';
import {
  asPersonaError,
  MAX_WAIT_MS,
  type Observers,
  observe,
  readIdempotencyKey,
  type RequestIds,
  type RequestSubject,
  requestIds,
} from '../requests.ts';
import { toServiceError } from './errors.ts';

/** Whoever reaches a server without authentication is a service with every role. */
const CALLER = 'service';
/** Every call that has ended counts as cancelled afterwards: an abort without a reason would make a new error each time. */
const GONE = new PersonaError('deadline_exceeded', 'the caller went away');

/**
 * @param operation the rpc's name, for log and metrics
 * @param handle maps the request, calls one service, maps its answer; may throw PersonaErrors
 */
export function unary<Request extends RequestSubject, Response>(
  observers: Observers,
  operation: string,
  handle: (caller: Caller, request: Request) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  const answer = async (call: ServerUnaryCall<Request, Response>, ids: RequestIds) => {
    const caller = callerOf(call, ids);
    const answered = handle(caller, call.request);
    // The server itself ends a call at the deadline that its caller set.
    return deadlineOf(call) <= caller.deadline ? answered : beforeDeadline(caller, answered);
  };
  return (call, callback) => {
    const startedAt = performance.now();
    const ids = requestIds((name) => entry(call, name));
    answer(call, ids).then(
      (response) => {
        // The caller may have left meanwhile, and been told so.
        const code = call.cancelled ? 'CANCELLED' : 'OK';
        observe(observers, 'grpc', operation, { ids, code, startedAt, about: subjectOf(call.request) });
        callback(null, response);
      },
      (thrown) => {
        const error = asPersonaError(thrown);
        const code = status[ERRORS[error.type].grpc] ?? 'UNKNOWN';
        observe(observers, 'grpc', operation, {
          ids,
          code,
          startedAt,
          about: subjectOf(call.request),
          error,
        });
        const trailers = new Metadata();
        trailers.set('x-request-id', ids.requestId);
        callback(toServiceError(error, trailers));
      },
    );
  };
}

function callerOf(call: ServerUnaryCall<unknown, unknown>, ids: RequestIds): Caller {
  let cancellation: AbortController | undefined;
  return {
    caller: CALLER,
    actor: CALLER,
    correlationId: ids.correlationId,
    idempotencyKey: readIdempotencyKey(entry(call, 'idempotency-key'), 'idempotency-key'),
    deadline: Math.min(deadlineOf(call), Date.now() + MAX_WAIT_MS),
    // Most calls are answered before anybody could ask for it.
    get signal() {
      cancellation ??= cancellationOf(call);
      return cancellation.signal;
    },
  };
}

function subjectOf({ customer_id, transaction_id, payment_id, device_id }: RequestSubject): RequestSubject {
  // What was not sent is empty here.
  return {
    customer_id: customer_id || undefined,
    transaction_id: transaction_id || undefined,
    payment_id: payment_id || undefined,
    device_id: device_id || undefined,
  };
}

function cancellationOf(call: ServerUnaryCall<unknown, unknown>): AbortController {
  const cancellation = new AbortController();
  if (call.cancelled) cancellation.abort(GONE);
  else call.on('cancelled', () => cancellation.abort(GONE));
  return cancellation;
}

function deadlineOf(call: ServerUnaryCall<unknown, unknown>): number {
  const deadline = call.getDeadline();
  return deadline instanceof Date ? deadline.getTime() : deadline;
}

function entry(call: ServerUnaryCall<unknown, unknown>, name: string): string | undefined {
  const [value] = call.metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}
