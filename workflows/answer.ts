/** Workflows with a waiting caller: an update responds as soon as the result is known, and the workflow continues. */

import type { UpdateDefinition } from '@temporalio/common';
import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  condition,
  patched,
  setHandler,
  TemporalFailure,
} from '@temporalio/workflow';
import {
  type ErrorType,
  type FieldProblem,
  failureOptions,
  validationError,
  PersonaError,
} from '../domain/errors.ts';
import { showCustomerGone } from './visibility.ts';

export interface Answer<T> {
  /** Responds to current and later callers; only the first call counts. */
  respond(value: T): void;
  /** Fails the update instead. */
  refuse(failure: TemporalFailure): void;
}

/**
 * Runs a process behind an update; registers the update's handler before the work starts.
 *
 * @param work returns the process's result, which is also the response unless it has responded before; what it throws
 *   (failures, never plain errors) fails both the update and the process
 */
export async function answerByUpdate<T>(
  update: UpdateDefinition<T>,
  work: (answer: Answer<T>) => Promise<T>,
): Promise<T> {
  let outcome: { value: T } | { failure: TemporalFailure } | undefined;
  const answer: Answer<T> = {
    respond(value) {
      outcome ??= { value };
    },
    refuse(failure) {
      outcome ??= { failure };
    },
  };

  setHandler(update, async () => {
    await condition(() => outcome !== undefined);
    if (outcome === undefined || 'failure' in outcome) throw outcome?.failure;
    return outcome.value;
  });

  try {
    const result = await work(answer);
    answer.respond(result);
    await condition(allHandlersFinished);
    return result;
  } catch (error) {
    const failure = unwrapActivityFailure(error);
    if (failure instanceof TemporalFailure) answer.refuse(failure);
    if (isCustomerUnknown(failure) && patched('customer-gone')) showCustomerGone();
    await condition(allHandlersFinished);
    throw failure;
  }
}

/** The customer was erased, or never existed. */
export function isCustomerUnknown(failure: unknown): boolean {
  const type: ErrorType = 'customer_not_found';
  return failure instanceof ApplicationFailure && failure.type === type;
}

/** Waits until the work has ended, successfully or not, or until the time is over; the work continues. */
export async function waitAtMost(work: Promise<unknown>, ms: number): Promise<void> {
  let done = false;
  const finish = () => {
    done = true;
  };
  void work.then(finish, finish);
  await condition(() => done, ms);
}

/** The failure for an invalid request, naming each field. */
export function invalidRequest(type: ErrorType, problems: readonly FieldProblem[]): ApplicationFailure {
  return ApplicationFailure.create(failureOptions(validationError(problems, type)));
}

/** The failure of the error catalogue. */
export function refusal(type: ErrorType, message: string): ApplicationFailure {
  return ApplicationFailure.create(failureOptions(new PersonaError(type, message)));
}

/**
 * The failure that an activity raised, because callers check the catalogue's type. It is created anew: a failure received
 * from the server keeps its encrypted form and would be encrypted twice, so that callers could not read its message.
 */
function unwrapActivityFailure(error: unknown): unknown {
  if (!(error instanceof ActivityFailure && error.cause instanceof ApplicationFailure)) return error;
  const { message, type, nonRetryable, details } = error.cause;
  return ApplicationFailure.create({
    message,
    type: type ?? undefined,
    nonRetryable: nonRetryable ?? undefined,
    details: details ?? undefined,
  });
}
