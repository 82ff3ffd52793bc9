/** Every route and RPC × every role, asked of the real servers: what is not in the expected table must be refused. */

import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROUTE_CATEGORIES, RPC_CATEGORIES } from '../../domain/disclosures/ways-out.ts';
import { PersonaError } from '../../domain/errors.ts';
import { IdentityGraphServiceService } from '../../proto/gen/persona/v1/identity_graph.ts';
import { PersonaCatalogueService } from '../../proto/gen/persona/v1/persona_catalogue.ts';
import { PersonaAgentService } from '../../proto/gen/persona/v1/persona_agent.ts';
import { fakeServices, openAccess, silentObservers, testAppOptions } from '../fakes.ts';
import { type GrpcServer, serveGrpc } from '../grpc/server.ts';
import { createApp } from '../http/app.ts';
import type { Authentication } from './authenticate.ts';
import { type Grant, NARROW_SCOPES, ROUTES, RPCS, SERVICE_ROLES } from './grants.ts';
import { ALL_GRANTS, authoriseDecoding, customerIdentity, type Identity } from './identity.ts';

const ADA = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const BEN = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e12';
const GRANTS: readonly Grant[] = ['self', ...SERVICE_ROLES, ...NARROW_SCOPES];

/** The authorization is the grant itself. */
const byGrant = (authorization: string | undefined): Identity => {
  if (authorization === undefined) throw new PersonaError('unauthenticated', 'a token is required');
  if (authorization === 'self') return customerIdentity(ADA);
  return { name: `service:${authorization}`, grants: new Set([authorization as Grant]) };
};
const authentication: Authentication = { rest: byGrant, rpc: byGrant, close() {} };
const access = { ...openAccess, authentication };
const app = createApp(fakeServices({}), silentObservers(), { ...testAppOptions, ...access });

