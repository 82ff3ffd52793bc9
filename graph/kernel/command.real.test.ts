import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import {
  excludeFromVerification,
  verifyAndClose,
  openTestGraph,
  runCypher,
  testHeader,
} from '../../test/test-graph.ts';
import type { CommandHeader } from './command-header.ts';
import { runCommand } from './command.ts';
import type { Graph } from './graph.ts';

let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => verifyAndClose(graph));

const create = (id: string, header: CommandHeader = testHeader()) =>
  runCommand(graph, header, 'createForTest', { id }, async (tx) => {
    tx.beginStream('customer', id);
    const { seq } = tx.append({
      stream: 'customer',
      stream_id: id,
      type: 'CustomerCreated',
      data: {
        segment: 'NEW',
        locale: null,
        ltv_minor: 0,
        acquisition_date: tx.header.occurredAt,
        gateway_customer_ref: null,
      },
    });
    return { id, seq, token: randomUUID() };
  });

const adjust = (id: string, by: number, header: CommandHeader = testHeader()) =>
  runCommand(graph, header, 'adjustForTest', { id, by }, async (tx) => {
    const customer = await tx.lockCustomer(id);
    tx.append({
      stream: 'customer',
      stream_id: id,
      type: 'LtvAdjusted',
      data: { old_ltv_minor: customer.ltv_minor, new_ltv_minor: customer.ltv_minor + by, reason: 'test' },
    });
    return { ltv_minor: customer.ltv_minor + by };
  });

const log = (id: string) =>
  graph.read<{ seq: number; type: string; data: string }>(
    'MATCH (e:PersonaEvent {stream_id: $id}) RETURN e.seq AS seq, e.type AS type, e.data AS data ORDER BY seq',
    { id },
  );
const ltvAndVersion = async (id: string) =>
  (
    await graph.read('MATCH (c:Customer {id: $id}) RETURN c.ltv_minor AS ltv, c.version AS version', { id })
  )[0];

test('commands on one customer are serialised: no update is lost, and seq has no gaps', async () => {
  const id = randomUUID();
  await create(id);
  let calls = 0;
  const readVersion = () =>
    runCommand(graph, testHeader(), 'lookForTest', {}, async (tx) => {
      const { version } = await tx.lockCustomer(id);
      calls += 1;
      return version;
    });
  const adjustOnce = () =>
    runCommand(graph, testHeader(), 'adjustForTest', { id }, async (tx) => {
      const { ltv_minor } = await tx.lockCustomer(id);
      calls += 1;
      tx.append({
        stream: 'customer',
        stream_id: id,
        type: 'LtvAdjusted',
        data: { old_ltv_minor: ltv_minor, new_ltv_minor: ltv_minor + 1, reason: 'test' },
      });
    });
  await Promise.all(Array.from({ length: 60 }, (_, n) => (n % 3 === 0 ? readVersion() : adjustOnce())));
  // The lock alone serialises them: no command ran twice because its seq was taken.
  expect(calls).toBe(60);
  expect(await ltvAndVersion(id)).toEqual({ ltv: 40, version: 41 });
  expect((await log(id)).map((event) => event.seq)).toEqual(Array.from({ length: 41 }, (_, n) => n + 1));
});

test('a repeated command returns the first result and changes nothing, also when the repeats are concurrent', async () => {
  const id = randomUUID();
  const header = testHeader();
  const answers = await Promise.all(Array.from({ length: 10 }, () => create(id, header)));
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  expect(await create(id, header)).toEqual(answers[0]);
  expect(await log(id)).toHaveLength(1);
});

test('a repeat may differ in times and correlation ids; a different body is refused', async () => {
  const id = randomUUID();
  await create(id);
  const header = testHeader();
  await adjust(id, 5, header);
  await adjust(id, 5, { ...header, occurredAt: '2020-01-01T00:00:00Z', correlationId: 'other' });
  await expect(adjust(id, 6, header)).rejects.toMatchObject({ type: 'idempotency_key_reused' });
  await expect(create(randomUUID(), header)).rejects.toMatchObject({ type: 'idempotency_key_reused' });
  await adjust(id, 1, { ...header, caller: 'another' });
  expect(await ltvAndVersion(id)).toEqual({ ltv: 6, version: 3 });
});

