import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import { BadRequest, ErrorInfo, RetryInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import { HealthClient } from '../../test/standard-grpc-clients.ts';
import {
  type CreateCustomerResponse,
  IdentityGraphServiceClient,
} from '../../proto/gen/persona/v1/identity_graph.ts';
import { type GetRecoveryResponse, PersonaAgentClient } from '../../proto/gen/persona/v1/persona_agent.ts';
import { PersonaCatalogueClient } from '../../proto/gen/persona/v1/persona_catalogue.ts';
import { Consistency } from '../../proto/gen/persona/v1/types.ts';
import type { Caller } from '../../services/caller.ts';
import type { Services } from '../../services/services.ts';
import { testPersona } from '../../test/catalogue-fixtures.ts';
import { openAccess, fakeServices, silentObservers } from '../fakes.ts';
import { type GrpcServer, serveGrpc } from './server.ts';

const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const METHOD = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e22';
const DEVICE = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e33';

let stubs: Partial<Services>;
let server: GrpcServer;
let agent: PersonaAgentClient;
let graph: IdentityGraphServiceClient;

beforeAll(async () => {
  const services = new Proxy({} as Services, {
    get: (_, name) => fakeServices(stubs)[name as keyof Services],
  });
  server = await serveGrpc({ host: '127.0.0.1', port: 0 }, services, silentObservers(), openAccess);
  agent = new PersonaAgentClient(server.address, credentials.createInsecure());
  graph = new IdentityGraphServiceClient(server.address, credentials.createInsecure());
});
beforeEach(() => {
  stubs = {};
});
afterAll(async () => {
  agent.close();
  graph.close();
  await server.close();
});

/** The response of a call, or the error that it ended with. */
function callUnary<T>(call: (done: (error: ServiceError | null, value: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value)));
  });
}

async function errorOf(answer: Promise<unknown>) {
  const error = (await answer.then(
    () => Promise.reject(new Error('the call was not refused')),
    (thrown) => thrown,
  )) as ServiceError;
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const details = Status.decode(bytes as Buffer).details;
  const detail = (name: string) => details.find(({ type_url }) => type_url.endsWith(name))?.value;
  return {
    code: error.code,
    message: error.details,
    info: ErrorInfo.decode(detail('ErrorInfo') ?? Buffer.alloc(0)),
    fields: BadRequest.decode(detail('BadRequest') ?? Buffer.alloc(0)).field_violations.map(
      ({ field }) => field,
    ),
    retry: detail('RetryInfo') && RetryInfo.decode(detail('RetryInfo') as Buffer),
  };
}

test('a context keeps its field names, times and 64-bit integers', async () => {
  stubs.getContext = async (_, request) => {
    expect(request).toEqual({ customer_id: CUSTOMER, consistency: 'strong', min_version: 9 });
    return {
      customer_id: CUSTOMER,
      is_vip: true,
      ltv: '1234.50',
      ltv_currency: 'USD',
      segment: 'VIP',
      status: 'active',
      trusted_devices: [{ device_id: DEVICE, trust_score: 0.9, last_login: '2026-04-18T10:00:00.250Z' }],
      payment_method_count: 2,
      verified_shipping_address_count: 1,
      version: 9,
      as_of: '2026-04-18T10:00:01.000Z',
      stale: true,
    };
  };
  const context = await callUnary((done) =>
    agent.getCustomerContext(
      {
        customer_id: CUSTOMER.toUpperCase(),
        transaction_id: 't-1',
        consistency: Consistency.CONSISTENCY_STRONG,
        min_version: 9n,
      },
      done,
    ),
  );
  expect(context).toEqual({
    customer_id: CUSTOMER,
    is_vip: true,
    ltv: '1234.50',
    ltv_currency: 'USD',
    segment: 'VIP',
    status: 'active',
    trusted_devices: [
      { device_id: DEVICE, trust_score: 0.9, last_login: new Date('2026-04-18T10:00:00.250Z') },
    ],
    default_payment_method_id: '',
    payment_method_count: 2,
    verified_shipping_address_count: 1,
    version: 9n,
    as_of: new Date('2026-04-18T10:00:01Z'),
    stale: true,
  });
});

