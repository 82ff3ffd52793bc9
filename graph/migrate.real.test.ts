import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { openTestGraph } from '../test/test-graph.ts';
import { openGraph } from './graph.ts';
import { migrate, missingMigrations, statementsOf } from './migrate.ts';

test('migrating again, from several processes concurrently, finds nothing to do', async () => {
  const graph = await openTestGraph();
  expect(await Promise.all([migrate(graph), migrate(graph), migrate(graph)])).toEqual([[], [], []]);
  const applied = await graph.read<{ version: string }>(
    "MATCH (m:SchemaMigration) WHERE m.version <> 'lock' RETURN m.version AS version ORDER BY version",
  );
  // Two files with one number would count as one migration: the second would never be applied.
  const files = (await readdir(new URL('./migrations/', import.meta.url))).sort();
  expect(applied.map(({ version }) => version)).toEqual(files.map((name) => name.slice(0, 4)));
  expect(await missingMigrations(graph)).toEqual([]);
  await graph.close();
});

test('every key by which a node is matched or merged is unique', async () => {
  const graph = await openTestGraph();
  const rows = await graph.read<{ label: string; keys: string[] }>(
    `SHOW CONSTRAINTS YIELD type, labelsOrTypes, properties WHERE type = 'UNIQUENESS'
     RETURN labelsOrTypes[0] AS label, properties AS keys`,
  );
  const unique = rows.map(({ label, keys }) => `${label}(${keys.join()})`);
  expect(unique).toEqual(
    expect.arrayContaining([
      'Customer(id)',
      'PaymentMethod(id)',
      'PaymentMethod(token_hash)',
      'Device(id)',
      'Device(fingerprint_hash)',
      'Address(id)',
      'DigitalIdentifier(id)',
      'DigitalIdentifier(type,value_hash)',
      'BehavioralProfile(id)',
      'Obligation(payment_id)',
      'ChargeAttempt(key)',
      'FraudCase(case_id)',
      'Overpayment(id)',
      'Refund(id)',
      'Notice(notification_id)',
      'CommandReceipt(caller,key)',
      'CustomerKey(customer_id)',
      'DeviceKey(device_id)',
      'PersonaEvent(id)',
      'PersonaEvent(stream_id,seq)',
    ]),
  );
  await graph.close();
});

test('statements are split at semicolons, without comments', () => {
  expect(statementsOf('// one; two\nCREATE (a);\n\nMATCH (b)\n  RETURN b;\n')).toEqual([
    'CREATE (a)',
    'MATCH (b)\n  RETURN b',
  ]);
});

test('an unreachable Neo4j is reported with what to do about it', async () => {
  const { keyRing, blindIndex, close } = await openTestGraph();
  await close();
  const graph = openGraph({
    uri: 'bolt://127.0.0.1:1',
    username: 'neo4j',
    password: 'x',
    keyRing,
    blindIndex,
  });
  const unavailable = { type: 'graph_unavailable', message: expect.stringContaining('NEO4J_URI') };
  await expect(graph.read('RETURN 1')).rejects.toMatchObject(unavailable);
  await expect(graph.verifyConnectivity()).rejects.toMatchObject(unavailable);
  await expect(migrate(graph)).rejects.toMatchObject(unavailable);
  await graph.close();
});