test('a repeat is not decided again, even if it would now be refused', async () => {
  const id = randomUUID();
  await create(id);
  let decided = 0;
  const header = testHeader();
  const decideOnce = () =>
    runCommand(graph, header, 'decideForTest', { id }, async (tx) => {
      await tx.lockCustomer(id);
      decided += 1;
      if (decided > 1) throw new PersonaError('customer_not_found', 'by now');
      return { decided };
    });
  const answers = await Promise.all([decideOnce(), decideOnce(), decideOnce()]);
  expect([...answers, await decideOnce()]).toEqual(Array.from({ length: 4 }, () => ({ decided: 1 })));
  expect(decided).toBe(1);
});

test('a refused command leaves no trace, and its key may be used again', async () => {
  const id = randomUUID();
  const header = testHeader();
  await expect(adjust(id, 1, header)).rejects.toMatchObject({ type: 'customer_not_found' });
  await create(id);
  expect(await adjust(id, 1, header)).toEqual({ ltv_minor: 1 });
});

test('an error after the writes rolls all of them back', async () => {
  const id = randomUUID();
  await create(id);
  const failing = runCommand(graph, testHeader(), 'failForTest', {}, async (tx) => {
    await tx.lockCustomer(id);
    tx.append({
      stream: 'customer',
      stream_id: id,
      type: 'LtvAdjusted',
      data: { old_ltv_minor: 0, new_ltv_minor: 99, reason: 'test' },
    });
    const [row] = await tx.run<{ ltv: number }>('MATCH (c:Customer {id: $id}) RETURN c.ltv_minor AS ltv', {
      id,
    });
    expect(row).toEqual({ ltv: 99 });
    throw new Error('stop');
  });
  await expect(failing).rejects.toThrow('stop');
  expect(await ltvAndVersion(id)).toEqual({ ltv: 0, version: 1 });
  expect(await log(id)).toHaveLength(1);
});

test('a command that discards its receipt is decided again', async () => {
  const header = testHeader();
  let calls = 0;
  const runOnce = () =>
    runCommand(graph, header, 'askForTest', {}, async (tx) => {
      await tx.run('RETURN 1');
      calls += 1;
      if (calls < 3) tx.discardReceipt();
      return calls;
    });
  expect([await runOnce(), await runOnce(), await runOnce(), await runOnce()]).toEqual([1, 2, 3, 3]);
});

test('commands that lock in opposite orders deadlock and both succeed', async () => {
  const [a, b] = [randomUUID(), randomUUID()];
  await Promise.all([create(a), create(b)]);
  const lockBoth = (first: string, second: string) =>
    runCommand(graph, testHeader(), 'lockForTest', {}, async (tx) => {
      await tx.lockCustomer(first);
      await tx.lockCustomer(second);
      for (const id of [first, second]) {
        tx.append({
          stream: 'customer',
          stream_id: id,
          type: 'CustomerProfileUpdated',
          data: { locale: 'en' },
        });
      }
    });
  await Promise.all(Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? lockBoth(a, b) : lockBoth(b, a))));
  expect(await ltvAndVersion(a)).toMatchObject({ version: 9 });
  expect(await ltvAndVersion(b)).toMatchObject({ version: 9 });
});

test('a data key is read with the lock if it is in the same database, and separately if it is not', async () => {
  const id = randomUUID();
  await create(id);
  const { inlineCypher: _, ...keyStore } = graph.keyStore;
  const keyReads: string[] = [];
  const withSeparateKeyStore: Graph = {
    ...graph,
    keyStore: {
      ...keyStore,
      read: async (reader, owner) => {
        keyReads.push(owner.id);
        return keyStore.read(reader, owner);
      },
    },
  };
  const place = ['Customer', id, 'gateway_customer_ref'] as const;
  const sealed = await runCommand(withSeparateKeyStore, testHeader(), 'sealForTest', {}, async (tx) => {
    await tx.lockCustomer(id);
    return tx.keyOf(id).seal('cus_1', ...place);
  });
  expect(keyReads).toEqual([id]);
  const withoutKeyReads = {
    ...graph,
    keyStore: { ...graph.keyStore, read: () => Promise.reject(new Error('read separately')) },
  };
  const opened = await runCommand(withoutKeyReads, testHeader(), 'openForTest', {}, async (tx) => {
    await tx.lockCustomer(id);
    return tx.keyOf(id).open(sealed, ...place);
  });
  expect(opened).toBe('cus_1');
});

test('a customer whose data key was deleted cannot be locked', async () => {
  const id = randomUUID();
  await create(id);
  excludeFromVerification(graph, id);
  await runCypher(graph, 'MATCH (k:CustomerKey {customer_id: $id}) DELETE k', { id });
  await expect(adjust(id, 1)).rejects.toMatchObject({
    type: 'internal',
    message: expect.stringContaining(id),
  });
});
