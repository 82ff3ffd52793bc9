import { expect, test } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import type { Services } from '../../services/services.ts';
import type { PaymentMethodView } from '../../services/views.ts';
import { fakeServices, silentObservers, testAppOptions } from '../fakes.ts';
import { createApp } from './app.ts';

const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const METHOD = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e22';
const CARD = '4242 4242 4242 4242';
const method: PaymentMethodView = {
  payment_method_id: METHOD,
  type: 'card',
  status: 'compromised',
  brand: 'visa',
  last_four: '4242',
  is_default: true,
  off_session_consent: true,
  first_used: '2026-01-05T10:00:00.000Z',
  last_used: '2026-04-18T10:00:00.000Z',
  changed_seq: 7,
};
const failure = {
  event_id: 'evt-1',
  payment_id: 'pay-1',
  customer_id: CUSTOMER,
  payment_method_id: METHOD,
  amount: 1250,
  currency: 'EUR',
  kind: 'recurring',
  occurred_at: '2026-04-18T10:00:00Z',
};
const onboarded = {
  customer_id: CUSTOMER,
  created: true,
  version: 3,
  match: { rule: 'none', proven: true, suggested_customer_ids: [] },
  warnings: [],
} as const;
const appOf = (services: Partial<Services>, stopping = false) =>
  createApp(fakeServices(services), silentObservers(), {
    ...testAppOptions,
    phase: () => (stopping ? 'stopping' : 'running'),
  });

function post(
  app: ReturnType<typeof appOf>,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
) {
  return app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

async function problemOf(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const body = (await response.json()) as { type: string; errors?: { pointer: string }[] };
  expect(body).toMatchObject({
    status: response.status,
    instance: response.headers.get('x-request-id'),
    title: expect.any(String),
    detail: expect.any(String),
  });
  return { ...body, pointers: body.errors?.map(({ pointer }) => pointer) ?? [] };
}

test('a new customer is 201, a recognised one 200, both with the profile as Location', async () => {
  const received: unknown[] = [];
  const app = appOf({
    onboard: async (caller, request) => {
      received.push([caller.caller, request]);
      return {
        ...onboarded,
        created: received.length === 1,
        warnings: [],
        match: { ...onboarded.match, suggested_customer_ids: [] },
      };
    },
  });
  const body = { transaction_id: 't-1', occurred_at: '2026-04-18T10:00:00Z', surprise: { a: 1 } };
  const first = await post(app, '/api/v1/customers', body);
  expect(first.status).toBe(201);
  expect(first.headers.get('location')).toBe(`/api/v1/customers/${CUSTOMER}/profile`);
  expect(await first.json()).toMatchObject({ customer_id: CUSTOMER, created: true });
  expect((await post(app, '/api/v1/customers', body)).status).toBe(200);
  expect(received[0]).toEqual(['service', expect.objectContaining({ transaction_id: 't-1' })]);
});

test('values that only the policy refuses are listed together with all other problems', async () => {
  const { pointers } = await problemOf(
    await post(appOf({}), '/api/v1/customers', {
      transaction_id: '',
      customer_metadata: { ltv: '12.345' },
      // The country is unknown.
      phone: '0151 12345678',
      occurred_at: '2026-04-18T10:00:00Z',
    }),
  );
  expect(pointers.sort()).toEqual(['#/customer_metadata/ltv', '#/phone', '#/transaction_id']);
});

test('all problems of a body are listed together, those of its shape and those of the domain rules', async () => {
  const response = await post(appOf({}), '/api/v1/customers', {
    transaction_id: '',
    payment_method_details: { type: 'cheque', token: 'tok', expiry_month: 13, last_four: '12a4' },
    address_details: { street1: 'A 1', city: 'B', zip_code: '1', country: 'XX', type: 'shipping' },
    digital_identifiers: [
      { type: 'email', value: 'ada@example.org' },
      { type: 'email', value: 'nobody' },
    ],
    occurred_at: 'yesterday',
  });
  expect(response.status).toBe(422);
  const { type, pointers } = await problemOf(response);
  expect(type).toBe('urn:persona:error:invalid_argument');
  expect(pointers.sort()).toEqual([
    '#/address_details/country',
    '#/digital_identifiers/1/value',
    '#/occurred_at',
    '#/payment_method_details/expiry_month',
    '#/payment_method_details/expiry_year',
    '#/payment_method_details/last_four',
    '#/payment_method_details/type',
    '#/transaction_id',
  ]);
});

test.each([
  [
    '/api/v1/customers',
    { transaction_id: 't', occurred_at: '2026-04-18T10:00:00Z', x: { note: CARD } },
    '#/x/note',
  ],
  ['/internal/v1/payment-failures', { ...failure, description: `paid with ${CARD}` }, '#/description'],
  [`/api/v1/customers/${CUSTOMER}/payment-methods`, { type: 'card', token: '4242424242424242' }, '#/token'],
])('a card number is refused by %s and not repeated', async (path, body, pointer) => {
  const response = await post(appOf({}), path, body, { 'idempotency-key': 'k' });
  expect(response.status).toBe(422);
  const text = await response.clone().text();
  expect(text.replaceAll(' ', '')).not.toContain('4242424242424242');
  const { type, pointers } = await problemOf(response);
  expect(type).toBe('urn:persona:error:card_number_refused');
  expect(pointers).toEqual([pointer]);
});

test.each([
  ['malformed JSON', 400, '{"a":', {}],
  ['another media type', 415, 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }],
  ['a list', 422, '[]', {}],
  ['more than 64 KiB', 413, JSON.stringify({ transaction_id: 'x'.repeat(70_000) }), {}],
  ['more than 64 KiB, as its length says', 413, '{}', { 'content-length': '65537' }],
])('a body of %s is refused with %i', async (_, status, body, headers) => {
  const response = await post(appOf({}), '/api/v1/customers', body, headers);
  expect(response.status).toBe(status);
  await problemOf(response);
});

