import { Neo4jError } from 'neo4j-driver';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { createDependencyGuards } from './dependency-guards.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

function openGuards() {
  const seen: string[] = [];
  const guards = createDependencyGuards({
    changed: (dependency, state) => seen.push(`${dependency} ${state}`),
    refused: (dependency, reason) => seen.push(`${dependency} refused: ${reason}`),
  });
  return { ...guards, seen };
}

const neo4jFailure = (code: string) =>
  new PersonaError('graph_unavailable', 'Neo4j failed', {
    cause: new Neo4jError('because', code as never, 'gql', 'status'),
  });
const UNREACHABLE = neo4jFailure('ServiceUnavailable');
const LOCK_TIMEOUT = neo4jFailure('Neo.ClientError.Transaction.LockClientStopped');
const NOT_FOUND = new PersonaError('customer_not_found', 'no such customer');

const failWith = (error: Error) => () => Promise.reject(error);
const settled = (call: Promise<unknown>) =>
  call.then(
    (value) => value,
    (error) => error,
  );

/** A call that ends when the test says so. */
function pendingCall() {
  let end = (): void => {};
  const call = () =>
    new Promise<string>((resolve) => {
      end = () => resolve('late');
    });
  return { call, end: () => end() };
}

test('after five failures in a row calls are refused for a second without being made', async () => {
  const { graph, seen } = openGuards();
  for (let n = 0; n < 5; n += 1) expect(await settled(graph.read(failWith(UNREACHABLE)))).toBe(UNREACHABLE);
  expect(seen).toEqual(['graph_reads open']);
  vi.advanceTimersByTime(400);
  const call = vi.fn(async () => 'answer');
  expect(await settled(graph.read(call))).toMatchObject({ type: 'graph_unavailable', retryAfterMs: 600 });
  expect(call).not.toHaveBeenCalled();
  // Each dependency has its own.
  expect(await graph.command(call)).toBe('answer');
  vi.advanceTimersByTime(600);
  expect(await graph.read(call)).toBe('answer');
  expect(seen.slice(1)).toEqual(['graph_reads refused: open', 'graph_reads half_open', 'graph_reads closed']);
});

test('one trial call decides, and others are refused meanwhile', async () => {
  const { graph, seen } = openGuards();
  for (let n = 0; n < 5; n += 1) await settled(graph.read(failWith(UNREACHABLE)));
  vi.advanceTimersByTime(1_000);
  const trial = pendingCall();
  const answer = graph.read(trial.call);
  expect(await settled(graph.read(async () => 'never'))).toMatchObject({ retryAfterMs: 1_000 });
  trial.end();
  expect(await answer).toBe('late');
  expect(await graph.read(async () => 'again')).toBe('again');

  for (let n = 0; n < 5; n += 1) await settled(graph.read(failWith(UNREACHABLE)));
  vi.advanceTimersByTime(1_000);
  seen.length = 0;
  await settled(graph.read(failWith(UNREACHABLE)));
  expect(await settled(graph.read(async () => 'never'))).toMatchObject({ retryAfterMs: 1_000 });
  expect(seen).toEqual(['graph_reads half_open', 'graph_reads open', 'graph_reads refused: open']);
});

test('an answer that is an error is no failure, and interrupts a row of failures', async () => {
  const { graph, seen } = openGuards();
  const late = new PersonaError('deadline_exceeded', 'the caller disconnected');
  for (let n = 0; n < 20; n += 1) {
    const error = n % 5 === 4 ? NOT_FOUND : UNREACHABLE;
    expect(await settled(graph.read(failWith(error)))).toBe(error);
    expect(await settled(graph.command(failWith(late)))).toBe(late);
  }
  expect(seen).toEqual([]);
});

test("commands that wait in vain for one customer's lock refuse no other customer", async () => {
  const { graph, seen } = openGuards();
  const queueFull = new PersonaError('graph_unavailable', 'too many commands on the same nodes');
  for (let n = 0; n < 10; n += 1) {
    await settled(graph.command(failWith(LOCK_TIMEOUT)));
    await settled(graph.command(failWith(queueFull)));
  }
  expect(seen).toEqual([]);
  for (let n = 0; n < 5; n += 1) await settled(graph.command(failWith(UNREACHABLE)));
  expect(seen).toEqual(['graph_commands open']);
});

test('at most 200 calls are in progress, and a place is free again once one ends', async () => {
  const { graph, seen } = openGuards();
  const calls = Array.from({ length: 200 }, pendingCall);
  const answers = calls.map(({ call }) => graph.command(call));
  expect(await settled(graph.command(async () => 'refused'))).toMatchObject({
    type: 'graph_unavailable',
    retryAfterMs: 1_000,
  });
  expect(seen).toEqual(['graph_commands refused: full']);
  expect(await graph.read(async () => 'not affected')).toBe('not affected');
  calls[0]?.end();
  await answers[0];
  expect(await graph.command(async () => 'next')).toBe('next');
  for (const { end } of calls) end();
  await Promise.all(answers);
});

test('starts and signals of Temporal are guarded apart', async () => {
  const { temporal, seen } = openGuards();
  const [interceptor] = temporal.workflow;
  const unavailable = Object.assign(new Error('14 UNAVAILABLE'), {
    code: 14,
    details: 'no connection',
    metadata: {},
  });
  const signal = (next: () => Promise<string>) => interceptor?.signalWithStart?.({} as never, next);
  const start = (next: () => Promise<unknown>) =>
    interceptor?.startUpdateWithStart?.({} as never, next as never);
  for (let n = 0; n < 5; n += 1) await settled(signal(failWith(unavailable)) as Promise<string>);
  expect(seen).toEqual(['temporal_signals open']);
  expect(await settled(signal(async () => 'never') as Promise<string>)).toMatchObject({
    type: 'temporal_unavailable',
    retryAfterMs: 1_000,
  });
  expect(await start(async () => 'started')).toBe('started');
});
