/**
 * A customer who is being erased, one who was erased, and an id that never was one get the same responses from every
 * route and every rpc, but for the settlement of what a hidden customer owes: the requests are those of the examples, about
 * each of them. A new route or rpc is asked as well, or has to be named here.
 */

import { globSync, readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServiceError } from '@grpc/grpc-js';
import { addAddress, getDigitalIdentifiers, getDevices, getAddresses } from '../../graph/index.ts';
import { announceErasure, forgetCustomer, hideCustomer, requestErasure } from '../../graph/erasure/index.ts';
import { closeRecovery, openRecovery } from '../../graph/recovery/index.ts';
import { readPolicy } from '../../platform/policy.ts';
import { type ApiProcess, type ApiUnderTest, openApiUnderTest } from '../api-fixture.ts';
import { randomEmail, testHeader } from '../test-graph.ts';
import { customerWithCards, failureOf } from '../wallet-fixtures.ts';
import { CONTRACTS, type RestExample, type RpcExample, startExampleRun } from './example.ts';
import { allRpcs, callRest, callRpc } from './exchange.ts';

const policy = readPolicy();

/** Why a route or an rpc is not asked. */
const NOT_ASKED: readonly [operation: RegExp, reason: string][] = [
  [/^(GET|POST|PUT) \/persona/, "agents' personas"],
  [/PersonaCatalogue\//, "agents' personas"],
  [/^GET \/(health|healthz|readyz)$/, 'health'],
  [/^POST \/webhooks\/stripe$/, 'names objects of the gateway, and says nothing about them'],
  [/^GET \/api\/v1\/erasures\//, 'for a caller with its id, also during the erasure'],
  [
    /^DELETE \/api\/v1\/customers\/\{customer_id\}$|\/EraseCustomer$/,
    'a repeat is answered while the erasure runs',
  ],
  [
    /^POST \/api\/v1\/customers$|\/CreateCustomer$/,
    'an unknown id becomes a new customer’s, that of an erased one never again',
  ],
  [/by-usage$|FindCustomersByUsage$/, 'names no customer'],
  [/AddRelationship$/, 'names a payment method and a device'],
  [/UpdateDeviceTrustScore$/, 'names a device, which others may use'],
];

/** What the requests are about, under the names of their fields. */
type Subject = Record<
  'customer_id' | 'payment_method_id' | 'address_id' | 'identifier_id' | 'device_id' | 'payment_id' | 'email',
  string
>;
type Kind = 'visible' | 'hidden' | 'erased' | 'unknown';

let underTest: ApiUnderTest;
let api: ApiProcess;

beforeAll(async () => {
  underTest = await openApiUnderTest();
  api = await underTest.startApi();
});
afterAll(() => underTest.close());

/** New ones for each test, which changes them. */
async function newSubjects(): Promise<Record<Kind, Subject>> {
  const { graph } = underTest;
  const [visible, hidden, erased] = [await newSubject(), await newSubject(), await newSubject()];
  const ids = Object.keys(visible).map((name) => [name, randomUUID()]);
  const unknown = { ...(Object.fromEntries(ids) as Subject), email: randomEmail() };
  const hide = async ({ customer_id }: Subject) => {
    const erasure = { customer_id, ...(await requestErasure(graph, { customer_id })) };
    await hideCustomer(graph, { ...erasure, by: { actor: 'test', correlationId: 'test' } });
    return erasure;
  };
  await hide(hidden);
  const end = { payment_id: erased.payment_id, outcome: 'cancelled', rule: 'cancelled' } as const;
  await closeRecovery(graph, testHeader(), end);
  const erasure = await hide(erased);
  await announceErasure(graph, erasure);
  expect(await forgetCustomer(graph, erasure, () => {})).toEqual([]);
  return { visible, hidden, erased, unknown };
}

async function newSubject(): Promise<Subject> {
  const { graph } = underTest;
  const email = randomEmail();
  const wallet = await customerWithCards(graph, policy, { cards: 1, email });
  const { customer_id, methods } = wallet;
  const address = { street1: 'A', city: 'B', zip_code: '1', country: 'US', type: 'shipping' as const };
  await addAddress(graph, testHeader(), { customer_id, address, by: 'customer' });
  const failure = failureOf(wallet);
  await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
  const [[device], [place], [identifier]] = await Promise.all([
    getDevices(graph, { customer_id }),
    getAddresses(graph, { customer_id }),
    getDigitalIdentifiers(graph, { customer_id }),
  ]);
  return {
    customer_id,
    payment_method_id: String(methods[0]),
    address_id: String(place?.address_id),
    identifier_id: String(identifier?.identifier_id),
    device_id: String(device?.device_id),
    payment_id: failure.payment_id,
    email,
  };
}

const examples = globSync('{rest,grpc}/*.json', { cwd: CONTRACTS })
  .sort()
  .map((file) => JSON.parse(readFileSync(new URL(file, CONTRACTS), 'utf8')) as RestExample | RpcExample);
const exampleOf = (operation: string) =>
  examples.find((one) => ('route' in one ? one.route : one.rpc) === operation);

/** Chosen by callers: each request is a new one. */
const OWN = /^(transaction_id|event_id|case_id|token|fingerprint)$/;

/** The same request about another subject. @param named fields that the example leaves out */
function aboutSubject(body: unknown, subject: Subject, named: readonly string[]): Record<string, unknown> {
  const fields = { ...(body as Record<string, unknown>) };
  for (const name of named) if (name in subject) fields[name] ??= '';
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (name === 'customer_ids') return [name, [subject.customer_id]];
      if (name in subject && typeof value === 'string') return [name, subject[name as keyof Subject]];
      if (name === 'source_id')
        return [name, fields.type === 'USED_ON' ? subject.payment_method_id : subject.customer_id];
      if (name === 'target_id') return [name, subject.device_id];
      if (name === 'id' && fields.label === 'Customer') return [name, subject.customer_id];
      if (name === 'value' && fields.type === 'email') return [name, subject.email];
      if (OWN.test(name)) return [name, `new-${randomUUID()}`];
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        return [name, aboutSubject(value, subject, [])];
      return [name, value];
    }),
  );
}

