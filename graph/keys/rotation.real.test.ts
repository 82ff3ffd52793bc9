/** Both rings are rotated while two processes, one of which still writes with the old keys, onboard and look up. */

import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { createBlindIndex } from '../../security/blind-index.ts';
import { createKeyRing } from '../../security/key-ring.ts';
import {
  onboardingRequest,
  openTestGraph,
  randomEmail,
  randomPhone,
  randomToken,
  retryWhileBusy,
  runCypher,
  testHeader,
} from '../../test/test-graph.ts';
import {
  findCustomerByDigitalId,
  findCustomersByDeviceFingerprint,
  findKnownMethod,
  getAddresses,
  getBlindKeyUsage,
  getDataKeyUsage,
  getPaymentMethodToken,
  onboard,
  rotateBlindIndex,
  rotateDataKeys,
} from '../index.ts';
import type { Graph } from '../kernel/graph.ts';
import { verifyStreams } from '../replay/verify.ts';

const policy = readPolicy();
const REAL = { dryRun: false, onProgress: () => {} };
/** The ids are the test's own: other files leave keys and hashes in the same Neo4j. */
const suffix = randomUUID().slice(0, 8);
const [OLD, NEW] = [`old-${suffix}`, `new-${suffix}`];
const secrets = new Map(
  [OLD, NEW].flatMap((id) => [`keys ${id}`, `blind ${id}`]).map((name) => [name, randomBytes(32)]),
);
const ring = (kind: 'keys' | 'blind', ids: readonly string[]) =>
  createKeyRing(ids.map((id) => ({ id, key: secrets.get(`${kind} ${id}`) ?? Buffer.alloc(0) })));
const opened: Graph[] = [];

async function openProcessGraph(...ids: string[]): Promise<Graph> {
  const keys = { keyRing: ring('keys', ids), blindIndex: createBlindIndex(ring('blind', ids)) };
  const graph = await openTestGraph(keys);
  opened.push(graph);
  return graph;
}

afterAll(async () => {
  for (const graph of opened) await graph.close();
});

/** A person with everything that is hashed. */
function testPerson() {
  const email = randomEmail();
  const fingerprint = randomToken();
  const token = randomToken();
  const address = {
    type: 'shipping',
    street1: `${suffix} Main Street`,
    city: 'Berlin',
    zip_code: '10115',
    country: 'DE',
  } as const;
  const customers = new Set<string>();
  const devices = new Set<string>();
  return {
    customers,
    devices,
    async onboardOn(graph: Graph): Promise<void> {
      const request = onboardingRequest({
        digital_identifiers: [
          { type: 'email', value: email, is_verified: true },
          { type: 'phone_number', value: randomPhone(), is_verified: false },
        ],
        payment_method_details: { type: 'card', token },
        device_details: { fingerprint, user_agent: 'Firefox' },
        address_details: address,
      });
      const header = testHeader();
      const done = await retryWhileBusy(() => onboard(graph, header, { request, policy }));
      customers.add(done.customer_id);
      if (done.device_id !== undefined) devices.add(done.device_id);
    },
    /** Everything that is found by a hash, or opened with a data key. */
    async findOn(graph: Graph) {
      const byEmail = await findCustomerByDigitalId(graph, { type: 'email', value: email, policy });
      const byDevice = await findCustomersByDeviceFingerprint(graph, { fingerprint, policy });
      const byToken = await findKnownMethod(graph, { event_id: randomUUID(), token });
      const customer_id = byToken?.customer_id ?? '';
      const opened = await getPaymentMethodToken(graph, {
        customer_id,
        payment_method_id: byToken?.payment_method_id ?? '',
      });
      const [street] = await getAddresses(graph, { customer_id });
      return {
        customers: [byEmail?.customer_id, byDevice?.customers[0]?.customer_id, byToken?.customer_id],
        opened: [opened.reveal(), street?.street1],
      };
    },
    expected: () => {
      const [id] = customers;
      return { customers: [id, id, id], opened: [token, address.street1] };
    },
  };
}

