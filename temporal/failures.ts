/** Errors on their way through Temporal: out of an activity, and back to the client who waits. */

import { isGrpcServiceError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
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
 * The failure that an activity raises for an error: its type is the catalogue's, and the table says whether it is
 * tried again. An error that is not in the catalogue is a bug or an accident of ours: it becomes `internal`, and
 * unlike the catalogue's own `internal` it is tried again within the activity's bounds, because the next worker
 * version may have it fixed.
 */
export function toApplicationFailure(error: unknown): TemporalFailure {
  if (error instanceof TemporalFailure) return error;
  if (error instanceof PersonaError)
    return ApplicationFailure.create({
      ...failureOptions(error),
      ...(error.retryAfterMs !== undefined && { nextRetryDelay: error.retryAfterMs }),
      cause: error,
    });
  const message = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error ? error : undefined;
  return ApplicationFailure.create({ type: 'internal' satisfies ErrorType, message, cause });
}

/** Lets activities throw PersonaErrors; every worker has it. */
export const activityErrorInterceptor: ActivityInterceptorsFactory = () => ({
  inbound: {
    async execute(input, next) {
      try {
        return await next(input);
      } catch (error) {
        // The worker knows an AbortError as the answer to its own cancellation.
        if (error instanceof Error && error.name === 'AbortError') throw error;
        throw toApplicationFailure(error);
      }
    },
  },
});

/**
 * What a failed start, signal, query or update means to the caller: the catalogue's error that the workflow or
 * activity raised, with its problems; Temporal unreachable; the deadline passed; else `internal`.
 */
export function toPersonaError(error: unknown): PersonaError {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PersonaError) return cause;
    if (cause instanceof ApplicationFailure && isErrorType(cause.type)) {
      const [problems] = (cause.details ?? []) as [FieldProblem[]?];
      return new PersonaError(cause.type, cause.message, { problems, cause: error });
    }
    if (cause instanceof WorkflowUpdateRPCTimeoutOrCancelledError)
      return new PersonaError('deadline_exceeded', 'The process did not answer in time; it goes on', {
        cause: error,
      });
    if (isGrpcServiceError(cause))
      return new PersonaError(GRPC_TYPE[cause.code] ?? 'internal', cause.details, { cause });
  }
  return new PersonaError('internal', error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}

/** What Temporal may answer differently in a while, unchanged; anything else is a request that is wrong. */
const GRPC_TYPE: Partial<Record<number, ErrorType>> = {
  [GrpcCode.UNAVAILABLE]: 'temporal_unavailable',
  [GrpcCode.RESOURCE_EXHAUSTED]: 'temporal_unavailable',
  [GrpcCode.ABORTED]: 'temporal_unavailable',
  [GrpcCode.INTERNAL]: 'temporal_unavailable',
  [GrpcCode.UNKNOWN]: 'temporal_unavailable',
  [GrpcCode.DATA_LOSS]: 'temporal_unavailable',
  // A token that has expired, or a right that was taken away: a person mends it.
  [GrpcCode.UNAUTHENTICATED]: 'temporal_unavailable',
  [GrpcCode.PERMISSION_DENIED]: 'temporal_unavailable',
  [GrpcCode.DEADLINE_EXCEEDED]: 'deadline_exceeded',
};
