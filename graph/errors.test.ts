import { Neo4jError } from 'neo4j-driver';
import { expect, test } from 'vitest';
import { translated } from './errors.ts';

const of = (code: string, message: string) => new Neo4jError(message, code, '', '');

test.each([
  ['nobody answers', of('ServiceUnavailable', 'Could not connect'), 'graph_unavailable'],
  ['the credentials are wrong', of('Neo.ClientError.Security.Unauthorized', 'no'), 'graph_unavailable'],
  ['a deadlock', of('Neo.TransientError.Transaction.DeadlockDetected', 'met'), 'graph_unavailable'],
  [
    'every connection is in use',
    of('N/A', 'Connection acquisition timed out in 5000 ms. Pool status: Active conn count = 50'),
    'graph_unavailable',
  ],
  ['a statement that is wrong', of('Neo.ClientError.Statement.SyntaxError', 'typo'), 'internal'],
])('%s is %s', (_, error, type) => {
  expect(translated(error)).toMatchObject({ type, cause: error });
});

test('what does not come from the driver stays as it is', () => {
  const error = new Error('of ours');
  expect(translated(error)).toBe(error);
});