class Killed extends Error {}

test('nothing is missed while both rings are rotated, interrupted and rotated again', async () => {
  const before = await openProcessGraph(OLD, NEW);
  const people = Array.from({ length: 12 }, testPerson);
  await Promise.all(people.map((person) => person.onboardOn(before)));

  // The rolling restart of phase 2: one process already writes with the new keys, the other does not yet.
  const processes = await Promise.all([openProcessGraph(NEW, OLD), openProcessGraph(OLD, NEW)]);
  const rotating = await openProcessGraph(NEW, OLD);
  let isRotating = true;
  const load = processes.map(async (graph, n) => {
    for (let round = 0; isRotating || round < 3; round += 1) {
      const person = people[(round * 2 + n) % people.length];
      if (person === undefined) continue;
      expect(await person.findOn(graph)).toEqual(person.expected());
      await person.onboardOn(graph);
      // Both processes onboard the same new person.
      if (n !== 0 || round % 4 !== 0 || people.length >= 30) continue;
      const person2 = testPerson();
      await Promise.all(processes.map((each) => person2.onboardOn(each)));
      people.push(person2);
    }
  });
  const rotation = async () => {
    for (const rotate of [rotateDataKeys, rotateBlindIndex]) {
      const onProgress = () => {
        throw new Killed();
      };
      await expect(rotate(rotating, { dryRun: false, onProgress })).rejects.toThrow(Killed);
      await rotate(rotating, REAL);
    }
  };
  await rotation().finally(() => {
    isRotating = false;
  });
  await Promise.all(load);

  // Now every process writes with the new keys: what the slower one has written since is rotated as well.
  for (const rotate of [rotateDataKeys, rotateBlindIndex]) {
    const dryRun = await rotate(rotating, { ...REAL, dryRun: true });
    const { changed, conflicts } = await rotate(rotating, REAL);
    expect({ changed, conflicts }).toEqual({ changed: dryRun.changed, conflicts: 0 });
    expect(await rotate(rotating, REAL)).toMatchObject({ changed: 0 });
  }
  expect((await getDataKeyUsage(rotating)).get(OLD)).toBeUndefined();
  expect(Object.keys((await getBlindKeyUsage(rotating)).get(OLD)?.nodes ?? {})).toEqual(['CommandReceipt']);

  // The old keys are gone.
  const after = await openProcessGraph(NEW);
  for (const person of people) {
    expect(person.customers.size).toBe(1);
    expect(await person.findOn(after)).toEqual(person.expected());
  }
  const streams = people.flatMap(({ customers, devices }) => [
    ...[...customers].map((id) => ({ kind: 'customer' as const, id })),
    ...[...devices].map((id) => ({ kind: 'device' as const, id })),
  ]);
  expect(await verifyStreams(after, streams)).toEqual([]);
});

/** Holds the lock of a hash until the transaction ends. */
async function holdIdentityLock(graph: Graph, hash: string) {
  const session = graph.writeSession();
  onTestFinished(() => session.close());
  const transaction = session.beginTransaction();
  await transaction.run('MERGE (l:IdentityLock {hash: $hash}) DELETE l', { hash });
  return transaction;
}

/** The statements that wait for a lock. */
async function blockedQueries(graph: Graph): Promise<string[]> {
  const { records } = await runCypher(
    graph,
    "SHOW TRANSACTIONS YIELD currentQuery, status WHERE status STARTS WITH 'Blocked' RETURN currentQuery AS query",
  );
  return records.map((record) => String(record.get('query')));
}