test.each([{ type: 'card', token: 't' }, { type: 'cheque' }, '{"a":'])(
  'a POST without an id in its body requires an Idempotency-Key, regardless of the body: %j',
  async (body) => {
    const response = await post(appOf({}), `/api/v1/customers/${CUSTOMER}/payment-methods`, body);
    expect(response.status).toBe(400);
    expect(await problemOf(response)).toMatchObject({
      type: 'urn:persona:error:idempotency_key_required',
      errors: [{ pointer: '#/Idempotency-Key', message: 'is required' }],
    });
  },
);

test('an invalid key is refused, and the problem names the header', async () => {
  const path = `/api/v1/customers/${CUSTOMER}/payment-methods`;
  const response = await post(appOf({}), path, { type: 'card', token: 't' }, { 'idempotency-key': 'a b' });
  expect(response.status).toBe(422);
  expect((await problemOf(response)).pointers).toEqual(['#/Idempotency-Key']);
});

test('every problem has the message of the domain rules and the pointer to its field', async () => {
  const response = await post(appOf({}), '/internal/v1/payment-failures', {
    ...failure,
    event_id: undefined,
    amount: 0,
    currency: 12,
    customer_id: 'x',
    kind: 'yearly',
    network: ['visa'],
  });
  expect((await response.json()) as object).toMatchObject({
    detail:
      'event_id: is required; customer_id: must be a UUID; amount: must be at least 1; currency: must be a string; ' +
      'kind: must be one of recurring, one_time; ' +
      'network: must be one of visa, mastercard, amex, discover, diners, jcb, unionpay, ach, sepa',
    errors: [
      { pointer: '#/event_id', message: 'is required' },
      { pointer: '#/customer_id', message: 'must be a UUID' },
      { pointer: '#/amount', message: 'must be at least 1' },
      { pointer: '#/currency', message: 'must be a string' },
      { pointer: '#/kind', message: 'must be one of recurring, one_time' },
      { pointer: '#/network', message: expect.stringMatching(/^must be one of visa, /) },
    ],
  });
});

