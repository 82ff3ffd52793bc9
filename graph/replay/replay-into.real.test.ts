/**
 * A graph is rebuilt from a log only where nothing else is stored. The log is in a Neo4j of this file's own, whose schema tests
 * change.
 */

import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { runCli } from '../../cli/program.ts';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';
import { startStack } from '../../dev/stack/stack.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { createBlindIndex } from '../../security/blind-index.ts';
import { createKeyRing } from '../../security/key-ring.ts';
import { openOwnGraph, type OwnGraph } from '../../test/own-graph.ts';
import { onboardingRequest, openTestGraph, runCypher, testHeader } from '../../test/test-graph.ts';
import { createCustomer, getCustomerProfile, getTimeline, onboard, openConfiguredGraph } from '../index.ts';
import type { Graph } from '../kernel/graph.ts';
import { migrate, missingMigrations } from '../kernel/migrate.ts';
import { createCatalogueHistory, createCustomerHistory } from './history-fixtures.ts';
import { verifyAll, verifyCustomer } from './verify.ts';

// A fresh server plans every statement anew.
vi.setConfig({ testTimeout: 240_000 });

const policy = readPolicy();
let guard: Guard;
let folder: string;
let sourceEnvironment: Record<string, string>;
let target: OwnGraph;
let graph: Graph;

