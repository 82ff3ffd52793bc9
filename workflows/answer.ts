/** Processes that somebody waits for: an update answers as soon as the answer is known, and the process goes on. */

import type { UpdateDefinition } from '@temporalio/common';
import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  condition,
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

export interface Answer<T> {
  /** Answers who waits now and whoever asks later; the first call counts. */
  respond(value: T): void;
  /** Refuses instead. */
  refuse(failure: TemporalFailure): void;
}

/**
 * Runs a process behind an update: declares the state, registers the handler, and only then begins.
 *
 * @param work gives the process's result, which is also the answer if it has given none before; what it throws
 *   (failures, never plain errors) fails the update as it fails the process
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
    await condition(allHandlersFinished);
    throw failure;
  }
}

/** Waits until the work is done, well or badly, or that many milliseconds are over; the work goes on. */
export async function waitAtMost(work: Promise<unknown>, ms: number): Promise<void> {
  let done = false;
  const finish = () => {
    done = true;
  };
  void work.then(finish, finish);
  await condition(() => done, ms);
}

/** The failure for a request that breaks rules, naming each field. */
export function invalidRequest(type: ErrorType, problems: readonly FieldProblem[]): ApplicationFailure {
  return ApplicationFailure.create(failureOptions(validationError(problems, type)));
}

/** The failure of the error catalogue. */
export function refusal(type: ErrorType, message: string): ApplicationFailure {
  return ApplicationFailure.create(failureOptions(new PersonaError(type, message)));
}

/**
 * What an activity raised, as it raised it: callers look at the catalogue's type. Raised anew, because a failure that
 * came over the wire keeps its encrypted form and would be encrypted a second time: callers would read no message.
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
