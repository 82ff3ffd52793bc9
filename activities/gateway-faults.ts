import { ApplicationFailure } from '@temporalio/common';
import { failureOptions, PersonaError } from '../domain/errors.ts';

/** A misconfiguration needs an operator; a shorter interval would only fill the logs. */
const MISCONFIGURED_RETRY_MS = 600_000;

/**
 * Makes activities retry while the gateway refuses Persona's configuration (a wrong or revoked key), at the interval of
 * their retry policy: a payment waits for each of them, and none of them charges.
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

/** A misconfiguration, which an operator will fix, must not end the process: nothing would start it again. */
export function asRetryable(error: unknown): unknown {
  return isMisconfigured(error) ? retryable(error, MISCONFIGURED_RETRY_MS) : error;
}

/** Awaits a gateway call, with its errors made retryable as by `asRetryable`. */
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

/** @param delay milliseconds; absent: the interval of the activity's retry policy */
function retryable(error: PersonaError, delay?: number): ApplicationFailure {
  return ApplicationFailure.create({
    ...failureOptions(error),
    nonRetryable: false,
    ...(delay !== undefined && { nextRetryDelay: delay }),
    cause: error,
  });
}
