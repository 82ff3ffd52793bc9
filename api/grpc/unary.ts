/** Creates a gRPC method from a function: caller, deadline, cancellation, errors, log and metrics. */

import { type handleUnaryCall, Metadata, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { ERRORS } from '../../domain/errors.ts';
import { beforeDeadline, type Caller } from '../../services/caller.ts';
import { asPersonaError, type Observers, recordRequest, type RequestIds, requestIds } from '../requests.ts';
import { callerOf, deadlineOf, metadataValue, subjectOf } from './call.ts';
import { toServiceError } from './errors.ts';

/**
 * @param operation the RPC's name, for log and metrics
 * @param handle maps the request, calls one service and maps its result; may throw PersonaErrors
 */
export function unary<Request extends object, Response>(
  observers: Observers,
  operation: string,
  handle: (caller: Caller, request: Request) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  const respond = async (call: ServerUnaryCall<Request, Response>, ids: RequestIds) => {
    const caller = callerOf(call, ids);
    const response = handle(caller, call.request);
    // The gRPC server itself ends a call at the deadline set by its caller.
    return deadlineOf(call) <= caller.deadline ? response : beforeDeadline(caller, response);
  };
  return (call, callback) => {
    const startedAt = performance.now();
    const ids = requestIds(operation, (name) => metadataValue(call, name));
    const response = ids.span ? ids.span.run(() => respond(call, ids)) : respond(call, ids);
    response.then(
      (response) => {
        // The call may have been cancelled meanwhile.
        const code = call.cancelled ? 'CANCELLED' : 'OK';
        recordRequest(observers, 'grpc', operation, { ids, code, startedAt, about: subjectOf(call.request) });
        callback(null, response);
      },
      (thrown) => {
        const error = asPersonaError(thrown);
        const code = status[ERRORS[error.type].grpc] ?? 'UNKNOWN';
        recordRequest(observers, 'grpc', operation, {
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
