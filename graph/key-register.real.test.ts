import { expect, test } from 'vitest';
import { readCodecKeys, readGraphEnvironment } from '../platform/environment.ts';
import { Secret } from '../platform/secret.ts';
import type { RawRingKey } from '../platform/variables.ts';
import { testGraph } from '../test/test-graph.ts';
import type { Graph } from './graph.ts';
import { admitKeys } from './key-register.ts';
import { withRollback } from './with-rollback.ts';

const graph = await testGraph();
const KEYS: Record<string, RawRingKey> = Object.fromEntries(
  ['old', 'new'].map((id, byte) => [id, { id, key: Buffer.alloc(32, byte) }]),
);
const ring = (text: string) => new Secret(text.split(',').map((id) => KEYS[id] as RawRingKey));

/** Starts processes with the given rings one after the other. @returns whether each starts, or its error */
async function startResults(rolledBack: Graph, ...rings: string[]): Promise<string[]> {
  const results: string[] = [];
  for (const text of rings) {
    const environment = { keys: ring(text), blindKeys: ring('old'), codecKeys: ring(text) };
    results.push(
      await admitKeys(rolledBack, environment).then(
        () => 'starts',
        ({ type }: { type: string }) => type,
      ),
    );
  }
  return results;
}

const DELETE_KEYS = 'MATCH (k:RingKey) DETACH DELETE k';

test.each([
  [
    'a key change in two phases lets every process start',
    ['old', 'old,new', 'old,new', 'new,old', 'old,new', 'new,old'],
    [],
  ],
  ['a new key that is put first immediately is refused', ['old', 'new,old'], [1]],
  [
    'a process without a key that others write with is refused',
    ['old', 'old,new', 'new,old', 'old', 'new'],
    [3, 4],
  ],
  [
    'a process that starts without the new key unregisters it, because it cannot read with it',
    ['old', 'old,new', 'old', 'new,old', 'old,new', 'new,old'],
    [3],
  ],
])('%s', async (_, rings, refused) => {
  await withRollback(graph, async (rolledBack) => {
    await rolledBack.read(DELETE_KEYS);
    expect(await startResults(rolledBack, ...rings)).toEqual(
      rings.map((__, n) => (refused.includes(n) ? 'key_unavailable' : 'starts')),
    );
  });
});

test('processes that start concurrently wait for each other', async () => {
  const { keys, blindKeys } = readGraphEnvironment(process.env);
  const environment = { keys, blindKeys, codecKeys: readCodecKeys(process.env) };
  await Promise.all(Array.from({ length: 8 }, () => admitKeys(graph, environment)));
  const names = Object.values(environment).flatMap((ring) => ring.reveal().map(({ id }) => id));
  const known = await graph.read<{ id: string }>(
    'MATCH (k:RingKey) WHERE k.first_since IS NOT NULL RETURN k.id AS id',
  );
  expect(known.map(({ id }) => id)).toEqual(expect.arrayContaining(names));
});
