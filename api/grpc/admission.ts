import {
  Metadata,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ERRORS, PersonaError } from '../../domain/errors.ts';
import type { Authentication } from '../access/authenticate.ts';
import { authoriseRpc, countedCallerOf, type Identity } from '../access/identity.ts';
import type { Admission } from '../admission.ts';
import { asPersonaError, type Observers, recordRequest, requestIds } from '../requests.ts';
import { metadataValue, subjectOf } from './call.ts';
import { certificateNamesOf } from './client-certificate.ts';
import { toServiceError } from './errors.ts';
import { setIdentity } from './identities.ts';

type Call = ServerUnaryCall<object, unknown> | ServerWritableStream<object, unknown>;
/** `callback` is absent for a stream. */
type Handler = (call: Call, callback?: sendUnaryData<unknown>) => void;

/**
 * The same service, whose calls are refused before they are processed if their caller is unknown, may not make them, or
 * the process does not admit them.
 */
export function admitCalls<Implementation extends UntypedServiceImplementation>(
  implementation: Implementation,
  observers: Observers,
  { admission, authentication }: { admission: Admission; authentication: Authentication },
): Implementation {
  const admitted = Object.entries(implementation).map(([name, handler]): [string, Handler] => {
    const handle = handler as Handler;
    const operation = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

    function process(call: Call, callback: sendUnaryData<unknown> | undefined, identity: Identity): void {
      // It ended while its token was checked: nothing would release its place.
      if (call.cancelled) return;
      const { refusal, release } = admission(countedCallerOf(identity));
      const problem = refusal ?? refusalOf(() => authoriseRpc(identity, operation));
      if (problem !== undefined) {
        release();
        return refuse(observers, operation, { call, callback, refusal: problem });
      }
      setIdentity(call, identity);
      if (callback === undefined) {
        // A cancelled stream never finishes.
        call.once('finish', release).once('cancelled', release);
        observers.disclosing.rpc(identity, operation, call.request);
        return handle(call);
      }
      return handle(call, (error, response, ...more) => {
        release();
        if (response) observers.disclosing.rpc(identity, operation, call.request, response);
        callback(error, response, ...more);
      });
    }

    return [
      name,
      (call, callback) => {
        const refuseUnknown = (error: unknown) => {
          const { refusal, release } = admission({ kind: 'unauthenticated', name: hostOf(call.getPeer()) });
          release();
          refuse(observers, operation, { call, callback, refusal: refusal ?? asPersonaError(error) });
        };
        const identity = identify(authentication, call);
        if (identity instanceof Promise)
          void identity.then((known) => process(call, callback, known), refuseUnknown);
        else if (identity instanceof PersonaError) refuseUnknown(identity);
        else process(call, callback, identity);
      },
    ];
  });
  return Object.fromEntries(admitted) as unknown as Implementation;
}

/** Without a promise for a certificate, which most calls have. */
function identify(authentication: Authentication, call: Call): Identity | PersonaError | Promise<Identity> {
  try {
    return authentication.rpc(metadataValue(call, 'authorization'), certificateNamesOf(call));
  } catch (error) {
    return asPersonaError(error);
  }
}

/** Of `host:port`. */
function hostOf(peer: string): string {
  return peer.replace(/:\d+$/, '');
}

function refusalOf(check: () => void): PersonaError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return asPersonaError(error);
  }
}

function refuse(
  observers: Observers,
  operation: string,
  { call, callback, refusal }: { call: Call; callback?: sendUnaryData<unknown>; refusal: PersonaError },
): void {
  const ids = requestIds(operation, (name) => metadataValue(call, name));
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
