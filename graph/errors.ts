import { Neo4jError } from 'neo4j-driver';
import { PersonaError } from '../domain/errors.ts';

const CONSTRAINT_VIOLATION = 'Neo.ClientError.Schema.ConstraintValidationFailed';
const UNREACHABLE = new Set(['ServiceUnavailable', 'SessionExpired']);
/** The driver has no code of its own for it: all its connections are in use. */
const POOL_EXHAUSTED = /^Connection acquisition timed out/;
const REFUSED = /^Neo\.ClientError\.Security\./;

/** Was something written that must be unique, and is there already? */
export function isTaken(error: unknown): boolean {
  return error instanceof Neo4jError && error.code === CONSTRAINT_VIOLATION;
}

/**
 * May the same transaction succeed if it is run again at once? Deadlocks and other transient faults, a lost connection
 * (the receipt makes a repeat safe), and a uniqueness race, in which the other writer's node is there next time.
 */
export function isWorthRepeating(error: unknown): boolean {
  return isTaken(error) || (error instanceof Neo4jError && error.retryable);
}

/** Translates the driver's errors once, for everything that leaves this folder. */
export function translated(error: unknown): unknown {
  if (!(error instanceof Neo4jError)) return error;
  if (UNREACHABLE.has(error.code)) {
    return new PersonaError(
      'graph_unavailable',
      'Neo4j cannot be reached. Start it (npm start brings up the whole stack) or set NEO4J_URI to where it runs',
      { cause: error },
    );
  }
  if (REFUSED.test(error.code)) {
    return new PersonaError(
      'graph_unavailable',
      'Neo4j refuses the credentials: check NEO4J_USERNAME and NEO4J_PASSWORD',
      { cause: error },
    );
  }
  if (POOL_EXHAUSTED.test(error.message)) {
    return new PersonaError(
      'graph_unavailable',
      'Neo4j is too busy: every connection was in use for longer than a request waits for one',
      { cause: error },
    );
  }
  if (error.retryable) {
    return new PersonaError(
      'graph_unavailable',
      'Neo4j is too busy: too many commands met on the same nodes',
      {
        cause: error,
      },
    );
  }
  return new PersonaError('internal', 'Neo4j refused a statement', { cause: error });
}