beforeAll(async () => {
  guard = startGuard();
  folder = mkdtempSync(join(tmpdir(), 'persona-replay-'));
  const { PATH, HOME, JAVA_HOME, JDK_JAVA_OPTIONS, PERSONA_CACHE_DIR } = process.env;
  const env = { PATH, HOME, JAVA_HOME, JDK_JAVA_OPTIONS, PERSONA_CACHE_DIR };
  const [source, own] = await Promise.all([
    startStack({ servers: ['neo4j'], folder: join(folder, 'here'), guard, log: () => {}, env }),
    openOwnGraph(),
  ]);
  target = own;
  sourceEnvironment = { ...source.env };
  const { neo4j, keys, blindKeys } = readGraphEnvironment(sourceEnvironment);
  graph = await openTestGraph({
    ...neo4j,
    password: neo4j.password.reveal(),
    keyRing: createKeyRing(keys.reveal()),
    blindIndex: createBlindIndex(createKeyRing(blindKeys.reveal())),
  });
}, 240_000);
afterAll(async () => {
  await graph?.close();
  await guard.stop();
  await target?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function replay(...options: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const into = target.variables.NEO4J_URI;
  const code = await runCli(['replay', '--into', into, '--json', ...options], {
    env: { ...sourceEnvironment, PERSONA_REPLAY_PASSWORD: target.variables.NEO4J_PASSWORD },
    stdin: Readable.from([]),
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

function openTarget(): Graph {
  const { PERSONA_KEYS, PERSONA_BLIND_KEYS } = sourceEnvironment;
  return openConfiguredGraph(
    readGraphEnvironment({ ...sourceEnvironment, ...target.variables, PERSONA_KEYS, PERSONA_BLIND_KEYS }),
  );
}

const EVERYTHING = `
  MATCH (n) WHERE NOT n:SchemaMigration AND NOT n:CommandReceipt AND NOT n:CustomerKey AND NOT n:DeviceKey
    AND NOT n:RingKey AND NOT n:Replay
  RETURN labels(n) AS labels, properties(n) AS node,
    COLLECT { MATCH (n)-[r]->(m) WHERE type(r) <> 'BLOCKED_BY' RETURN [type(r), properties(r), m.id, m.payment_id] ORDER BY type(r), m.id, m.payment_id } AS edges
  ORDER BY labels[0], coalesce(n.id, n.key, n.name, n.notification_id, n.payment_id, n.case_id, n.contest_id, n.note_id)`;

test('a graph rebuilt elsewhere from its log is identical in every property; a target of something else is refused', async () => {
  const histories = [await createCustomerHistory(graph, policy), await createCustomerHistory(graph, policy)];
  await createCatalogueHistory(graph);
  await runCypher(graph, 'MATCH (e:PersonaEvent {stream_id: $id}) SET e:Unpublished', {
    id: histories[0]?.customer_id,
  });
  // Written by a process whose clock is behind: their ids are older than those of the events before them.
  await runCypher(
    graph,
    `MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.seq IN [3, 4, 5]
     SET e.id = '00000000-0000-7000-8000-00000000000' + e.seq`,
    { id: histories[1]?.customer_id },
  );
  const { code, out } = await replay();
  expect({ code, out: JSON.parse(out) }).toMatchObject({ code: 0, out: { differences: 0 } });
  const rebuilt = openTarget();
  try {
    expect(await rebuilt.read(EVERYTHING)).toEqual(await graph.read(EVERYTHING));
    // It accepts further commands.
    const request = onboardingRequest({ customer_id: histories[1]?.customer_id });
    await onboard(rebuilt, testHeader(), { request, policy });
    expect((await verifyAll(rebuilt, { onDifference: () => {} })).differences).toBe(0);
  } finally {
    await rebuilt.close();
  }
  expect(await replay()).toMatchObject({ code: 0 });
  const other = await replay('--customer', String(histories[0]?.customer_id));
  expect(other).toMatchObject({ code: 1 });
  expect(other.err).toContain('must be empty, and this one holds a replay of everything from graph');
  // As anything but a replay has left it.
  const targetGraph = openTarget();
  onTestFinished(() => targetGraph.close());
  await runCypher(targetGraph, 'MATCH (r:Replay) DELETE r');
  const again = await replay();
  expect(again).toMatchObject({ code: 1 });
  expect(again.err).toContain('must be empty');
});

const address_details = {
  street1: 'A',
  city: 'B',
  zip_code: '1',
  country: 'US',
  type: 'shipping' as const,
};
/** As the previous version wrote it. */
const WRITTEN_BEFORE = `
  MATCH (e:PersonaEvent {stream_id: $customer_id, type: 'AddressAdded'})
  SET e.schema_version = 1, e.data = replace(e.data, ',"awaits_identifier_id":null', '')
  RETURN e.data AS data`;

/** A customer whose address was added by an event of an older version. */
async function createLegacyCustomer(): Promise<string> {
  const request = onboardingRequest({ address_details });
  const { customer_id } = await onboard(graph, testHeader(), { request, policy });
  const { records } = await runCypher(graph, WRITTEN_BEFORE, { customer_id });
  expect(records[0]?.get('data')).not.toContain('awaits_identifier_id');
  return customer_id;
}

test('an event of an older version is read like one of the current version', async () => {
  const customer_id = await createLegacyCustomer();
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);
  expect(await getTimeline(graph, { customer_id, limit: 1 })).toMatchObject([{ type: 'AddressAdded' }]);
  const NEWER =
    "MATCH (e:PersonaEvent {stream_id: $customer_id, type: 'AddressAdded'}) SET e.schema_version = 99";
  await runCypher(graph, NEWER, { customer_id });
  expect(await verifyCustomer(graph, customer_id)).toContainEqual(
    expect.objectContaining({ property: 'data', found: expect.stringContaining('schema version 99') }),
  );
  expect(await getTimeline(graph, { customer_id, limit: 1 })).toMatchObject([{ type: 'Masked' }]);
});

/** The migrations of a later version: one adds a property, one a label, and an index on both. */
const LATER = {
  '9001_when_the_status_was_set.cypher': `
    // Every customer has had one status so far.
    MATCH (c:Customer) WHERE c.status_seq IS NULL
    CALL (c) { SET c.status_seq = 1 } IN TRANSACTIONS OF 50 ROWS;`,
  '9002_persons.cypher': `
    MATCH (c:Customer) WHERE NOT c:Person
    CALL (c) { SET c:Person } IN TRANSACTIONS OF 50 ROWS;
    CREATE INDEX person_status IF NOT EXISTS FOR (n:Person) ON (n.status_seq);`,
};

/** The migrations of this version and those that a later one adds, in a separate folder. */
function laterMigrations(files: Record<string, string>): URL {
  const later = mkdtempSync(join(folder, 'migrations-'));
  cpSync(new URL('../kernel/migrations', import.meta.url), later, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(later, name), text);
  return pathToFileURL(`${later}/`);
}

test('a later version adds a property and a label while commands and reads continue, and old events still match the graph', async () => {
  const customers = await Promise.all(Array.from({ length: 10 }, createLegacyCustomer));
  while (customers.length < 200) {
    const more = Array.from({ length: 10 }, () => createCustomer(graph, testHeader(), {}));
    customers.push(...(await Promise.all(more)).map(({ customer_id }) => customer_id));
  }
  // As a version that did not know the property yet left them.
  await runCypher(graph, 'MATCH (c:Customer) WHERE c.id IN $customers REMOVE c.status_seq', { customers });
  let isOver = false;
  let served = 0;
  const serve = async () => {
    for (let n = 0; !isOver; n += 1) {
      const customer_id = String(customers[n % customers.length]);
      const request = onboardingRequest({
        customer_id,
        address_details,
        customer_metadata: { locale: 'en' },
      });
      await onboard(graph, testHeader(), { request, policy });
      await getCustomerProfile(graph, { customer_id });
      served += 1;
    }
  };
  const clients = [serve(), serve(), serve()];
  await expect.poll(() => served).toBeGreaterThan(3);
  const later = laterMigrations(LATER);
  const applied = await Promise.all([migrate(graph, { folder: later }), migrate(graph, { folder: later })]);
  expect(applied.flat()).toEqual(Object.keys(LATER));
  expect(await migrate(graph, { folder: later })).toEqual([]);
  const before = served;
  await expect.poll(() => served).toBeGreaterThan(before + 3);
  isOver = true;
  await Promise.all(clients);

  const [row] = await graph.read(
    'MATCH (c:Person {status_seq: 1}) WHERE c.id IN $customers RETURN count(c) AS count',
    { customers },
  );
  expect(row).toEqual({ count: customers.length });
  for (const id of customers) expect(await verifyCustomer(graph, id)).toEqual([]);
});

test('a migration is complete only once its indexes are online, however long that takes', async () => {
  const name = '9003_long_build.cypher';
  const files = { [name]: 'CREATE INDEX customer_locale IF NOT EXISTS FOR (n:Customer) ON (n.locale);' };
  const migrationsFolder = laterMigrations({ ...LATER, ...files });
  let looks = 0;
  const missing: string[][] = [];
  // A build that takes four polls; an index over a billion nodes takes hours.
  const slow: Graph = {
    ...graph,
    async read<T>(cypher: string, parameters?: Record<string, unknown>): Promise<T[]> {
      if (!cypher.includes('SHOW INDEXES') || (looks += 1) > 4) return graph.read<T>(cypher, parameters);
      missing.push(await missingMigrations(graph, migrationsFolder));
      return [{ name: 'customer_locale', state: 'POPULATING', percent: 25 * looks }] as T[];
    },
  };
  const waited: string[] = [];
  const applied = await migrate(slow, {
    folder: migrationsFolder,
    onWait: (indexes) => waited.push(indexes),
  });
  expect(applied).toContain(name);
  expect(missing.filter((names) => names.includes(name))).toHaveLength(4);
  expect(waited.at(-1)).toBe('customer_locale 100 %');
  expect(await missingMigrations(graph, migrationsFolder)).toEqual([]);
});

test('an index that cannot be built is named, and the migration stays pending', async () => {
  const files = { '9004_fails.cypher': 'MATCH (n:None) DELETE n;' };
  const migrationsFolder = laterMigrations(files);
  const failing: Graph = {
    ...graph,
    async read<T>(cypher: string, parameters?: Record<string, unknown>): Promise<T[]> {
      if (!cypher.includes('SHOW INDEXES')) return graph.read<T>(cypher, parameters);
      return [{ name: 'customer_locale', state: 'FAILED', percent: 0 }] as T[];
    },
  };
  await expect(migrate(failing, { folder: migrationsFolder })).rejects.toMatchObject({
    type: 'internal',
    message: expect.stringContaining('customer_locale'),
  });
  expect(await missingMigrations(graph, migrationsFolder)).toEqual(Object.keys(files));
});