async function askRoute(example: RestExample, subject: Subject, named: readonly string[]): Promise<unknown> {
  const { route, request } = startExampleRun().send(example);
  const { method, headers, body, path } = request;
  const [, template = ''] = route.split(' ');
  const filled = template
    .replace('{seq}', '1')
    .replaceAll(/\{(\w+)\}/g, (_, name: keyof Subject) => subject[name]);
  const query = new URL(path, 'http://persona').searchParams;
  if (query.has('device_id')) query.set('device_id', subject.device_id);
  const own: Record<string, string> =
    headers && 'idempotency-key' in headers ? { 'idempotency-key': randomUUID() } : {};
  const asked = {
    ...{ method, path: `${filled}?${query}`, headers: { ...headers, ...own } },
    ...(body !== undefined && { body: aboutSubject(body, subject, named) }),
  };
  const { status, body: answered } = (await callRest(
    api,
    { route, request: asked, answer: { status: 0, body: null } },
    () => {},
  )) as { status: number; body: object | null };
  // The instance is the request's own id.
  return { status, body: { ...answered, instance: undefined } };
}

async function askRpc(example: RpcExample, subject: Subject): Promise<unknown> {
  const sent = startExampleRun().send(example);
  const metadata = sent.metadata && { 'idempotency-key': randomUUID() };
  try {
    return await callRpc(api, { ...sent, metadata, request: aboutSubject(sent.request, subject, []) });
  } catch (error) {
    const { code, details } = error as ServiceError;
    return { code, details };
  }
}