test('a value is not rotated while a command that looks it up has its lock', async () => {
  const graph = await openProcessGraph(NEW, OLD);
  const email = randomEmail();
  const request = onboardingRequest({
    digital_identifiers: [{ type: 'email', value: email, is_verified: true }],
  });
  await onboard(await openProcessGraph(OLD), testHeader(), { request, policy });
  const [newHash = '', oldHash = ''] = graph.blindIndex.hashes('email', email);
  const command = await holdIdentityLock(graph, oldHash);
  const rotation = rotateBlindIndex(graph, REAL);
  await expect.poll(() => blockedQueries(graph)).toContainEqual(expect.stringContaining('IdentityLock'));
  const find =
    'MATCH (i:DigitalIdentifier {type: "email"}) WHERE i.value_hash IN $hashes RETURN i.value_hash AS hash';
  const hashes = [newHash, oldHash];
  expect(await graph.read(find, { hashes })).toEqual([{ hash: oldHash }]);
  await command.commit();
  await rotation;
  expect(await graph.read(find, { hashes })).toEqual([{ hash: newHash }]);
});

test('a look-up that finds a value under neither key waits for the rotation and repeats', async () => {
  const graph = await openProcessGraph(NEW, OLD);
  const email = randomEmail();
  const digital_identifiers = [{ type: 'email' as const, value: email, is_verified: true }];
  const request = onboardingRequest({ digital_identifiers });
  const { customer_id } = await onboard(graph, testHeader(), { request, policy });
  const [hash = '', oldHash = ''] = graph.blindIndex.hashes('email', email);
  const setHash = 'MATCH (i:DigitalIdentifier {type: "email", value_hash: $from}) SET i.value_hash = $to';
  await runCypher(graph, setHash, { from: hash, to: `none:${hash}` });

  const rotation = await holdIdentityLock(graph, oldHash);
  const found = findCustomerByDigitalId(graph, { type: 'email', value: email, policy });
  await expect.poll(() => blockedQueries(graph)).toContainEqual(expect.stringContaining('IdentityLock'));
  await rotation.run(setHash, { from: `none:${hash}`, to: hash });
  await rotation.commit();
  expect(await found).toMatchObject({ customer_id });
});

test('a data key that is destroyed, and a value that changes while it is rotated, stay as they are', async () => {
  const graph = await openProcessGraph(NEW, OLD);
  const person = testPerson();
  await person.onboardOn(await openProcessGraph(OLD));
  const [id = ''] = person.customers;
  // Between reading and writing a batch.
  const destroying: Graph = {
    ...graph,
    keyStore: {
      ...graph.keyStore,
      async replace(reader, label, changes) {
        if (changes.some((change) => change.id === id))
          await runCypher(graph, 'MATCH (k:CustomerKey {customer_id: $id}) DELETE k', { id });
        return graph.keyStore.replace(reader, label, changes);
      },
    },
  };
  const [stored] = await graph.read<{ key: object }>(
    'MATCH (k:CustomerKey {customer_id: $id}) RETURN properties(k) AS key',
    { id },
  );
  await rotateDataKeys(destroying, REAL);
  expect(await graph.read('MATCH (k:CustomerKey {customer_id: $id}) RETURN k', { id })).toEqual([]);
  await runCypher(graph, 'CREATE (k:CustomerKey) SET k = $key', stored);

  const changed = `${OLD}:changed-${id}`;
  const change = `
    MATCH (:Customer {id: $id})-[:HAS_DIGITAL_IDENTIFIER]->(i:DigitalIdentifier {type: 'email'}) SET i.value_hash = $changed`;
  const changing: Graph = {
    ...graph,
    async read<T>(cypher: string, parameters?: Record<string, unknown>) {
      const rows = await graph.read<T>(cypher, parameters);
      const isOwnPage = JSON.stringify(rows).includes(`"owner_id":"${id}"`);
      if (cypher.includes('(n:DigitalIdentifier)') && isOwnPage)
        await runCypher(graph, change, { id, changed });
      return rows;
    },
  };
  await rotateBlindIndex(changing, REAL);
  expect((await graph.read<{ hash: string }>(HASHES, { id })).map(({ hash }) => hash)).toEqual([
    changed,
    expect.stringMatching(`^${NEW}:`),
  ]);
});

const HASHES = `
  MATCH (:Customer {id: $id})-[:HAS_DIGITAL_IDENTIFIER]->(i:DigitalIdentifier)
  RETURN i.value_hash AS hash ORDER BY i.type`;
