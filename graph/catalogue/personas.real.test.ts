import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { testPersona } from '../../test/catalogue-fixtures.ts';
import { openTestGraph, runCypher, testGraph, testHeader } from '../../test/test-graph.ts';
import { verifyAll, verifyStreams } from '../replay/verify.ts';
import {
  activatePersona,
  aggregateMetrics,
  deactivatePersona,
  expireMetrics,
  getCatalogueState,
  getConfiguration,
  getPersonaHistory,
  getPersonas,
  getPersonaVersion,
  getPersonaVersions,
  putConfiguration,
  putPersona,
  recordMetrics,
} from './index.ts';

const graph = await testGraph();
const newName = () => `persona-${randomUUID()}`;

const put = (name: string, system_prompt: string, change: { expected_version?: number } = {}) =>
  putPersona(graph, testHeader({ actor: 'service:ops' }), {
    ...{ name, content: testPersona({ system_prompt }), may_create: true, reason: null },
    ...change,
  });

test('each change is a version, which stays readable; the same content is none', async () => {
  const name = newName();
  expect(await put(name, 'One.')).toEqual({ version: 1, changed: true });
  expect(await put(name, 'One.')).toEqual({ version: 1, changed: false });
  expect(await put(name, 'Two.', { expected_version: 1 })).toEqual({ version: 2, changed: true });
  await expect(put(name, 'Three.', { expected_version: 1 })).rejects.toMatchObject({ type: 'stale_version' });
  const header = testHeader({ actor: 'service:ops' });
  const rollback = { name, version: 1, reason: 'worse answers' };
  expect(await activatePersona(graph, header, rollback)).toEqual({ version: 3, changed: true });
  expect(await deactivatePersona(graph, testHeader(), { name, reason: null })).toMatchObject({ version: 4 });

  const [node] = await getPersonas(graph, [name]);
  expect(node).toMatchObject({ name, system_prompt: 'One.', is_active: false, version: 4 });
  const prompts = await Promise.all(
    [1, 2, 3, 4].map(async (version) => (await getPersonaVersion(graph, { name, version })).system_prompt),
  );
  expect(prompts).toEqual(['One.', 'Two.', 'One.', 'One.']);
  await expect(getPersonaVersion(graph, { name, version: 5 })).rejects.toMatchObject({
    type: 'persona_version_not_found',
  });
  const missing = { name, version: 9, reason: null };
  await expect(activatePersona(graph, testHeader(), missing)).rejects.toMatchObject({
    type: 'persona_version_not_found',
  });
  const history = await getPersonaHistory(graph, { name, before: 4, limit: 2 });
  expect(history).toMatchObject([
    { version: 3, change: 'activated', restored_version: 1, actor: 'service:ops', reason: 'worse answers' },
    { version: 2, change: 'put', is_active: true },
  ]);
  expect(await verifyStreams(graph, [{ kind: 'catalogue', id: name }])).toEqual([]);
});

test('of many who add a persona at the same time one does, and changes on one version never overwrite each other', async () => {
  const other = await openTestGraph();
  const name = newName();
  const race = (expected_version: number) =>
    Promise.allSettled(
      Array.from({ length: 12 }, (_, n) =>
        putPersona(n % 2 ? graph : other, testHeader(), {
          ...{ name, content: testPersona({ system_prompt: `${expected_version}-${n}` }), expected_version },
          ...{ may_create: true, reason: null },
        }),
      ),
    );
  try {
    for (const expected_version of [0, 1]) {
      const results = await race(expected_version);
      const won = results.filter(({ status }) => status === 'fulfilled');
      expect(won).toMatchObject([{ value: { version: expected_version + 1, changed: true } }]);
      const lost = results.filter(({ status }) => status === 'rejected');
      expect(lost).toMatchObject(Array(11).fill({ reason: { type: 'stale_version' } }));
    }
  } finally {
    await other.close();
  }
  expect(await verifyStreams(graph, [{ kind: 'catalogue', id: name }])).toEqual([]);
});

