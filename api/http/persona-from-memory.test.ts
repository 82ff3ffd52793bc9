import { expect, test } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import type { PersonaView } from '../../services/views.ts';
import { testPersona } from '../../test/catalogue-fixtures.ts';
import { fakeServices, silentObservers, testAppOptions } from '../fakes.ts';
import { createApp } from './app.ts';

const at = '2026-01-05T10:00:00.000Z';
const { context: _, response_format: __, ...content } = testPersona();
const persona: PersonaView = {
  ...{ name: 'a-1', ...content, version: 7, is_active: true, created_at: at, updated_at: at },
};

/** Status, headers but ids, and body. */
async function answerTo(path: string, staleMs?: number): Promise<unknown[]> {
  const services = fakeServices({
    getPersona: async (_, { name }) => {
      if (name !== persona.name) throw new PersonaError('persona_not_found', 'there is none');
      return { value: persona, ...(staleMs !== undefined && { staleMs }) };
    },
  });
  const response = await createApp(services, silentObservers(), testAppOptions).request(path);
  const headers = [...response.headers].filter(([name]) => !/^(x-request-id|traceparent)$/.test(name));
  const { instance: _, ...body } = (await response.json()) as Record<string, unknown>;
  return [response.status, headers, body];
}

test.each([
  ['a persona', 'a-1', undefined],
  ['one that may be old', 'a-1', 7_500],
  ['an unknown one', 'b', undefined],
  ['a name that none can have', 'Not_A_Name', undefined],
  ['a name that is too long', 'a'.repeat(101), undefined],
])('%s is answered from memory as by its route', async (_, name, staleMs) => {
  // With a query, even an empty one, the route answers.
  expect(await answerTo(`/personas/${name}`, staleMs)).toEqual(await answerTo(`/personas/${name}?`, staleMs));
});

test('a name may be encoded, and the answer has version and age', async () => {
  expect(await answerTo('/personas/%61-1', 7_500)).toEqual([
    200,
    expect.arrayContaining([
      ['etag', '"7"'],
      ['age', '7'],
      ['warning', '110 persona "Response is stale"'],
    ]),
    persona,
  ]);
  expect((await answerTo('/personas/Not_A_Name'))[0]).toBe(422);
  expect((await answerTo('/personas/b'))[0]).toBe(404);
});
