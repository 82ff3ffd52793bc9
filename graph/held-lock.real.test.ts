/** One customer's lock is held and not released: by a console, or a process that hangs. */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { ERRORS, PersonaError } from '../domain/errors.ts';
import { dependencyStates } from '../services/dependency-states.ts';
import { connectTemporal } from '../temporal/client.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../test/test-graph.ts';
import { createCustomer, type Graph, LOCAL_COMMAND_MS, runCommand } from './index.ts';

/** Fewer than commands wait for the held lock. */
const CONNECTIONS = 8;
const WAITING_COMMANDS = 40;
const OTHER_CUSTOMERS = 20;

let graph: Graph;
let holder: Graph;
beforeAll(async () => {
  graph = await openTestGraph({ maxConnectionPoolSize: CONNECTIONS });
  holder = await openTestGraph();
});
afterAll(async () => {
  await holder.close();
  await verifyAndClose(graph);
});

async function customer(): Promise<string> {
  const customer_id = randomUUID();
  await createCustomer(graph, testHeader(), { customer_id, segment: 'NEW' });
  return customer_id;
}

/** @returns releases the lock */
async function holdLock(customer_id: string): Promise<() => Promise<void>> {
  const session = holder.writeSession();
  const transaction = session.beginTransaction();
  await transaction.run('MATCH (c:Customer {id: $customer_id}) SET c.locked = true', { customer_id });
  return async () => {
    await transaction.rollback();
    await session.close();
  };
}

/** Some commands lock first; others must read first which customer to lock, and then already hold a connection. */
const touch = (
  customer_id: string,
  { afterReading = false, ...limit }: { afterReading?: boolean; limitMs?: number } = {},
) =>
  runCommand(graph, { ...testHeader(), ...limit }, 'touchForTest', { customer_id }, async (tx) => {
    if (afterReading) await tx.read('RETURN 1');
    await tx.lockCustomer(customer_id);
    tx.append({
      ...{ stream: 'customer', stream_id: customer_id },
      ...{ type: 'CustomerProfileUpdated', data: { locale: 'en' } },
    });
  });

const versionOf = async (id: string) => {
  const [row] = await graph.read<{ version: number }>(
    'MATCH (c:Customer {id: $id}) RETURN c.version AS version',
    {
      id,
    },
  );
  return row?.version;
};

test('commands of other customers continue while more commands wait for one lock than there are connections', async () => {
  const stuck = await customer();
  const otherCustomers: string[] = [];
  while (otherCustomers.length < OTHER_CUSTOMERS) otherCustomers.push(await customer());
  const releaseLock = await holdLock(stuck);
  const events: string[] = [];
  const waiting = Array.from({ length: WAITING_COMMANDS }, (_, n) =>
    touch(stuck, { afterReading: n % 2 === 0 }).then(
      () => events.push('done'),
      (error: unknown) => {
        expect(error).toMatchObject({ type: 'graph_unavailable' });
        events.push('refused');
      },
    ),
  );
  // Two at a time: no more than the connections left while a few wait for the held lock.
  const remaining = otherCustomers.values();
  const updateRemaining = async () => {
    for (const id of remaining) await touch(id);
  };
  await Promise.all([updateRemaining(), updateRemaining()]);
  events.push('others');
  await releaseLock();
  await Promise.all(waiting);
  // No command on the held customer succeeded before the others had ended.
  expect(events.slice(0, events.indexOf('others'))).not.toContain('done');
  const done = events.filter((event) => event === 'done').length;
  expect(await versionOf(stuck)).toBe(1 + done);
});

test('a command that waits for a held lock fails with a retryable error and leaves no connection behind', async () => {
  const stuck = await customer();
  const releaseLock = await holdLock(stuck);
  const error: unknown = await touch(stuck).then(
    () => expect.fail('it was locked'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PersonaError)) throw error;
  expect(error.message).toMatch(/took too long/);
  expect(ERRORS[error.type].retryable).toBe(true);
  const waiters = await holder.read<{ n: number }>(
    `SHOW TRANSACTIONS YIELD status, parameters WHERE status STARTS WITH 'Blocked' AND parameters.p.id = $stuck
     RETURN count(*) AS n`,
    { stuck },
  );
  expect(waiters).toEqual([{ n: 0 }]);
  await releaseLock();
  await touch(stuck);
  expect(await versionOf(stuck)).toBe(2);
});

test('Neo4j is reported as up while every connection is in use', async () => {
  const busy = await openTestGraph({ maxConnectionPoolSize: 2 });
  onTestFinished(() => busy.close());
  const sessions = [busy.writeSession(), busy.writeSession()];
  for (const session of sessions) await session.beginTransaction();
  const codecKeys = [{ id: 'any', key: Buffer.alloc(32) }];
  const address = process.env.TEMPORAL_ADDRESS ?? '';
  const temporal = await connectTemporal({ address, namespace: 'default', codecKeys });
  onTestFinished(() => temporal.connection.close());
  const states = () => dependencyStates({ graph: busy, temporal });
  await expect.poll(states, { timeout: 60_000 }).toEqual({ neo4j: 'up', temporal: 'up' });
  await Promise.all(sessions.map((session) => session.close()));
});

test('a command with its own time limit ends before those with the default one', async () => {
  const held = await customer();
  const releaseLock = await holdLock(held);
  onTestFinished(releaseLock);
  const ended: string[] = [];
  const failureWithin = (name: string, limit: { limitMs?: number }) =>
    touch(held, limit).catch((error: PersonaError) => ended.push(`${name}: ${error.type}`));
  await Promise.all([failureWithin('usual', {}), failureWithin('short', { limitMs: LOCAL_COMMAND_MS })]);
  expect(ended).toEqual(['short: graph_unavailable', 'usual: graph_unavailable']);
});
