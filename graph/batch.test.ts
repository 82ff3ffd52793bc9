import { expect, test } from 'vitest';
import { createBatch } from './batch.ts';

test('what is sent one after the other becomes one statement, in its order', () => {
  const batch = createBatch();
  batch.add('CREATE (:A {id: $id})', { id: 1 });
  batch.add('CREATE (:B {id: $id, of: $data.of})', { id: 2, data: { of: 1 } });
  batch.add('CREATE (:B {id: $id, of: $data.of})', { id: 3, data: { of: 1 } });
  batch.add('CREATE (:A {id: $id})', { id: 4 });
  expect(batch.take()).toEqual({
    cypher: [
      'CYPHER replan=skip',
      'CALL () { CREATE (:A {id: $part0.id}) }',
      'CALL () { UNWIND $part1 AS row_ CALL (row_) { CREATE (:B {id: row_.id, of: row_.data.of}) } }',
      'CALL () { CREATE (:A {id: $part2.id}) }',
    ].join('\n'),
    parameters: {
      part0: { id: 1 },
      part1: [
        { id: 2, data: { of: 1 } },
        { id: 3, data: { of: 1 } },
      ],
      part2: { id: 4 },
    },
  });
  expect(batch.take()).toBeUndefined();
});

test('what is sent before a statement that reads becomes its beginning, and nothing is left', () => {
  const batch = createBatch();
  batch.add('CREATE (:A {id: $id})', { id: 1 });
  const reading = { cypher: 'MATCH (a:A {id: $id})\n  RETURN a.id AS id', parameters: { id: 2 } };
  expect(batch.takeBefore(reading)).toEqual({
    cypher: 'CALL () { CREATE (:A {id: $part0.id}) }\nMATCH (a:A {id: $id})\nRETURN a.id AS id',
    parameters: { id: 2, part0: { id: 1 } },
  });
  expect(batch.takeBefore(reading)).toEqual(reading);
});