test('an onboarding request is validated as the JSON that REST accepts, without absent fields', async () => {
  let received: unknown;
  stubs.onboard = async (_, request) => {
    received = request;
    return {
      customer_id: CUSTOMER,
      created: true,
      version: 4,
      match: { rule: 'none', proven: true, suggested_customer_ids: [] },
      payment_method_id: METHOD,
      payment_method_status: 'active',
      warnings: ['w'],
    };
  };
  const answer = await callUnary<CreateCustomerResponse>((done) =>
    graph.createCustomer(
      {
        transaction_id: 't-1',
        customer_metadata: { ltv: '12.50' },
        payment_method_details: { type: 'card', token: 'pm_1', expiry_month: 12, expiry_year: 2030 },
        device_details: { fingerprint: 'fp', trust_score: 0 },
        address_details: undefined,
        digital_identifiers: [{ type: 'email', value: 'ada@example.org' }],
        occurred_at: new Date('2026-04-18T10:00:00Z'),
      },
      done,
    ),
  );
  expect(received).toStrictEqual({
    transaction_id: 't-1',
    customer_metadata: { ltv: '12.50' },
    payment_method_details: { type: 'card', token: 'pm_1', expiry_month: 12, expiry_year: 2030 },
    device_details: { fingerprint: 'fp', trust_score: 0 },
    digital_identifiers: [{ type: 'email', value: 'ada@example.org' }],
    occurred_at: '2026-04-18T10:00:00.000Z',
  });
  expect(answer).toMatchObject({
    customer_id: CUSTOMER,
    version: 4n,
    payment_method_id: METHOD,
    warnings: ['w'],
  });
  expect(answer.device_id).toBeUndefined();
});

test('a reported failure keeps its amount exactly', async () => {
  let received: unknown;
  stubs.reportPaymentFailure = async (_, message) => {
    received = message;
    return { workflow_id: 'recovery:pay-1' };
  };
  const message = {
    event_id: 'evt-1',
    payment_id: 'pay-1',
    customer_id: CUSTOMER,
    payment_method_id: METHOD,
    amount: 9_007_199_254_740_991n,
    currency: 'EUR',
    kind: 'recurring',
    occurred_at: new Date('2026-04-18T10:00:00Z'),
    decline_code: 'insufficient_funds',
  };
  expect(await callUnary((done) => agent.reportPaymentFailure(message, done))).toEqual({
    workflow_id: 'recovery:pay-1',
  });
  expect(received).toStrictEqual({
    ...message,
    amount: 9_007_199_254_740_991,
    occurred_at: '2026-04-18T10:00:00.000Z',
  });
});

test('a recovery contains its attempts, its next step and the reasons in plain words', async () => {
  stubs.getRecovery = async () => ({
    payment_id: 'pay-1',
    customer_id: CUSTOMER,
    state: 'waiting',
    class: 'HARD',
    rule: 'visa:14',
    amount: 1250,
    currency: 'EUR',
    failed_payment_method_id: METHOD,
    attempts: [
      {
        n: 1,
        payment_method_id: METHOD,
        key: 'recovery:pay-1:x:1',
        state: 'declined',
        class: 'LATER',
        started_at: '2026-04-18T10:00:00.000Z',
        reason_text: 'words',
      },
    ],
    next: { action: 'close', at: '2026-05-02T10:00:00.000Z' },
    waiting_for: 'method',
    paused: false,
    opened_at: '2026-04-18T10:00:00.000Z',
    reason_text: 'more words',
    changed_seq: 31,
  });
  const recovery = await callUnary<GetRecoveryResponse>((done) =>
    agent.getRecovery({ payment_id: 'pay-1' }, done),
  );
  expect(recovery).toMatchObject({
    state: 'waiting',
    waiting_for: 'method',
    amount: 1250n,
    attempts: [{ n: 1, class: 'LATER', started_at: new Date('2026-04-18T10:00:00Z'), reason_text: 'words' }],
    next: { action: 'close', at: new Date('2026-05-02T10:00:00Z') },
    opened_at: new Date('2026-04-18T10:00:00Z'),
    changed_seq: 31n,
  });
  expect(recovery.outcome).toBeUndefined();
  expect(recovery.closes_at).toBeUndefined();
});

