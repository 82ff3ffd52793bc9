import { ApplicationFailure } from '@temporalio/common';
import { failureOptions, PersonaError } from '../domain/errors.ts';

/** A gateway that refuses our configuration waits for a person; asking more often only fills the logs. */
const MISCONFIGURED_RETRY_MS = 600_000;

/** Nobody asks again once the process is over, so a configuration that a person mends must not end it. */
export function worthRepeating(error: unknown): unknown {
  if (!(error instanceof PersonaError) || error.type !== 'gateway_misconfigured') return error;
  return ApplicationFailure.create({
    ...failureOptions(error),
    nonRetryable: false,
    nextRetryDelay: MISCONFIGURED_RETRY_MS,
    cause: error,
  });
}
