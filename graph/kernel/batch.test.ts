import { expect, test } from 'vitest';
import { createBatch } from './batch.ts';

test('consecutive writes become one statement, in order, each with its own parameters', () => {
  const batch = createBatch();
  batch.add('CREATE (:A {id: $id, again: $id})', { id: 1 });
  batch.add('CREATE (:B {id: $id, of: $data.of})', { id: 2, data: { of: 1 } });
  batch.add('CREATE (:B {id: $id, of: $data.of})', { id: 3, data: null });
  batch.add('CREATE (:A {id: $id, again: $id})', { id: 4 });
  expect(batch.take()).toEqual({
    cypher: [
      'CYPHER replan=skip',
      'CALL () { CREATE (:A {id: $p0.id, again: $p0.id}) }',
      'CALL () { UNWIND $p1 AS row_ CALL (row_) { CREATE (:B {id: row_.id, of: row_.data.of}) } }',
      'CALL () { CREATE (:A {id: $p2.id, again: $p2.id}) }',
    ].join('\n'),
    parameters: {
      p0: { id: 1 },
      p1: [
        { id: 2, data: { of: 1 } },
        { id: 3, data: null },
      ],
      p2: { id: 4 },
    },
  });
  expect(batch.take()).toBeUndefined();
});

test('writes before a statement that reads become its prefix, and none are left', () => {
  const batch = createBatch();
  batch.add('CREATE (:A {id: $id})', { id: 1 });
  const reading = { cypher: 'MATCH (a:A {id: $id})\n  RETURN a.id AS id', parameters: { id: 2 } };
  expect(batch.takeBefore(reading)).toEqual({
    cypher: 'CALL () { CREATE (:A {id: $p0.id}) }\nMATCH (a:A {id: $id})\nRETURN a.id AS id',
    parameters: { id: 2, p0: { id: 1 } },
  });
  expect(batch.takeBefore(reading)).toEqual(reading);
});
