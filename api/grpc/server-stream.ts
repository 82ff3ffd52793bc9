/** Creates a server-streaming gRPC method from a generator. */

import { once } from 'node:events';
import { type handleServerStreamingCall, Metadata, status } from '@grpc/grpc-js';
import { ERRORS } from '../../domain/errors.ts';
import { beforeDeadline, type Caller } from '../../services/caller.ts';
import { asPersonaError, type Observers, recordRequest, requestIds } from '../requests.ts';
import { callerOf, metadataValue, subjectOf } from './call.ts';
import { toServiceError } from './errors.ts';

/**
 * @param operation the RPC's name, for log and metrics
 * @param handle yields messages, each requested when the caller can receive it; may throw PersonaErrors
 * @param maxWaitMs after which the stream fails, if its caller has no earlier deadline
 */
export function serverStream<Request extends object, Response>(
  observers: Observers,
  operation: string,
  handle: (caller: Caller, request: Request) => AsyncGenerator<Response>,
  maxWaitMs?: number,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const startedAt = performance.now();
    const ids = requestIds(operation, (name) => metadataValue(call, name));
    const about = subjectOf(call.request);
    const respond = async () => {
      const caller = callerOf(call, ids, maxWaitMs);
      const messages = handle(caller, call.request);
      try {
        for (;;) {
          const next = await beforeDeadline(caller, messages.next());
          if (next.done) return;
          if (!call.write(next.value)) await beforeDeadline(caller, once(call, 'drain'));
        }
      } finally {
        // A caller who leaves before a message is read: what the generator holds is released all the same. Its end is not
        // awaited, since it may be waiting for Neo4j.
        messages.return(undefined).catch(() => {});
      }
    };
    const ended = ids.span ? ids.span.run(respond) : respond();
    ended.then(
      () => {
        recordRequest(observers, 'grpc', operation, { ids, code: 'OK', startedAt, about });
        call.end();
      },
      (thrown) => {
        const error = asPersonaError(thrown);
        const code = call.cancelled ? 'CANCELLED' : (status[ERRORS[error.type].grpc] ?? 'UNKNOWN');
        recordRequest(observers, 'grpc', operation, { ids, code, startedAt, about, error });
        const trailers = new Metadata();
        trailers.set('x-request-id', ids.requestId);
        call.emit('error', toServiceError(error, trailers));
      },
    );
  };
}