test('the state of the catalogue changes with each change of a persona', async () => {
  const name = newName();
  const before = await getCatalogueState(graph);
  await put(name, 'One.');
  await deactivatePersona(graph, testHeader(), { name, reason: null });
  const after = await getCatalogueState(graph);
  // Other test files may change personas as well.
  expect(after.version).toBeGreaterThanOrEqual(before.version + 2);
  expect(after.personas).toBeGreaterThanOrEqual(before.personas + 1);
  expect((await getPersonaVersions(graph)).get(name)).toBe(2);
});

test('verification finds a persona that was changed, or made, without an event', async () => {
  const name = newName();
  await put(name, 'One.');
  await runCypher(graph, "MATCH (p:AgentPersona {name: $name}) SET p.system_prompt = 'Other.'", { name });
  expect(await verifyStreams(graph, [{ kind: 'catalogue', id: name }])).toMatchObject([
    { where: `AgentPersona/${name}`, property: 'system_prompt', expected: 'One.', found: 'Other.' },
  ]);
  await put(name, 'Two.');
  const forged = newName();
  await runCypher(graph, 'CREATE (:AgentPersona {name: $forged, version: 0})', { forged });
  const found: string[] = [];
  await verifyAll(graph, { onDifference: ({ where }) => found.push(where) });
  await runCypher(graph, 'MATCH (p:AgentPersona {name: $forged}) DELETE p', { forged });
  expect(found).toContain(`AgentPersona/${forged}`);
});

test('a configuration has versions, too', async () => {
  const key = `test.${randomUUID()}`;
  const configuration = { key, value: '{"days":1}', reason: null, expected_version: 0 };
  await expect(
    putConfiguration(graph, testHeader(), { ...configuration, may_create: false }),
  ).rejects.toMatchObject({ type: 'configuration_not_found' });
  await putConfiguration(graph, testHeader(), { ...configuration, may_create: true });
  const repeated = { ...configuration, expected_version: 1, may_create: false };
  expect(await putConfiguration(graph, testHeader(), repeated)).toEqual({ version: 1, changed: false });
  await putConfiguration(graph, testHeader(), { ...repeated, value: '2' });
  expect(await getConfiguration(graph, { key })).toMatchObject({ key, value: '2', version: 2 });
  expect(await verifyStreams(graph, [{ kind: 'configuration', id: key }])).toEqual([]);
});

test('metrics are added once, summed up by period, and deleted when they are old', async () => {
  const name = newName();
  await put(name, 'One.');
  const at = (minute: number) => `2001-01-01T00:${String(minute).padStart(2, '0')}:00.000Z`;
  const metrics = [1, 2, 3, 100].map((value, n) => ({
    ...{ name: 'latency', unit: 'ms', value },
    ...{ at: at(n === 3 ? 10 : n), version: 1 },
  }));
  const header = testHeader();
  const batch = { persona: name, metrics };
  expect(await recordMetrics(graph, header, batch)).toEqual({ recorded: 4 });
  expect(await recordMetrics(graph, header, batch)).toEqual({ recorded: 4 });
  await expect(recordMetrics(graph, testHeader(), { ...batch, persona: newName() })).rejects.toMatchObject({
    type: 'persona_not_found',
  });
  const ofNext = [{ name: 'latency', unit: 'ms', value: 1, version: 2 }];
  await expect(recordMetrics(graph, testHeader(), { persona: name, metrics: ofNext })).rejects.toMatchObject({
    type: 'persona_version_not_found',
  });
  const query = { persona: name, name: 'latency', from: at(0), to: at(11), every: 300_000, limit: 10 };
  expect(await aggregateMetrics(graph, query)).toEqual([
    { at: at(0), count: 3, mean: 2, p50: 2, p95: expect.closeTo(2.9) },
    { at: at(10), count: 1, mean: 100, p50: 100, p95: 100 },
  ]);
  const old = { before: Date.parse(at(5)), limit: 2 };
  expect(await expireMetrics(graph, old)).toBe(2);
  expect(await expireMetrics(graph, old)).toBe(1);
  expect(await aggregateMetrics(graph, query)).toMatchObject([{ at: at(10) }]);
});
