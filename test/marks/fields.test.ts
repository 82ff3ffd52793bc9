import { expect, test } from 'vitest';
import { obsolete, unclassified } from './fields.ts';
import { grpcTexts, restTexts } from './string-fields.ts';

const texts = async () => [...(await restTexts()), ...grpcTexts()];

test('every text of the contracts is marked in the marked-secret test, or known not to be personal', async () => {
  expect(unclassified(await texts())).toEqual([]);
  expect(obsolete(await texts())).toEqual([]);
});

test('a new text in a request, in a list of a response and in a query is noticed', async () => {
  const schema = { type: 'object', properties: { full_name: { type: 'string' } } };
  const document = {
    components: { schemas: { Person: schema } },
    paths: {
      '/people': {
        get: {
          parameters: [{ name: 'nick', schema: { type: 'string' } }],
          responses: {
            200: { content: { 'application/json': { schema: { type: 'array', items: schema } } } },
          },
        },
        post: {
          requestBody: { content: { 'application/json': { schema: { anyOf: [schema, {}] } } } },
          responses: {},
        },
      },
    },
  };
  expect(unclassified(await restTexts(JSON.stringify(document)))).toEqual(
    [
      'GET /people nick',
      'GET /people.full_name',
      'POST /people',
      'POST /people.full_name',
      'Person.full_name',
    ].sort(),
  );
});
