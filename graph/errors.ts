import { Neo4jError } from 'neo4j-driver';
import { PersonaError } from '../domain/errors.ts';

const CONSTRAINT_VIOLATION = 'Neo.ClientError.Schema.ConstraintValidationFailed';
const UNREACHABLE = new Set(['ServiceUnavailable', 'SessionExpired']);
/** The driver has no code of its own for it: all its connections are in use. */
const POOL_EXHAUSTED = /^Connection acquisition timed out/;
/** It took longer than it may, with locks that it waited for or without. */
const TIMED_OUT = /^Neo\.ClientError\.Transaction\.(TransactionTimedOut|LockClientStopped)/;
const SECURITY_ERROR = /^Neo\.ClientError\.Security\./;
/**
 * What no retry mends: a statement or its parameters are wrong, or what is stored forbids the write. Every other code,
 * also one that this version does not know, is a fault of the server that passes: a transaction that was terminated or
 * timed out, waiters for locks at a shutdown, a full disk, a database that is not there at the moment.
 */
const PERMANENT: ReadonlySet<string> = new Set(
  [
    'Statement.AccessMode',
    'Statement.ArgumentError',
    'Statement.ArithmeticError',
    'Statement.ConstraintVerificationFailed',
    'Statement.NotSystemDatabaseError',
    'Statement.ParameterMissing',
    'Statement.PropertyNotFound',
    'Statement.RuntimeUnsupportedError',
    'Statement.SemanticError',
    'Statement.SyntaxError',
    'Statement.TypeError',
    'Statement.UnsupportedAdministrationCommand',
    'Statement.UnsupportedOperationError',
    'Schema.ConstraintAlreadyExists',
    'Schema.ConstraintValidationFailed',
    'Schema.ConstraintViolation',
    'Schema.ConstraintWithNameAlreadyExists',
    'Schema.EquivalentSchemaRuleAlreadyExists',
    'Schema.IndexAlreadyExists',
    'Schema.IndexWithNameAlreadyExists',
    'Schema.TokenLengthError',
    'Schema.TokenNameError',
    'Procedure.ProcedureNotFound',
    'Procedure.TypeError',
    'Request.Invalid',
    'Request.InvalidFormat',
    'Request.InvalidUsage',
    'Transaction.ForbiddenDueToTransactionType',
  ].map((code) => `Neo.ClientError.${code}`),
);

/** Was something written that must be unique, and is there already? */
export function isUniquenessViolation(error: unknown): boolean {
  return error instanceof Neo4jError && error.code === CONSTRAINT_VIOLATION;
}

/**
 * May the same transaction succeed if it is run again at once? Deadlocks and other transient faults, a lost connection
 * (the receipt makes a repeat safe), and a uniqueness race, in which the other writer's node is there next time.
 */
export function isTransient(error: unknown): boolean {
  return isUniquenessViolation(error) || (error instanceof Neo4jError && error.retryable);
}

/** Translates the driver's errors once, for everything that leaves this folder. */
export function translateError(error: unknown): unknown {
  if (!(error instanceof Neo4jError)) return error;
  if (UNREACHABLE.has(error.code)) {
    return new PersonaError(
      'graph_unavailable',
      'Neo4j cannot be reached. Start it (npm start brings up the whole stack) or set NEO4J_URI to where it runs',
      { cause: error },
    );
  }
  if (SECURITY_ERROR.test(error.code)) {
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
  if (TIMED_OUT.test(error.code)) {
    return new PersonaError(
      'graph_unavailable',
      'Neo4j took too long: another transaction holds the same nodes, or the server is overloaded',
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
  if (PERMANENT.has(error.code)) {
    return new PersonaError('internal', 'Neo4j refused a statement', { cause: error });
  }
  return new PersonaError('graph_unavailable', `Neo4j could not carry out a statement (${error.code})`, {
    cause: error,
  });
}
