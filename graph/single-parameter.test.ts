import { expect, test } from 'vitest';
import { toSingleParameter } from './single-parameter.ts';

test('a statement is sent with a single parameter, a map of all its parameters', () => {
  const cypher = 'MATCH (n:Customer {id: $id}) SET n.locale = $data.locale, n += $p0[1]';
  const rewritten = 'MATCH (n:Customer {id: $p.id}) SET n.locale = $p.data.locale, n += $p.p0[1]';
  const parameters = { id: 'a', data: { locale: undefined }, p0: [] };
  expect(toSingleParameter(cypher, parameters)).toEqual([
    rewritten,
    { p: { id: 'a', data: { locale: null }, p0: [] } },
  ]);
  expect(toSingleParameter(cypher, { id: null })[0]).toBe(rewritten);
});
