/** The OpenAPI document names the headers of refusals; those of other responses are compared in test/contracts. */

import { expect, test } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import { type DocumentedResponses, wrongHeaders } from '../../test/contracts/documented-headers.ts';
import { createMetrics } from '../../platform/metrics.ts';
import type { Services } from '../../services/services.ts';
import { createAdmission } from '../admission.ts';
import { fakeServices, silentObservers, testAppOptions } from '../fakes.ts';
import { createApp } from './app.ts';

const PROFILE = 'GET /api/v1/customers/{customer_id}/profile';
const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const LIMIT = 3;

function appOf(services: Partial<Services>, mayCall = true) {
  return createApp(fakeServices(services), silentObservers(), {
    ...testAppOptions,
    ...(!mayCall && {
      authentication: {
        ...testAppOptions.authentication,
        rest: () => Promise.reject(new PersonaError('unauthenticated', 'no')),
      },
    }),
    admission: createAdmission(createMetrics(), {
      rateLimits: { customer: LIMIT, service: LIMIT, webhook: LIMIT, unauthenticated: LIMIT },
      isStarted: () => true,
      eventLoopDelayMs: () => 0,
    }),
  });
}

/** @returns the status, and how the headers differ from the documented ones */
async function ask(app: ReturnType<typeof appOf>, route: string, init: RequestInit = {}) {
  const [, path = ''] = route.split(' ');
  const response = await app.request(path.replace('{customer_id}', CUSTOMER), init);
  const document = (await (await app.request('/openapi.json')).json()) as DocumentedResponses;
  return [response.status, wrongHeaders(document, route, response)];
}

test('of a caller without a token, and of one over the limit', async () => {
  const strangers = appOf({}, false);
  for (let n = 0; n < LIMIT; n += 1) expect(await ask(strangers, PROFILE)).toEqual([401, []]);
  expect(await ask(strangers, PROFILE)).toEqual([429, []]);
  const callers = appOf({ getProfile: async () => ({ changed_seq: 1 }) as never });
  for (let n = 0; n < LIMIT; n += 1) expect(await ask(callers, PROFILE)).toEqual([200, []]);
  expect(await ask(callers, PROFILE)).toEqual([429, []]);
});

test('of an unavailable graph, a wrong method and a body that is no JSON', async () => {
  const app = appOf({
    getProfile: () => Promise.reject(new PersonaError('graph_unavailable', 'away')),
    dependencyStates: async () => ({ neo4j: 'down' }),
  });
  expect(await ask(app, PROFILE)).toEqual([503, []]);
  expect(await ask(app, PROFILE, { method: 'POST' })).toEqual([405, []]);
  const text = { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } };
  expect(await ask(app, 'POST /internal/v1/payment-failures', text)).toEqual([400, []]);
  expect(await ask(app, 'GET /readyz')).toEqual([503, []]);
});

test('a POST whose body has an id accepts an Idempotency-Key, and does not require it', async () => {
  const { paths } = (await (await appOf({}).request('/openapi.json')).json()) as {
    paths: Record<string, { post?: { parameters?: { name: string; required?: boolean }[] } }>;
  };
  const required = Object.entries(paths).flatMap(([path, { post }]) =>
    post === undefined
      ? []
      : [[path, post.parameters?.find(({ name }) => name === 'idempotency-key')?.required]],
  );
  expect(Object.fromEntries(required)).toEqual({
    '/api/v1/customers': false,
    '/api/v1/customers/{customer_id}/addresses': true,
    '/api/v1/customers/{customer_id}/identifiers/{identifier_id}/verify': true,
    '/api/v1/customers/{customer_id}/payment-methods': true,
    '/api/v1/customers/{customer_id}/timeline/{seq}/contest': true,
    '/api/v1/customers/{customer_id}/timeline/{seq}/notes': true,
    '/internal/v1/fraud-outcomes': false,
    '/internal/v1/payment-failures': false,
    '/internal/v1/payment-settlements': false,
    '/persona/{name}': undefined,
    '/personas/{name}/activate': true,
    '/personas/{name}/deactivate': true,
    '/personas/{name}/metrics': true,
    '/webhooks/stripe': undefined,
  });
});