/** With the subject's ids replaced by the names of their fields. */
function withoutIds(answer: unknown, subject: Subject): unknown {
  let text = JSON.stringify(answer);
  for (const [name, id] of Object.entries(subject)) text = text.replaceAll(id, `{${name}}`);
  return JSON.parse(text.replaceAll(/new-[0-9a-f-]{36}/g, 'new'));
}

/** Accepted for every customer, also a hidden one: it is decided later. */
const ACCEPTED = /\/internal\/v1\/(payment-(failures|settlements)|fraud-outcomes)$|\/Report\w+$/;

/** Accepted of what a hidden customer owes: the erasure waits for it, and if it is taken back, it would be collected again. */
const SETTLES = /\/payment-settlements$|\/ReportPaymentSettled$/;

async function compareAnswers(
  operation: string,
  subjects: Record<Kind, Subject>,
  ask: (subject: Subject) => Promise<unknown>,
): Promise<string[]> {
  const answers = {} as Record<Kind, string>;
  for (const kind of ['unknown', 'hidden', 'erased', 'visible'] as const)
    answers[kind] = JSON.stringify(withoutIds(await ask(subjects[kind]), subjects[kind]));
  const { unknown, hidden, erased, visible } = answers;
  const expected = SETTLES.test(operation) ? visible : unknown;
  return [
    ...(hidden === expected ? [] : [`${operation}: hidden ${hidden}, expected ${expected}`]),
    ...(erased === unknown ? [] : [`${operation}: erased ${erased}, unknown ${unknown}`]),
    // A request that is refused for everyone would show nothing.
    ...(visible !== unknown || ACCEPTED.test(operation) ? [] : [`${operation}: also visible ${visible}`]),
  ];
}

const isAsked = (operation: string) => !NOT_ASKED.some(([pattern]) => pattern.test(operation));

interface OpenApi {
  paths: Record<
    string,
    Record<string, { requestBody?: { content: Record<string, { schema: { $ref?: string } }> } }>
  >;
  components: { schemas: Record<string, { properties?: object }> };
}

test('of every route', { timeout: 300_000 }, async () => {
  const { paths, components } = (await (await fetch(`${api.http}/openapi.json`)).json()) as OpenApi;
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody }]) => {
      const { $ref = '' } = requestBody?.content['application/json']?.schema ?? {};
      const { properties = {} } = components.schemas[$ref.split('/').at(-1) ?? ''] ?? {};
      return { route: `${method.toUpperCase()} ${path}`, named: Object.keys(properties) };
    }),
  );
  const asked = routes.filter(({ route }) => isAsked(route));
  expect(asked.length).toBeGreaterThan(20);
  // Reads first: what others remove is there for them.
  asked.sort((a, b) => order(a.route) - order(b.route));
  const subjects = await newSubjects();
  const found: string[] = [];
  for (const { route, named } of asked) {
    const example = exampleOf(route) as RestExample;
    expect(example, `${route} has no example`).toBeDefined();
    found.push(...(await compareAnswers(route, subjects, (subject) => askRoute(example, subject, named))));
  }
  expect(found).toEqual([]);
});

const order = (route: string) => ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'].indexOf(route.split(' ')[0] ?? '');

test('of every rpc', { timeout: 300_000 }, async () => {
  const subjects = await newSubjects();
  const found: string[] = [];
  for (const rpc of allRpcs().filter(isAsked)) {
    const example = exampleOf(rpc) as RpcExample;
    expect(example, `${rpc} has no example`).toBeDefined();
    found.push(...(await compareAnswers(rpc, subjects, (subject) => askRpc(example, subject))));
  }
  expect(found).toEqual([]);
});

test('every reason for not asking is needed', async () => {
  const { paths } = (await (await fetch(`${api.http}/openapi.json`)).json()) as OpenApi;
  const operations = [
    ...Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    ),
    ...allRpcs(),
  ];
  expect(NOT_ASKED.filter(([pattern]) => !operations.some((one) => pattern.test(one)))).toEqual([]);
});