test('a body that is not an object is a single problem of the whole request', async () => {
  const response = await post(appOf({}), '/api/v1/customers', '[]');
  expect((await response.json()) as object).toMatchObject({
    detail: 'the request: must be an object',
    errors: [{ pointer: '#', message: 'must be an object' }],
  });
});

test('a new payment method is 201 with its URL and version, and the customer is the caller', async () => {
  const app = appOf({
    addPaymentMethod: async (caller, added) => {
      expect(caller).toMatchObject({ caller: `customer:${CUSTOMER}`, idempotencyKey: 'key-1' });
      expect(added).toEqual({
        customer_id: CUSTOMER,
        type: 'card',
        token: 'pm_1',
        device_id: undefined,
        off_session_consent: true,
      });
      return { ...method, status: 'active' };
    },
  });
  const response = await post(
    app,
    `/api/v1/customers/${CUSTOMER.toUpperCase()}/payment-methods`,
    { type: 'card', token: 'pm_1', off_session_consent: true, device_id: null },
    { 'idempotency-key': 'key-1' },
  );
  expect(response.status).toBe(201);
  expect(response.headers.get('location')).toBe(`/api/v1/customers/${CUSTOMER}/payment-methods/${METHOD}`);
  expect(response.headers.get('etag')).toBe('"7"');
  expect(await response.json()).toMatchObject({ payment_method_id: METHOD, status: 'active' });
});

test('customers see a compromised method as inactive', async () => {
  const app = appOf({
    getPaymentMethods: async (_, request) => {
      expect(request).toEqual({ customer_id: CUSTOMER, limit: 1, cursor: 'abc' });
      return { items: [method], next_cursor: 'next' };
    },
    getPaymentMethod: async () => method,
  });
  const path = `/api/v1/customers/${CUSTOMER}/payment-methods`;
  const list = (await (await app.request(`${path}?limit=1&cursor=abc`)).json()) as { items: unknown[] };
  expect(list).toMatchObject({ items: [{ status: 'inactive' }], next_cursor: 'next' });
  const one = await app.request(`${path}/${METHOD}`);
  expect(one.headers.get('etag')).toBe('"7"');
  expect(await one.json()).toMatchObject({ status: 'inactive' });
});

test('the last page has a next_cursor of null', async () => {
  const app = appOf({ getPaymentMethods: async () => ({ items: [] }) });
  const list = await app.request(`/api/v1/customers/${CUSTOMER}/payment-methods`);
  expect(await list.json()).toEqual({ items: [], next_cursor: null });
});

test.each([
  ['limit=0', 'limit', 'must be at least 1'],
  ['limit=-1', 'limit', 'must be at least 1'],
  ['limit=101', 'limit', 'must be at most 100'],
  ['limit=5000', 'limit', 'must be at most 100'],
  ['limit=ten', 'limit', 'must be an integer'],
  ['limit=', 'limit', 'must be an integer'],
  ['limit=1&limit=2', 'limit', 'must be given once'],
  ['cursor=a&cursor=b', 'cursor', 'must be given once'],
])('a list refuses the query %s', async (query, field, message) => {
  const response = await appOf({}).request(`/api/v1/customers/${CUSTOMER}/payment-methods?${query}`);
  expect(response.status).toBe(422);
  expect(await problemOf(response)).toMatchObject({
    detail: `${field}: ${message}`,
    errors: [{ pointer: `#/${field}`, message }],
  });
});

