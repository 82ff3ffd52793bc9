import { status } from '@grpc/grpc-js';
import { ServiceError, WorkflowUpdateFailedError } from '@temporalio/client';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  NamespaceNotFoundError,
} from '@temporalio/common';
import { expect, test } from 'vitest';
import { ERRORS, type ErrorType, PersonaError } from '../domain/errors.ts';
import { toApplicationFailure, toPersonaError } from './failures.ts';

test.each(Object.keys(ERRORS) as ErrorType[])(
  '%s keeps its type, and is retried as the catalogue says',
  (type) => {
    const failure = toApplicationFailure(new PersonaError(type, 'words')) as ApplicationFailure;
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure.type).toBe(type);
    expect(failure.nonRetryable).toBe(!ERRORS[type].retryable);
    expect(failure.message).toBe('words');
  },
);

test('a retry delay sets when the next retry runs', () => {
  const busy = new PersonaError('gateway_unavailable', '429', { retryAfterMs: 7_000 });
  expect(toApplicationFailure(busy)).toMatchObject({ nonRetryable: false, nextRetryDelay: 7_000 });
});

test('a failure says once what failed, where, and what caused it', () => {
  const refused = new Error('connect ECONNREFUSED');
  const error = new PersonaError('kafka_unavailable', 'Kafka is unavailable', { cause: refused });
  const failure = toApplicationFailure(error);
  expect([failure.message, failure.stack, failure.cause]).toEqual([error.message, error.stack, refused]);
  expect(toApplicationFailure(new PersonaError('kafka_unavailable', 'words')).cause).toBeUndefined();
});

test('an error outside the catalogue is internal, and retried', () => {
  const failure = toApplicationFailure(new TypeError('x is not a function')) as ApplicationFailure;
  expect(failure).toMatchObject({ type: 'internal', message: 'x is not a function' });
  expect(failure.nonRetryable).toBeFalsy();
});

test("Temporal's own failures pass unchanged", () => {
  const cancelled = new CancelledFailure('cancelled');
  expect(toApplicationFailure(cancelled)).toBe(cancelled);
});

test('type, message and problems survive an activity and an update', () => {
  const problems = [{ field: 'customer_id', message: 'must be a UUID' }];
  const failure = toApplicationFailure(new PersonaError('invalid_argument', 'bad', { problems }));
  const activity = new ActivityFailure('failed', 'onboard', '1', 'NON_RETRYABLE_FAILURE', 'worker', failure);
  const error = toPersonaError(new WorkflowUpdateFailedError('failed', activity));
  expect(error).toMatchObject({ type: 'invalid_argument', message: 'bad', problems });
});

test('a namespace that is not registered yet is an outage, not a fault of the request', () => {
  const error = toPersonaError(new NamespaceNotFoundError('persona'));
  expect(error).toMatchObject({
    type: 'temporal_unavailable',
    message: expect.stringContaining('namespace persona'),
  });
});

test.each([
  [status.UNAVAILABLE, 'temporal_unavailable'],
  [status.DEADLINE_EXCEEDED, 'deadline_exceeded'],
  [status.RESOURCE_EXHAUSTED, 'temporal_unavailable'],
  [status.ABORTED, 'temporal_unavailable'],
  [status.INTERNAL, 'temporal_unavailable'],
  [status.UNKNOWN, 'temporal_unavailable'],
  [status.UNAUTHENTICATED, 'temporal_unavailable'],
  [status.PERMISSION_DENIED, 'temporal_unavailable'],
  [status.INVALID_ARGUMENT, 'internal'],
])('gRPC status %i of Temporal becomes %s', (code, type) => {
  const cause = Object.assign(new Error('grpc'), { code, details: 'grpc', metadata: {} });
  expect(toPersonaError(new ServiceError('failed', { cause })).type).toBe(type);
});

test('any other error is internal', () => {
  expect(toPersonaError(new Error('?'))).toMatchObject({ type: 'internal', message: '?' });
  expect(toPersonaError(ApplicationFailure.create({ type: 'constructor' })).type).toBe('internal');
});
