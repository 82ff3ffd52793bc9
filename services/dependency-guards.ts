/**
 * A bulkhead and a circuit breaker around each of the API's dependencies. A slow one occupies a limited number of
 * requests, and one that fails is not asked: its callers are refused immediately instead of waiting for their deadline.
 */

import type { WorkflowClientInterceptor } from '@temporalio/client';
import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhenResult,
} from 'cockatiel';
import { type ErrorType, PersonaError } from '../domain/errors.ts';
import type { BreakerState } from '../domain/ports.ts';
import { isGraphFault, type OperationGuards } from '../graph/index.ts';
import { toPersonaError } from '../temporal/failures.ts';

const MAX_CONCURRENT = 200;
/** Failures in a row that open a breaker. */
const FAILURES_TO_OPEN = 5;
const OPEN_MS = 1_000;

export type DependencyName = 'graph_reads' | 'graph_commands' | 'temporal_starts' | 'temporal_signals';

export interface GuardObserver {
  /** `half_open`: one trial call runs, and its result closes the breaker or opens it again. */
  changed(dependency: DependencyName, state: BreakerState): void;
  refused(dependency: DependencyName, reason: 'open' | 'full'): void;
}

/** Runs a call, or refuses it with the dependency's error and a delay. */
type Guard = <T>(call: () => Promise<T>) => Promise<T>;

interface GuardOptions {
  dependency: DependencyName;
  /** The error of a refused call. */
  error: ErrorType & `${string}_unavailable`;
  /** Whether the dependency failed. Any other error is its answer, which also shows that it works. */
  isFailure: (error: unknown) => boolean;
}

/** The guards of one process. @returns them as options of the graph and as interceptors of the Temporal client */
export function createDependencyGuards(observer: GuardObserver): {
  graph: OperationGuards;
  temporal: { workflow: WorkflowClientInterceptor[] };
} {
  const isTemporalFailure = (error: unknown) => toPersonaError(error).type === 'temporal_unavailable';
  const ofTemporal = (dependency: DependencyName) =>
    createGuard({ dependency, error: 'temporal_unavailable', isFailure: isTemporalFailure }, observer);
  const starts = ofTemporal('temporal_starts');
  const signals = ofTemporal('temporal_signals');
  return {
    graph: {
      read: createGuard(
        {
          dependency: 'graph_reads',
          error: 'graph_unavailable',
          isFailure: (error) => error instanceof PersonaError && error.type === 'graph_unavailable',
        },
        observer,
      ),
      // A command that waits in vain for one customer's lock says nothing about all other customers.
      command: createGuard(
        { dependency: 'graph_commands', error: 'graph_unavailable', isFailure: isGraphFault },
        observer,
      ),
    },
    temporal: {
      workflow: [
        {
          // It also waits for the process's answer; signals must not wait behind that.
          startUpdateWithStart: (input, next) => starts(() => next(input)),
          signalWithStart: (input, next) => signals(() => next(input)),
        },
      ],
    },
  };
}

/** What a call came to; as a value, since an error that is an answer must count as a success. */
type Outcome<T> = { failed: boolean; error: unknown } | { failed: false; value: T };

/** The guard of one dependency. */
export function createGuard(
  { dependency, error: type, isFailure }: GuardOptions,
  observer: GuardObserver,
): Guard {
  const places = bulkhead(MAX_CONCURRENT);
  const breaker = circuitBreaker(
    handleWhenResult((outcome) => (outcome as Outcome<unknown>).failed),
    { breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN), halfOpenAfter: OPEN_MS },
  );
  let openedAt = 0;
  breaker.onBreak(() => {
    openedAt = Date.now();
    observer.changed(dependency, 'open');
  });
  breaker.onHalfOpen(() => observer.changed(dependency, 'half_open'));
  breaker.onReset(() => observer.changed(dependency, 'closed'));

  const refuse = (reason: 'open' | 'full', retryAfterMs = OPEN_MS): PersonaError => {
    observer.refused(dependency, reason);
    const [name] = dependency.split('_');
    const message =
      reason === 'open'
        ? `The ${name} has just failed and is not asked; retry later`
        : `The ${name} is slow: ${MAX_CONCURRENT} calls are in progress; retry later`;
    return new PersonaError(type, message, { retryAfterMs });
  };

  return async <T>(call: () => Promise<T>): Promise<T> => {
    // Cockatiel would let it wait for the end of the trial.
    if (breaker.state === CircuitState.HalfOpen) throw refuse('open');
    const run = async (): Promise<Outcome<T>> => {
      try {
        return { failed: false, value: await call() };
      } catch (error) {
        return { failed: isFailure(error), error };
      }
    };
    let outcome: Outcome<T>;
    try {
      outcome = await places.execute(() => breaker.execute(run));
    } catch (error) {
      if (error instanceof BulkheadRejectedError) throw refuse('full');
      if (error instanceof BrokenCircuitError)
        throw refuse('open', Math.max(1, openedAt + OPEN_MS - Date.now()));
      throw error;
    }
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  };
}