test('an empty string counts as an absent field for every field under the domain rules', async () => {
  const app = appOf({ reportPaymentFailure: async () => ({ workflow_id: 'recovery:pay-1' }) });
  expect(
    (await post(app, '/internal/v1/payment-failures', { ...failure, network: '', status: '' })).status,
  ).toBe(202);
  const refused = await post(app, '/internal/v1/payment-failures', { ...failure, kind: '', customer_id: '' });
  expect((await problemOf(refused)).pointers.sort()).toEqual(['#/customer_id', '#/kind']);
  const path = `/api/v1/customers/${CUSTOMER}/payment-methods`;
  const method = await post(app, path, { type: '', token: '' }, { 'idempotency-key': 'k' });
  expect((await problemOf(method)).pointers.sort()).toEqual(['#/token', '#/type']);
});

test('a log line names the customer, payment and workflow of its request', async () => {
  const lines: string[] = [];
  const services = fakeServices({ reportPaymentFailure: async () => ({ workflow_id: 'recovery:pay-1' }) });
  const app = createApp(
    services,
    silentObservers((line) => lines.push(line)),
    testAppOptions,
  );
  const response = await post(app, '/internal/v1/payment-failures', failure);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    customer_id: CUSTOMER,
    payment_id: 'pay-1',
    workflow_id: 'recovery:pay-1',
    code: '202',
    // Without a correlation id of the caller, the request id is used.
    correlation_id: response.headers.get('x-request-id'),
  });
});

test('a report is accepted with the id of its workflow', async () => {
  const app = appOf({ reportPaymentFailure: async () => ({ workflow_id: 'recovery:pay-1' }) });
  const response = await post(app, '/internal/v1/payment-failures', failure);
  expect(response.status).toBe(202);
  expect(await response.json()).toEqual({ workflow_id: 'recovery:pay-1' });
});

test.each([
  ['customer_not_found', 404],
  ['obligation_mismatch', 409],
  ['idempotency_key_reused', 422],
  ['temporal_unavailable', 503],
  ['deadline_exceeded', 504],
] as const)('%s is %i', async (type, status) => {
  const app = appOf({ reportPaymentFailure: () => Promise.reject(new PersonaError(type, 'because')) });
  const response = await post(app, '/internal/v1/payment-failures', failure);
  expect(response.status).toBe(status);
  expect(await problemOf(response)).toMatchObject({ type: `urn:persona:error:${type}`, detail: 'because' });
  expect(response.headers.has('retry-after')).toBe(status >= 500);
});

test('a path that does not exist is repeated neither in the response nor in the log', async () => {
  const lines: string[] = [];
  const app = createApp(
    fakeServices({}),
    silentObservers((line) => lines.push(line)),
    testAppOptions,
  );
  const response = await app.request('/api/v1/customers/by-email/ada@shop.example');
  expect(response.status).toBe(404);
  expect(await response.text()).not.toContain('ada@');
  expect(lines).toEqual([expect.not.stringContaining('ada@')]);
});

test('an internal error is logged and not disclosed', async () => {
  const lines: string[] = [];
  const services = fakeServices({ getProfile: () => Promise.reject(new Error('inner detail')) });
  const app = createApp(
    services,
    silentObservers((line) => lines.push(line)),
    testAppOptions,
  );
  const response = await app.request(`/api/v1/customers/${CUSTOMER}/profile`, {
    headers: { 'x-correlation-id': 'corr-1' },
  });
  expect(response.status).toBe(500);
  expect(JSON.stringify(await problemOf(response))).not.toContain('inner detail');
  const line = JSON.parse(lines[0] ?? '{}');
  expect(line).toMatchObject({
    level: 50,
    correlation_id: 'corr-1',
    operation: 'GET /api/v1/customers/:customer_id/profile',
    code: '500',
    err: { message: expect.stringContaining('inner detail') },
  });
});

