import {
  Metadata,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ERRORS, type PersonaError } from '../../domain/errors.ts';
import type { Admission } from '../admission.ts';
import { SERVICE } from '../counted-caller.ts';
import { type Observers, recordRequest, requestIds } from '../requests.ts';
import { metadataValue, subjectOf } from './call.ts';
import { toServiceError } from './errors.ts';

type Call = ServerUnaryCall<object, unknown> | ServerWritableStream<object, unknown>;
/** `callback` is absent for a stream. */
type Handler = (call: Call, callback?: sendUnaryData<unknown>) => void;

/** The same service, whose calls are refused before they are processed if the process does not admit them. */
export function admitCalls<Implementation extends UntypedServiceImplementation>(
  implementation: Implementation,
  observers: Observers,
  admission: Admission,
): Implementation {
  const admitted = Object.entries(implementation).map(([name, handler]): [string, Handler] => {
    const handle = handler as Handler;
    const operation = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    return [
      name,
      (call, callback) => {
        const { refusal, release } = admission(SERVICE);
        if (refusal !== undefined) return refuse(observers, operation, { call, callback, refusal });
        if (callback === undefined) {
          // A cancelled stream never finishes.
          call.once('finish', release).once('cancelled', release);
          return handle(call);
        }
        return handle(call, (...response) => {
          release();
          callback(...response);
        });
      },
    ];
  });
  return Object.fromEntries(admitted) as unknown as Implementation;
}

function refuse(
  observers: Observers,
  operation: string,
  { call, callback, refusal }: { call: Call; callback?: sendUnaryData<unknown>; refusal: PersonaError },
): void {
  const ids = requestIds((name) => metadataValue(call, name));
  recordRequest(observers, 'grpc', operation, {
    ids,
    code: status[ERRORS[refusal.type].grpc] ?? 'UNKNOWN',
    startedAt: performance.now(),
    about: subjectOf(call.request),
    error: refusal,
  });
  const trailers = new Metadata();
  trailers.set('x-request-id', ids.requestId);
  const error = toServiceError(refusal, trailers);
  if (callback === undefined) call.emit('error', error);
  else callback(error);
}