test('a wallet is a page with a cursor, and a limit of 0 requests the maximum', async () => {
  stubs.getPaymentMethods = async (_, request) => {
    expect(request).toEqual({ customer_id: CUSTOMER, limit: 100, cursor: undefined });
    const method = {
      payment_method_id: METHOD,
      type: 'card',
      status: 'compromised',
      is_default: false,
      off_session_consent: false,
      first_used: '2026-01-05T10:00:00.000Z',
      last_used: '2026-04-18T10:00:00.000Z',
      changed_seq: 7,
    } as const;
    return { items: [method], next_cursor: 'next' };
  };
  const page = await callUnary((done) =>
    graph.getPaymentMethods({ customer_id: CUSTOMER, limit: 0, cursor: '' }, done),
  );
  expect(page).toMatchObject({
    // Services see the actual status; only customers do not.
    items: [{ payment_method_id: METHOD, status: 'compromised', changed_seq: 7n }],
    next_cursor: 'next',
  });
});

test('errors carry the type of the catalogue and every invalid field', async () => {
  const refused = await errorOf(
    callUnary((done) =>
      agent.updateDeviceTrustScore({ device_id: 'kiosk', trust_score: 1.5, observed_at: undefined }, done),
    ),
  );
  expect(refused).toMatchObject({
    code: status.INVALID_ARGUMENT,
    info: { reason: 'invalid_argument', domain: 'persona' },
    fields: ['device_id', 'trust_score'],
  });
  expect(refused.message).toContain('device_id: must be a UUID');
});

test('a trust score without a time requires an idempotency key', async () => {
  const request = { device_id: DEVICE, trust_score: 0, observed_at: undefined };
  const refused = await errorOf(callUnary((done) => agent.updateDeviceTrustScore(request, done)));
  expect(refused).toMatchObject({ code: status.INVALID_ARGUMENT, fields: ['observed_at'] });

  let caller: Caller | undefined;
  stubs.updateDeviceTrust = async (by, received) => {
    caller = by;
    expect(received).toEqual({
      device_id: DEVICE,
      trust_score: 0,
      observed_at: undefined,
      expected_version: undefined,
    });
    const device = { device_id: DEVICE, trust_score: 0, trusted: false, changed_seq: 3 };
    return { device, version: 3, linked_customers: 2, applied: true };
  };
  const metadata = new Metadata();
  metadata.set('idempotency-key', 'key-1');
  metadata.set('x-correlation-id', 'corr-1');
  const answer = await callUnary((done) => agent.updateDeviceTrustScore(request, metadata, done));
  expect(answer).toMatchObject({
    device: { device_id: DEVICE, trust_score: 0, trusted: false, changed_seq: 3n },
    linked_customers: 2n,
    applied: true,
  });
  expect(caller).toMatchObject({ caller: 'service', idempotencyKey: 'key-1', correlationId: 'corr-1' });
});

test.each([
  ['customer_not_found', status.NOT_FOUND],
  ['obligation_mismatch', status.FAILED_PRECONDITION],
  ['stale_version', status.ABORTED],
] as const)('%s has its code and is not retryable', async (type, code) => {
  stubs.getRecovery = () => Promise.reject(new PersonaError(type, 'because'));
  const error = await errorOf(callUnary((done) => agent.getRecovery({ payment_id: 'p' }, done)));
  expect(error).toMatchObject({ code, message: 'because', info: { reason: type }, retry: undefined });
});

test('an unavailable server is UNAVAILABLE with a retry delay, and an internal error is not disclosed', async () => {
  stubs.getRecovery = () => Promise.reject(new PersonaError('graph_unavailable', 'Neo4j cannot be reached'));
  const away = await errorOf(callUnary((done) => agent.getRecovery({ payment_id: 'p' }, done)));
  expect(away).toMatchObject({ code: status.UNAVAILABLE, retry: { retry_delay: { seconds: 1n } } });

  stubs.getRecovery = () => Promise.reject(new Error('inner detail'));
  const broken = await errorOf(callUnary((done) => agent.getRecovery({ payment_id: 'p' }, done)));
  expect(broken.code).toBe(status.INTERNAL);
  expect(broken.message).not.toContain('inner detail');
});