test('wrong methods are 405 with Allow, unknown paths 404, malformed ids 422', async () => {
  const app = appOf({});
  const wrong = await app.request(`/api/v1/customers/${CUSTOMER}/profile`, { method: 'DELETE' });
  expect(wrong.status).toBe(405);
  expect(wrong.headers.get('allow')).toContain('GET');
  expect((await problemOf(wrong)).type).toBe('urn:persona:error:method_not_allowed');
  const unknown = await app.request('/api/v2/customers');
  expect(unknown.status).toBe(404);
  await problemOf(unknown);
  const malformed = await app.request('/api/v1/customers/not-an-id/profile');
  expect(malformed.status).toBe(422);
  expect((await problemOf(malformed)).pointers).toEqual(['#/customer_id']);
});

test('the trace is continued, and ids that could forge a log line are replaced', async () => {
  const app = appOf({});
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const response = await app.request('/healthz', {
    headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01`, 'x-request-id': 'a b' },
  });
  expect(response.headers.get('traceparent')).toMatch(
    new RegExp(`^00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`),
  );
  expect(response.headers.get('x-request-id')).not.toContain(' ');
});

test('readiness reports which server is down, and that the process is stopping', async () => {
  const up = { neo4j: 'up', temporal: 'up' } as const;
  const ready = await appOf({ dependencyStates: async () => up }).request('/readyz');
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', dependencies: up }]);
  const down = await appOf({ dependencyStates: async () => ({ ...up, neo4j: 'down' }) }).request('/readyz');
  expect([down.status, await down.json()]).toEqual([
    503,
    { status: 'unavailable', dependencies: { ...up, neo4j: 'down' } },
  ]);
  const leaving = await appOf({ dependencyStates: async () => up }, true).request('/readyz');
  expect(leaving.status).toBe(503);
});

test('without Temporal the role reads is ready and the role processes is not', async () => {
  const dependencies = { neo4j: 'up', temporal: 'down' } as const;
  const app = appOf({ dependencyStates: async () => dependencies });
  const reads = await app.request('/readyz');
  expect([reads.status, await reads.json()]).toEqual([200, { status: 'degraded', dependencies }]);
  const processes = await app.request('/readyz?role=processes');
  expect([processes.status, await processes.json()]).toEqual([503, { status: 'unavailable', dependencies }]);
  expect((await app.request('/readyz?role=other')).status).toBe(422);
});

test('the OpenAPI document describes every route, and its page loads only local assets', async () => {
  const app = appOf({});
  const document = (await (await app.request('/openapi.json')).json()) as {
    openapi: string;
    paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
  };
  expect(document.openapi).toBe('3.1.0');
  const routes = app.routes
    .filter(({ method: verb, path }) => verb !== 'ALL' && !/^\/(docs|schemas|openapi\.json$)/.test(path))
    .map(({ method: verb, path }) => `${verb} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  const described = Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.keys(verbs).map((verb) => `${verb.toUpperCase()} ${path}`),
  );
  expect(new Set(described)).toEqual(new Set(routes));
  expect(Object.keys(document.paths['/api/v1/customers']?.post?.responses ?? {})).toEqual(
    expect.arrayContaining(['200', '201', '400', '405', '413', '415', '422', '503']),
  );

  const page = await (await app.request('/docs')).text();
  const assets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? '');
  expect(assets.length).toBe(3);
  for (const asset of assets) {
    expect(asset.startsWith('/docs/')).toBe(true);
    expect((await app.request(asset)).status).toBe(200);
  }
});

test('the OpenAPI document says which routes need a token, and what callers are refused with', async () => {
  const document = (await (await appOf({}).request('/openapi.json')).json()) as {
    paths: Record<string, Record<string, { security: object[]; responses: Record<string, unknown> }>>;
    components: { securitySchemes: object };
  };
  expect(Object.keys(document.components.securitySchemes)).toEqual(['access_token']);
  const operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({
      name: `${verb.toUpperCase()} ${path}`,
      ...operation,
    })),
  );
  const isPublic = ({ name }: { name: string }) =>
    [
      'GET /health',
      'GET /healthz',
      'GET /readyz',
      'POST /webhooks/stripe',
      'GET /api/v1/erasures/{erasure_id}',
    ].includes(name);
  expect(operations.filter(isPublic).length).toBe(5);
  for (const operation of operations) {
    expect(operation.security, operation.name).toEqual(isPublic(operation) ? [] : [{ access_token: [] }]);
    const needed = isPublic(operation) ? ['408'] : ['401', '403', '404', '405', '408', '429', '503', '504'];
    expect(Object.keys(operation.responses), operation.name).toEqual(expect.arrayContaining(needed));
    if (isPublic(operation)) expect(operation.responses, operation.name).not.toHaveProperty('401');
  }
});

