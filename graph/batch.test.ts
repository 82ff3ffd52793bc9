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
      'CALL () { UNWIND $part0 AS row_ CALL (row_) { CREATE (:A {id: row_.id}) } }',
      'CALL () { UNWIND $part1 AS row_ CALL (row_) { CREATE (:B {id: row_.id, of: row_.data.of}) } }',
      'CALL () { UNWIND $part2 AS row_ CALL (row_) { CREATE (:A {id: row_.id}) } }',
    ].join('\n'),
    parameters: {
      part0: [{ id: 1 }],
      part1: [
        { id: 2, data: { of: 1 } },
        { id: 3, data: { of: 1 } },
      ],
      part2: [{ id: 4 }],
    },
  });
  expect(batch.take()).toBeUndefined();
});

test('a single statement stays as it is', () => {
  const batch = createBatch();
  batch.add('CREATE (:A {id: $id})', { id: 1 });
  expect(batch.take()).toEqual({ cypher: 'CREATE (:A {id: $id})', parameters: { id: 1 } });
});