/** Every route that the app serves, as `GET /path/{id}`. */
const routes = [
  ...new Set(
    app.routes
      .filter(({ method, path }) => method !== 'ALL' && !path.includes('*'))
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)(\{[^}]*\})?/g, '{$1}')}`),
  ),
];
const rpcs = [PersonaAgentService, IdentityGraphServiceService, PersonaCatalogueService].flatMap((service) =>
  Object.values(service).map(({ path }) => path),
);
const nameOf = (path: string) => path.split('/')[2] ?? '';

/** From docs/reference/security.md: `self` and `ops` read everything about a customer, `customers:read` what is stored; `privacy` acts for a customer who uses a right. */
const CUSTOMER = '/api/v1/customers/{customer_id}';
const CHECKOUT_OPTIONS = `GET ${CUSTOMER}/checkout-options`;
/** What is for the person, or for who acts for them. */
const RIGHTS = [`GET ${CUSTOMER}/disclosures`, `GET ${CUSTOMER}/export`];
const READS = Object.keys(ROUTES).filter((route) => route.startsWith(`GET ${CUSTOMER}/`));
/** docs/reference/interfaces.md, 'The catalogue': every role may read it, ask a persona and report what it measured. */
const CATALOGUE = [
  'GET /personas',
  'GET /personas/{name}',
  'GET /personas/{name}/versions',
  'GET /personas/{name}/diff',
  'POST /personas/{name}/metrics',
  'POST /persona/{name}',
  'GET /persona-configurations/{key}',
];
const EXPECTED_ROUTES: Partial<Record<Grant, string[]>> = {
  cerebrum: CATALOGUE,
  oracle: CATALOGUE,
  self: [
    ...READS,
    `DELETE ${CUSTOMER}`,
    `POST ${CUSTOMER}/payment-methods`,
    `PATCH ${CUSTOMER}/payment-methods/{payment_method_id}`,
    `DELETE ${CUSTOMER}/payment-methods/{payment_method_id}`,
    `PUT ${CUSTOMER}/payment-methods/{payment_method_id}/default`,
    `PUT ${CUSTOMER}/profile`,
    `POST ${CUSTOMER}/addresses`,
    `PUT ${CUSTOMER}/addresses/{address_id}`,
    `DELETE ${CUSTOMER}/addresses/{address_id}`,
    `POST ${CUSTOMER}/timeline/{seq}/notes`,
    `POST ${CUSTOMER}/timeline/{seq}/contest`,
  ],
  checkout: [
    ...CATALOGUE,
    'POST /api/v1/customers',
    `POST ${CUSTOMER}/payment-methods`,
    `POST ${CUSTOMER}/identifiers/{identifier_id}/verify`,
    CHECKOUT_OPTIONS,
  ],
  chimera: [...CATALOGUE, 'POST /internal/v1/fraud-outcomes'],
  synapse: [...CATALOGUE, 'POST /internal/v1/payment-failures', 'POST /internal/v1/payment-settlements'],
  ops: [
    ...READS,
    ...CATALOGUE,
    'PUT /personas/{name}',
    'POST /personas/{name}/activate',
    'POST /personas/{name}/deactivate',
    'GET /personas/{name}/metrics',
    'PUT /persona-configurations/{key}',
    `POST ${CUSTOMER}/identifiers/{identifier_id}/verify`,
    'GET /internal/v1/customers/by-usage',
    'GET /internal/v1/customers/{customer_id}/connected',
    'POST /internal/v1/fraud-outcomes',
    'POST /internal/v1/payment-failures',
    'POST /internal/v1/payment-settlements',
  ],
  'customers:read': READS.filter((route) => ![CHECKOUT_OPTIONS, ...RIGHTS].includes(route)),
  privacy: [
    ...CATALOGUE,
    `DELETE ${CUSTOMER}`,
    `GET ${CUSTOMER}/timeline`,
    `GET ${CUSTOMER}/timeline/{seq}`,
    `POST ${CUSTOMER}/timeline/{seq}/notes`,
    `POST ${CUSTOMER}/timeline/{seq}/contest`,
    `GET ${CUSTOMER}/contests`,
    ...RIGHTS,
  ],
  'customers:write': ['POST /api/v1/customers'],
  'payments:report': ['POST /internal/v1/payment-failures', 'POST /internal/v1/payment-settlements'],
  'fraud:report': ['POST /internal/v1/fraud-outcomes'],
};
const PERSONAS = ['ListPersonas', 'GetPersona', 'WatchPersonas'];
const CONTEXTS = ['GetCustomerContext', 'BatchGetCustomerContext'];
const FOR_PRIVACY = ['EraseCustomer', 'ExportCustomer'];
const EXPECTED_RPCS: Partial<Record<Grant, string[]>> = {
  checkout: [...PERSONAS, 'CreateCustomer', 'GetPaymentOptions', ...CONTEXTS],
  cerebrum: [...PERSONAS, ...CONTEXTS, 'GetRecovery'],
  chimera: [
    ...PERSONAS,
    ...CONTEXTS,
    'GetVerifiedAddresses',
    'UpdateDeviceTrustScore',
    'ReportFraudOutcome',
    'GetDevices',
    'FindConnectedCustomers',
    'FindCustomersByUsage',
  ],
  synapse: [
    ...PERSONAS,
    'ReportPaymentFailure',
    'ReportPaymentSettled',
    'GetRecovery',
    'GetCustomerContext',
    'MarkPaymentMethodInactive',
  ],
  oracle: [...PERSONAS, 'FindCustomersByUsage', 'GetCustomerContext'],
  ops: rpcs.map(nameOf).filter((name) => !FOR_PRIVACY.includes(name)),
  privacy: [...PERSONAS, ...FOR_PRIVACY],
  'customers:read': ['GetCustomer', 'GetPaymentMethods', 'GetDevices', 'GetAddresses', 'GetTimeline'],
  'customers:write': ['CreateCustomer'],
  'payments:report': ['ReportPaymentFailure', 'ReportPaymentSettled'],
  'fraud:report': ['ReportFraudOutcome'],
};

const PUBLIC_ROUTES = [
  'GET /healthz',
  'GET /readyz',
  'GET /health',
  'GET /openapi.json',
  'GET /schemas/export.v1.json',
  'GET /docs',
  'GET /docs/start.js',
  'GET /docs/swagger-ui.css',
  'GET /docs/swagger-ui-bundle.js',
  'POST /webhooks/stripe',
  'GET /api/v1/erasures/{erasure_id}',
];

let server: GrpcServer;
let client: Client;
beforeAll(async () => {
  server = await serveGrpc({ host: '127.0.0.1', port: 0 }, fakeServices({}), silentObservers(), access);
  client = new Client(server.address, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await server.close();
});

test('every route and every RPC has a row, and every row a route or RPC', async () => {
  expect([...routes].sort()).toEqual(Object.keys(ROUTES).sort());
  expect(rpcs.map(nameOf).sort()).toEqual(Object.keys(RPCS).sort());
  // What they give out about a person.
  expect(Object.keys(ROUTE_CATEGORIES).sort()).toEqual(Object.keys(ROUTES).sort());
  expect(Object.keys(RPC_CATEGORIES).sort()).toEqual(Object.keys(RPCS).sort());
  const document = (await (await app.request('/openapi.json')).json()) as {
    paths: Record<string, object>;
  };
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(documented.filter((route) => !routes.includes(route))).toEqual([]);
});

function request(route: string, authorization: string | undefined, customer: string) {
  const [method, path = ''] = route.split(' ');
  const url = path.replace('{customer_id}', customer).replace(/\{\w+\}/g, BEN);
  return app.request(url, { method, headers: { ...(authorization && { authorization }) } });
}

const typeOf = async (response: Response) => ((await response.json()) as { type: string }).type;

/** Whether the request was refused because of who called. */
async function isRefused(response: Response): Promise<boolean> {
  if (response.status === 401 || response.status === 403) return true;
  return response.status === 404 && (await typeOf(response)) === 'urn:persona:error:not_found';
}

test.each(routes.filter((route) => !PUBLIC_ROUTES.includes(route)))('%s', async (route) => {
  expect((await request(route, undefined, ADA)).status).toBe(401);
  for (const grant of GRANTS) {
    const isExpected = EXPECTED_ROUTES[grant]?.includes(route) ?? false;
    expect([grant, await isRefused(await request(route, grant, ADA))]).toEqual([grant, !isExpected]);
  }
  // A customer is refused as if nothing were there; a service does not learn which ids exist either.
  expect((await request(route, 'self', BEN)).status).toBe(404);
  const [refused] = GRANTS.filter((grant) => grant !== 'self' && !EXPECTED_ROUTES[grant]?.includes(route));
  const response = await request(route, refused, ADA);
  expect([response.status, await typeOf(response)]).toEqual([403, 'urn:persona:error:permission_denied']);
});

test.each(PUBLIC_ROUTES)('%s needs no authentication', async (route) => {
  expect(await isRefused(await request(route, undefined, ADA))).toBe(false);
});

const STREAMS = ['GetTimeline', 'WatchPersonas', 'ExportCustomer'];

function call(path: string, authorization: string | undefined): Promise<number> {
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set('authorization', authorization);
  const identity = (bytes: Buffer) => bytes;
  return new Promise((resolve) => {
    if (STREAMS.includes(nameOf(path))) {
      const stream = client.makeServerStreamRequest(path, identity, identity, Buffer.alloc(0), metadata);
      stream.on('error', ({ code }: { code?: number }) => resolve(code ?? -1));
      stream.on('end', () => resolve(status.OK));
      stream.resume();
      return;
    }
    client.makeUnaryRequest(path, identity, identity, Buffer.alloc(0), metadata, (error) =>
      resolve(error?.code ?? status.OK),
    );
  });
}

test.each(rpcs)('%s', async (path) => {
  expect(await call(path, undefined)).toBe(status.UNAUTHENTICATED);
  for (const grant of GRANTS) {
    const isExpected = EXPECTED_RPCS[grant]?.includes(nameOf(path)) ?? false;
    const isAllowed = (await call(path, grant)) !== status.PERMISSION_DENIED;
    expect([grant, isAllowed]).toEqual([grant, isExpected]);
  }
});

test('only operations reads what Temporal’s payloads contain', () => {
  const mayDecode = (identity: Identity): boolean => {
    try {
      authoriseDecoding(identity);
      return true;
    } catch {
      return false;
    }
  };
  const allowed = GRANTS.filter((grant) => mayDecode({ name: 'service', grants: new Set([grant]) }));
  expect(allowed).toEqual(['ops']);
  expect(mayDecode(customerIdentity(ADA, ALL_GRANTS))).toBe(false);
});