test('a timeline is returned page by page, as read by the services', async () => {
  const entry = { seq: 7, type: 'LtvAdjusted', occurred_at: '2026-04-18T10:00:00.000Z', text: 'T.' };
  const received: unknown[] = [];
  const app = appOf({
    getTimeline: async (_, request) => {
      received.push(request);
      return { items: [entry], next_cursor: 'next' };
    },
  });
  const path = `/api/v1/customers/${CUSTOMER}/timeline`;
  const response = await app.request(`${path}?limit=1&cursor=c`);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ items: [entry], next_cursor: 'next' });
  expect(received).toEqual([{ customer_id: CUSTOMER, limit: 1, cursor: 'c' }]);
  expect((await app.request(`${path}?limit=0`)).status).toBe(422);
});

test.each([
  ['JSON', 200, `GET /api/v1/customers/${CUSTOMER}/profile`],
  ['JSON that is asked for with HEAD', 200, `HEAD /api/v1/customers/${CUSTOMER}/profile`],
  ['nothing', 204, `DELETE /api/v1/customers/${CUSTOMER}/payment-methods/${METHOD}`],
  ['a page', 200, 'GET /docs'],
  ['a stream', 200, 'POST /persona/fee-analyst'],
  ['a refusal', 422, 'GET /api/v1/customers/x/profile'],
  ['an unknown path', 404, 'GET /nothing'],
  ['another method', 405, 'PUT /docs'],
])(
  'a response with %s has the headers of every response once, beside its own',
  async (_, status, request) => {
    const app = appOf({
      getProfile: async () => ({ customer_id: CUSTOMER, changed_seq: 7 }) as never,
      removePaymentMethod: async () => undefined as never,
      askPersona: async function* () {
        yield { text: 'Yes' };
      } as never,
    });
    const [method, path] = request.split(' ') as [string, string];
    const response = await app.request(path, {
      method,
      headers: { 'x-request-id': 'order.7', 'if-match': '*', 'content-type': 'application/json' },
      ...(method === 'POST' && { body: JSON.stringify({ message: 'May I?', stream: true }) }),
    });
    expect(response.status).toBe(status);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-request-id': 'order.7',
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/),
      'x-content-type-options': 'nosniff',
      'strict-transport-security': expect.any(String),
      'content-security-policy': expect.stringMatching(/^default-src 'none'; script-src 'self'; /),
      ...(path.endsWith('/profile') && status === 200 && { etag: '"7"' }),
      ...(status === 405 && { allow: 'GET, HEAD' }),
      ...(status >= 400 && { 'content-type': 'application/problem+json' }),
    });
  },
);

test('a persona is returned as it was just read, whatever was returned before', async () => {
  const persona = { name: 'fee-analyst', version: 1, role: 'Explains fees' };
  const answers = [
    { value: persona },
    { value: persona, staleMs: 3_400 },
    { value: { ...persona, version: 2, role: 'Explains prices' } },
  ];
  const app = appOf({ getPersona: async () => answers.shift() as never });
  const read = async () => {
    const response = await app.request('/personas/fee-analyst');
    return [response.headers.get('etag'), response.headers.get('age'), await response.json()];
  };
  expect(await read()).toEqual(['"1"', null, persona]);
  expect(await read()).toEqual(['"1"', '3', persona]);
  expect(await read()).toEqual(['"2"', null, { ...persona, version: 2, role: 'Explains prices' }]);
});
