import { expect, test } from 'vitest';
import type { PersonaView } from '../../../services/views.ts';
import { fakeServices, silentObservers, testAppOptions } from '../../fakes.ts';
import { createApp } from '../app.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

test.each<[string, Record<string, string>, string | undefined, unknown]>([
  ['no body', {}, undefined, [200, {}]],
  ['no body, though its type is named', JSON_TYPE, undefined, [200, {}]],
  ['a version', JSON_TYPE, '{"version":1}', [200, { version: 1 }]],
  ['a version as a form', { 'content-type': 'application/x-www-form-urlencoded' }, '{"version":1}', [415]],
  ['a version of no type', { 'content-type': '' }, '{"version":1}', [415]],
  ['half a body', JSON_TYPE, '{"version"', [400]],
])('a persona is activated with %s, or it is refused', async (_, headers, body, outcome) => {
  const received: unknown[] = [];
  const persona = { name: 'a', version: 2 } as PersonaView;
  const services = fakeServices({
    activatePersona: async (__, request) => {
      received.push(request.body);
      return { persona, changed: true };
    },
  });
  const { status } = await createApp(services, silentObservers(), testAppOptions).request(
    '/personas/a/activate',
    { method: 'POST', headers: { ...headers, 'idempotency-key': 'k' }, ...(body !== undefined && { body }) },
  );
  expect([status, ...received]).toEqual(outcome);
});
