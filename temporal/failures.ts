/** Maps errors to Temporal failures when an activity throws, and back to Persona's errors for a client. */

import { isGrpcServiceError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { ApplicationFailure, NamespaceNotFoundError, TemporalFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import {
  type ErrorType,
  type FieldProblem,
  failureOptions,
  GrpcCode,
  isErrorType,
  PersonaError,
} from '../domain/errors.ts';

/**
 * The failure that an activity raises for an error. Its type is the catalogue's, whose table says whether it is retried.
 * An error outside the catalogue is a defect of Persona: it becomes `internal` and, unlike the catalogue's own
 * `internal`, is retried within the activity's limits, because the next worker version may fix it.
 */
export function toApplicationFailure(error: unknown): TemporalFailure {
  if (error instanceof TemporalFailure) return error;
  if (error instanceof PersonaError) {
    const failure = ApplicationFailure.create({
      ...failureOptions(error),
      ...(error.retryAfterMs !== undefined && { nextRetryDelay: error.retryAfterMs }),
      ...(error.cause instanceof Error && { cause: error.cause }),
    });
    // The error takes the failure's place instead of being its cause: while an activity waits for its next attempt, Temporal
    // shows neither type nor message of a last failure that is longer than 4 KB.
    return Object.assign(failure, { stack: error.stack });
  }
  const message = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error ? error : undefined;
  return ApplicationFailure.create({ type: 'internal' satisfies ErrorType, message, cause });
}

/** Lets activities throw PersonaErrors. Every worker installs it. */
export const activityErrorInterceptor: ActivityInterceptorsFactory = () => ({
  inbound: {
    async execute(input, next) {
      try {
        return await next(input);
      } catch (error) {
        // The worker recognises an AbortError as the outcome of its own cancellation.
        if (error instanceof Error && error.name === 'AbortError') throw error;
        throw toApplicationFailure(error);
      }
    },
  },
});

/**
 * The error that a caller gets for a failed start, signal, query or update: the catalogue's error that the workflow or
 * activity raised, with its problems; `temporal_unavailable`; `deadline_exceeded`; otherwise `internal`.
 */
export function toPersonaError(error: unknown): PersonaError {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PersonaError) return cause;
    if (cause instanceof ApplicationFailure && isErrorType(cause.type)) {
      const [problems] = (cause.details ?? []) as [FieldProblem[]?];
      return new PersonaError(cause.type, cause.message, { problems, cause: error });
    }
    if (cause instanceof WorkflowUpdateRPCTimeoutOrCancelledError)
      return new PersonaError('deadline_exceeded', 'The process did not respond in time; it continues', {
        cause: error,
      });
    // Not the request's fault: it is yet to be registered, or TEMPORAL_NAMESPACE is wrong.
    if (cause instanceof NamespaceNotFoundError)
      return new PersonaError('temporal_unavailable', `Temporal has no namespace ${cause.namespace}`, {
        cause: error,
      });
    if (isGrpcServiceError(cause))
      return new PersonaError(GRPC_TYPE[cause.code] ?? 'internal', cause.details, { cause });
  }
  return new PersonaError('internal', error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}

/** The codes for which an unchanged request may succeed later; any other code means that the request is invalid. */
const GRPC_TYPE: Partial<Record<number, ErrorType>> = {
  [GrpcCode.UNAVAILABLE]: 'temporal_unavailable',
  [GrpcCode.RESOURCE_EXHAUSTED]: 'temporal_unavailable',
  [GrpcCode.ABORTED]: 'temporal_unavailable',
  [GrpcCode.INTERNAL]: 'temporal_unavailable',
  [GrpcCode.UNKNOWN]: 'temporal_unavailable',
  [GrpcCode.DATA_LOSS]: 'temporal_unavailable',
  // An expired token or a revoked permission, which an operator fixes.
  [GrpcCode.UNAUTHENTICATED]: 'temporal_unavailable',
  [GrpcCode.PERMISSION_DENIED]: 'temporal_unavailable',
  [GrpcCode.DEADLINE_EXCEEDED]: 'deadline_exceeded',
};
