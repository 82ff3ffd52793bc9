import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { Graph } from '../graph/index.ts';
import { isAboutErased, namesErased } from './late-messages.ts';

const HIDDEN = '0198f2d4-7c1a-7bbb-8ccc-0123456789ab';
const graph = {
  read: async (_: string, { customer_id }: { customer_id: string }) => [
    { status: customer_id === HIDDEN ? 'erasing' : 'active' },
  ],
} as unknown as Graph;

test('a message about a hidden customer is recognised, also with the id in capitals', async () => {
  expect(await namesErased(graph, { customer_id: HIDDEN })).toBe(true);
  expect(await namesErased(graph, { customer_id: HIDDEN.toUpperCase() })).toBe(true);
});

test('an answer of the API is one about a hidden customer only if it says that something is unknown', async () => {
  const input = { customer_id: HIDDEN };
  expect(await isAboutErased(graph, new PersonaError('customer_not_found', 'x'), input)).toBe(true);
  expect(await isAboutErased(graph, new PersonaError('invalid_argument', 'x'), input)).toBe(false);
});
