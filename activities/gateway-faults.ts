import { ApplicationFailure } from '@temporalio/common';
import { failureOptions, PersonaError } from '../domain/errors.ts';

/** A gateway that refuses our configuration waits for a person; asking more often only fills the logs. */
const MISCONFIGURED_RETRY_MS = 600_000;

/**
 * Activities that are tried again while the gateway refuses our configuration (a wrong or revoked key), as often as their
 * retry policy says: a payment waits for each of them, and none of them charges.
 */
export function retryWhileMisconfigured<T extends object>(activities: T): T {
  const patient = Object.entries(activities).map(([name, activity]) => [
    name,
    async (...input: unknown[]) => {
      try {
        return await (activity as (...input: unknown[]) => unknown)(...input);
      } catch (error) {
        throw isMisconfigured(error) ? retryable(error) : error;
      }
    },
  ]);
  return Object.fromEntries(patient) as T;
}

/** Nobody asks again once the process is over, so a configuration that a person mends must not end it. */
export function asRetryable(error: unknown): unknown {
  return isMisconfigured(error) ? retryable(error, MISCONFIGURED_RETRY_MS) : error;
}

/** What the gateway answers, its faults as `asRetryable` has them. */
export async function gatewayCall<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw asRetryable(error);
  }
}

function isMisconfigured(error: unknown): error is PersonaError {
  return error instanceof PersonaError && error.type === 'gateway_misconfigured';
}

/** @param delay milliseconds; absent: as the activity's retry policy says */
function retryable(error: PersonaError, delay?: number): ApplicationFailure {
  return ApplicationFailure.create({
    ...failureOptions(error),
    nonRetryable: false,
    ...(delay !== undefined && { nextRetryDelay: delay }),
    cause: error,
  });
}