test("a caller's deadline is passed on, a missing one is capped, and a cancellation reaches the service", async () => {
  const seen: Caller[] = [];
  let cancelled: Promise<void> | undefined;
  stubs.getRecovery = (caller) => {
    seen.push(caller);
    cancelled = new Promise((resolve) => caller.signal.addEventListener('abort', () => resolve()));
    return new Promise(() => {});
  };
  const deadline = Date.now() + 1_000;
  const late = await callUnary((done) =>
    agent.getRecovery({ payment_id: 'p' }, new Metadata(), { deadline }, done),
  ).catch((error: ServiceError) => error);
  expect(late).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  // It is sent as the remaining time: later by the call's latency, and far from the cap.
  expect(Math.abs((seen[0]?.deadline ?? 0) - deadline)).toBeLessThan(5_000);

  const call = agent.getRecovery({ payment_id: 'p' }, () => {});
  await expect.poll(() => seen.length).toBe(2);
  expect((seen[1]?.deadline ?? 0) - Date.now()).toBeLessThanOrEqual(30_000);
  call.cancel();
  await cancelled;
});

test('health is NOT_SERVING until the process has started, and before the server stops', async () => {
  const otherServer = await serveGrpc(
    { host: '127.0.0.1', port: 0 },
    fakeServices({}),
    silentObservers(),
    openAccess,
  );
  const health = new HealthClient(otherServer.address, credentials.createInsecure());
  const check = (service: string) => callUnary((done) => health.Check?.({ service }, done));
  const names = ['', 'processes', 'persona.v1.PersonaAgent', 'persona.v1.IdentityGraphService'];
  for (const name of names) expect(await check(name)).toEqual({ status: 'NOT_SERVING' });
  otherServer.setServing();
  for (const name of names) expect(await check(name)).toEqual({ status: 'SERVING' });
  otherServer.setNotServing();
  expect(await check('')).toEqual({ status: 'NOT_SERVING' });
  health.close();
  await otherServer.close();
});

test('health follows the dependencies of a role: without Temporal only processes are not serving', {
  timeout: 60_000,
}, async () => {
  const states: Record<string, 'up' | 'down'> = { neo4j: 'up', temporal: 'down' };
  const services = fakeServices({ dependencyStates: async () => states });
  const otherServer = await serveGrpc(
    { host: '127.0.0.1', port: 0 },
    services,
    silentObservers(),
    openAccess,
  );
  otherServer.setServing();
  const health = new HealthClient(otherServer.address, credentials.createInsecure());
  const statusOf = async (service: string) =>
    (await callUnary<{ status: string }>((done) => health.Check?.({ service }, done))).status;
  const pollOptions = { timeout: 60_000 };
  await expect.poll(() => statusOf('processes'), pollOptions).toBe('NOT_SERVING');
  for (const service of ['', 'persona.v1.PersonaAgent', 'persona.v1.IdentityGraphService'])
    expect(await statusOf(service)).toBe('SERVING');
  states.neo4j = 'down';
  await expect.poll(() => statusOf('persona.v1.PersonaAgent'), pollOptions).toBe('NOT_SERVING');
  Object.assign(states, { neo4j: 'up', temporal: 'up' });
  await expect.poll(() => statusOf('processes'), pollOptions).toBe('SERVING');
  expect(await statusOf('')).toBe('SERVING');
  health.close();
  await otherServer.close();
});

test('a port in use is an error, not an unreachable server', async () => {
  const [host = '', port] = server.address.split(':');
  await expect(
    serveGrpc({ host, port: Number(port) }, fakeServices({}), silentObservers(), openAccess),
  ).rejects.toThrow();
});

test('a timeline is streamed page by page, up to the limit', async () => {
  const received: (string | undefined)[] = [];
  stubs.getTimeline = async (_, { limit, cursor }) => {
    received.push(`${limit}@${cursor}`);
    const first = cursor === undefined ? 250 : Number(cursor);
    const items = Array.from({ length: limit }, (__, n) => ({
      seq: first - n,
      type: 'Masked',
      occurred_at: '2026-04-18T10:00:00.000Z',
      text: 'words',
    }));
    return { items, next_cursor: String(first - limit) };
  };
  const read = async (limit: number) =>
    (await graph.getTimeline({ customer_id: CUSTOMER, limit }).toArray()) as object[];
  const entries = await read(130);
  expect(entries).toHaveLength(130);
  expect(entries[129]).toEqual({
    seq: 121n,
    type: 'Masked',
    occurred_at: new Date('2026-04-18T10:00:00Z'),
    text: 'words',
    notes: [],
  });
  expect(received).toEqual(['100@undefined', '30@150']);
  stubs.getTimeline = () => Promise.reject(new PersonaError('customer_not_found', 'because'));
  expect(await errorOf(read(1))).toMatchObject({
    code: status.NOT_FOUND,
    info: { reason: 'customer_not_found' },
  });
  const refused = errorOf(graph.getTimeline({ customer_id: 'x', limit: 1 }).toArray());
  expect(await refused).toMatchObject({ code: status.INVALID_ARGUMENT, fields: ['customer_id'] });
});

