import { inspect } from 'node:util';
import { Neo4jError } from 'neo4j-driver';
import { expect, test } from 'vitest';
import { ERRORS, type PersonaError } from '../../domain/errors.ts';
import { translateError } from './errors.ts';

const neo4jError = (code: string, message: string) => new Neo4jError(message, code, '', '');

test.each([
  ['an unreachable server', neo4jError('ServiceUnavailable', 'Could not connect'), 'graph_unavailable'],
  ['rejected credentials', neo4jError('Neo.ClientError.Security.Unauthorized', 'no'), 'graph_unavailable'],
  ['a deadlock', neo4jError('Neo.TransientError.Transaction.DeadlockDetected', 'met'), 'graph_unavailable'],
  [
    'an exhausted connection pool',
    neo4jError('N/A', 'Connection acquisition timed out in 5000 ms. Pool status: Active conn count = 50'),
    'graph_unavailable',
  ],
  ['an invalid statement', neo4jError('Neo.ClientError.Statement.SyntaxError', 'typo'), 'internal'],
])('%s is translated, with its cause (%s)', (_, error, type) => {
  expect(translateError(error)).toMatchObject({ type, cause: error });
});

/** Error codes of the server and its driver, and whether the same command may succeed later. */
test.each([
  ['ServiceUnavailable', true],
  ['SessionExpired', true],
  ['N/A', true],
  ['Neo.TransientError.Transaction.DeadlockDetected', true],
  ['Neo.TransientError.General.OutOfMemoryError', true],
  ['Neo.TransientError.Database.DatabaseUnavailable', true],
  ['Neo.TransientError.SomethingNew.OfALaterVersion', true],
  ['Neo.DatabaseError.General.UnknownError', true],
  ['Neo.DatabaseError.Statement.ExecutionFailed', true],
  ['Neo.DatabaseError.Transaction.TransactionCommitFailed', true],
  ['Neo.ClientError.Transaction.Terminated', true],
  ['Neo.ClientError.Transaction.LockClientStopped', true],
  ['Neo.ClientError.Transaction.TransactionTimedOut', true],
  ['Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration', true],
  ['Neo.ClientError.Transaction.TransactionNotFound', true],
  ['Neo.ClientError.Cluster.NotALeader', true],
  ['Neo.ClientError.Database.DatabaseNotFound', true],
  ['Neo.ClientError.General.ForbiddenOnReadOnlyDatabase', true],
  ['Neo.ClientError.General.WriteOnReadOnlyAccessDatabase', true],
  ['Neo.ClientError.Security.Unauthorized', true],
  ['Neo.ClientError.Security.AuthorizationExpired', true],
  ['Neo.ClientError.Security.Forbidden', true],
  ['Neo.ClientError.SomethingNew.OfALaterVersion', true],
  ['Neo.ClientError.Statement.SyntaxError', false],
  ['Neo.ClientError.Statement.TypeError', false],
  ['Neo.ClientError.Statement.ParameterMissing', false],
  ['Neo.ClientError.Statement.ArithmeticError', false],
  ['Neo.ClientError.Schema.ConstraintValidationFailed', false],
  ['Neo.ClientError.Procedure.ProcedureNotFound', false],
  ['Neo.ClientError.Request.InvalidFormat', false],
  ['Neo.ClientError.Transaction.ForbiddenDueToTransactionType', false],
])('%s: may a retry succeed? %s', (code, retryable) => {
  const error = translateError(neo4jError(code, 'as the server says')) as PersonaError;
  expect(ERRORS[error.type].retryable).toBe(retryable);
  if (!error.message.includes('Neo4j')) expect.fail('does not name the server');
});

test('an error that is not from the driver is unchanged', () => {
  const error = new Error('other');
  expect(translateError(error)).toBe(error);
});

test('the values that Neo4j repeats do not leave with its errors; labels and properties do', () => {
  const causeOf = (name: string, message: string) => {
    const sent = new Neo4jError(message, `Neo.ClientError.${name}`, '22N80', `error: ${message}`);
    const { cause } = translateError(sent) as PersonaError;
    return cause as Neo4jError;
  };
  const message =
    "Node(7) already exists with label `DigitalIdentifier` and properties `type` = 'email', `value_hash` = 'k1:O'Neil'";
  const taken = causeOf('Schema.ConstraintValidationFailed', message);
  expect(taken).toMatchObject({
    message: 'Node(7) already exists with label `DigitalIdentifier` and properties `type`, `value_hash`',
    code: 'Neo.ClientError.Schema.ConstraintValidationFailed',
  });
  expect(inspect(taken)).not.toMatch(/email|Neil/);

  for (const [name, quoting] of [
    ['Statement.SyntaxError', 'Text cannot be parsed to a Date\n"ada@shop.example"\n ^'],
    ['Statement.TypeError', 'Encountered: Map{k -> String("ada@shop.example")}.'],
    ['Statement.Unknown', "Cannot parse 'it's ada@shop.example'"],
  ] as const)
    expect(inspect(causeOf(name, quoting))).not.toMatch(/ada|shop/);
});
