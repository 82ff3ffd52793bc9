import { Neo4jError } from 'neo4j-driver';
import { PersonaError } from '../../domain/errors.ts';

const CONSTRAINT_VIOLATION = 'Neo.ClientError.Schema.ConstraintValidationFailed';
const UNREACHABLE = new Set(['ServiceUnavailable', 'SessionExpired']);
/** All connections of the driver are in use; it has no error code for this. */
const POOL_EXHAUSTED = /^Connection acquisition timed out/;
/** The transaction exceeded its time limit, whether or not it was waiting for locks. */
const TIMED_OUT = /^Neo\.ClientError\.Transaction\.(TransactionTimedOut|LockClientStopped)/;
const SECURITY_ERROR = /^Neo\.ClientError\.Security\./;
/** Wrong credentials or a wrong name of the database: only another configuration helps. */
const CONFIGURATION_ERROR = /^Neo\.ClientError\.(Security|Database)\./;
/**
 * Errors that no retry fixes: a statement or its parameters are wrong, or the stored data forbids the write. Every
 * other code, including those unknown to this version, is treated as a temporary server fault: a transaction that was
 * terminated or timed out, lock waiters at a shutdown, a full disk, a database that is temporarily unavailable.
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

/** Whether a write violated a uniqueness constraint. */
export function isUniquenessViolation(error: unknown): boolean {
  return error instanceof Neo4jError && error.code === CONSTRAINT_VIOLATION;
}

/**
 * Whether the same transaction may succeed if it is run again immediately: deadlocks and other transient faults, a lost
 * connection (the receipt makes a repeat safe), and a uniqueness race, in which a repeat finds the other writer's node.
 */
export function isTransient(error: unknown): boolean {
  return isUniquenessViolation(error) || (error instanceof Neo4jError && error.retryable);
}

/**
 * Whether a translated error says that Neo4j itself failed. One that waited in vain for a lock, or conflicted with other
 * commands on the same nodes, does not.
 */
export function isGraphFault(error: unknown): boolean {
  if (!(error instanceof PersonaError) || error.type !== 'graph_unavailable') return false;
  const { cause } = error;
  if (!(cause instanceof Neo4jError)) return false;
  return UNREACHABLE.has(cause.code) || !(TIMED_OUT.test(cause.code) || cause.retryable);
}

/** Whether a translated error says that Neo4j is not reachable now, and may be later without a change of configuration. */
export function isGraphAway(error: unknown): boolean {
  if (!(error instanceof PersonaError) || error.type !== 'graph_unavailable') return false;
  return !(error.cause instanceof Neo4jError && CONFIGURATION_ERROR.test(error.cause.code));
}

/** Translates the driver's errors, once, before they leave this folder. */
export function translateError(error: unknown): unknown {
  if (!(error instanceof Neo4jError)) return error;
  if (UNREACHABLE.has(error.code)) {
    return new PersonaError(
      'graph_unavailable',
      'Neo4j cannot be reached. Start it (npm start runs the whole stack) or set NEO4J_URI to its address',
      { cause: error },
    );
  }
  if (SECURITY_ERROR.test(error.code)) {
    return new PersonaError(
      'graph_unavailable',
      'Neo4j rejected the credentials: check NEO4J_USERNAME and NEO4J_PASSWORD',
      { cause: error },
    );
  }
  if (POOL_EXHAUSTED.test(error.message)) {
    return new PersonaError('graph_unavailable', 'Neo4j is too busy: no connection became free in time', {
      cause: error,
    });
  }
  if (TIMED_OUT.test(error.code)) {
    return new PersonaError(
      'graph_unavailable',
      'Neo4j took too long: another transaction has locked the same nodes, or the server is overloaded',
      { cause: error },
    );
  }
  if (error.retryable) {
    return new PersonaError(
      'graph_unavailable',
      'Neo4j is too busy: too many concurrent commands on the same nodes',
      {
        cause: error,
      },
    );
  }
  const cause = withoutValues(error);
  if (PERMANENT.has(error.code)) {
    return new PersonaError('internal', 'Neo4j rejected a statement', { cause });
  }
  return new PersonaError('graph_unavailable', `Neo4j failed to run a statement (${error.code})`, { cause });
}

/** What Neo4j quotes, from the first to the last quotation mark, because a value may contain some itself. */
const QUOTED = /["'{].*["'}]/s;
const TAKEN = /^(.* already exists with (?:label|type) `\w+` and propert(?:y|ies) )(.*)$/s;
const TAKEN_PROPERTY = /(?:^|, )(`\w{1,40}`) = /g;

/** The same error without the values that its message quotes: errors are logged, and kept in workflow histories. */
function withoutValues(error: Neo4jError): Neo4jError {
  const message = textWithoutValues(error.message);
  const description = textWithoutValues(error.gqlStatusDescription);
  if (message === error.message && description === error.gqlStatusDescription) return error;
  const { code, gqlStatus } = error;
  // Without its own cause, which says the same in other words.
  return new Neo4jError(message, code, gqlStatus, description);
}

function textWithoutValues(text: string): string {
  const [, taken, properties = ''] = TAKEN.exec(text) ?? [];
  if (taken === undefined) return text.replace(QUOTED, '[removed]');
  const names = [...properties.matchAll(TAKEN_PROPERTY)].map(([, name]) => name);
  return `${taken}${names.join(', ')}`;
}