test('a stream whose caller leaves without reading it releases what it holds', async () => {
  const at = '2026-01-05T10:00:00.000Z';
  const { context: _, response_format: __, ...content } = testPersona({ system_prompt: 'x'.repeat(30_000) });
  const persona = { name: 'a', ...content, version: 1, is_active: true, created_at: at, updated_at: at };
  let [sent, isReleased] = [0, false];
  stubs.watchPersonas = async function* () {
    try {
      for (; ; sent += 1) yield persona;
    } finally {
      isReleased = true;
    }
  };
  const catalogue = new PersonaCatalogueClient(server.address, credentials.createInsecure());
  onTestFinished(() => catalogue.close());
  const stream = catalogue.watchPersonas({ from_start: true, names: [] });
  stream.on('error', () => {});
  let before = 0;
  const waitsToBeRead = () => {
    const isSame = sent > 0 && sent === before;
    before = sent;
    return isSame;
  };
  await expect.poll(waitsToBeRead).toBe(true);
  expect(isReleased).toBe(false);
  stream.cancel();
  await expect.poll(() => isReleased, { timeout: 10_000 }).toBe(true);
});

test('edits by name are validated before a service is called', async () => {
  const nothing = { source_id: '', type: 'KNOWS', target_id: 'x' };
  const edge = await errorOf(callUnary((done) => graph.addRelationship(nothing, done)));
  expect(edge.fields).toEqual(['type', 'source_id', 'target_id']);
  const node = { label: 'CommandReceipt', id: CUSTOMER, property: '', value: 'x' };
  const refused = await errorOf(callUnary((done) => graph.updateNodeProperty(node, done)));
  expect(refused).toMatchObject({ code: status.INVALID_ARGUMENT, fields: ['label', 'property'] });

  let change: unknown;
  stubs.updateNodeProperty = async (_, received) => {
    change = received;
    return { changed: true, version: 7 };
  };
  const request = { label: 'Customer', id: CUSTOMER.toUpperCase(), property: 'segment', value: 'vip' };
  const answer = await callUnary((done) =>
    graph.updateNodeProperty({ ...request, expected_version: 6n }, done),
  );
  expect(answer).toEqual({ changed: true, version: 7n });
  expect(change).toEqual({ ...request, id: CUSTOMER, expected_version: 6 });

  stubs.addRelationship = async (_, received) => {
    change = received;
    throw new PersonaError('stale_version', 'has changed');
  };
  const login = { source_id: CUSTOMER, type: 'LOGGED_IN_FROM', target_id: CUSTOMER };
  const stale = await errorOf(
    callUnary((done) => graph.addRelationship({ ...login, expected_version: 6n }, done)),
  );
  expect(stale).toMatchObject({ code: status.ABORTED, info: { reason: 'stale_version' } });
  expect(change).toEqual({ ...login, expected_version: 6 });
});

test('a search by usage passes only the given conditions', async () => {
  let received: unknown;
  stubs.findCustomersByUsage = async (_, request) => {
    received = request;
    return { items: [{ customer_id: CUSTOMER, segment: 'VIP', status: 'active' }] };
  };
  const none = { since: undefined, limit: 0, cursor: '' };
  const page = await callUnary((done) =>
    graph.findCustomersByUsage(
      { ...none, brand: 'amex', country: 'us', since: new Date('2026-01-01T00:00:00Z') },
      done,
    ),
  );
  expect(page).toEqual({
    items: [{ customer_id: CUSTOMER, segment: 'VIP', status: 'active' }],
    next_cursor: '',
  });
  expect(received).toEqual({ brand: 'amex', country: 'US', since: '2026-01-01T00:00:00.000Z', limit: 100 });
  const refused = await errorOf(
    callUnary((done) => graph.findCustomersByUsage({ ...none, country: 'XX', limit: 101 }, done)),
  );
  expect(refused.fields).toEqual(['country', 'limit']);
});
