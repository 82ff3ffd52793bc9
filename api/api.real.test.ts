/** REST and gRPC as two real processes, from outside. */

import { randomUUID } from 'node:crypto';
import { type ServiceError, status } from '@grpc/grpc-js';
import type { z } from '@hono/zod-openapi';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { setCustomerStatus } from '../graph/index.ts';
import type { GetCustomerContextResponse } from '../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../proto/gen/persona/v1/types.ts';
import { onboardingAnswer } from './http/schemas/onboarding.ts';
import { recovery } from './http/schemas/recoveries.ts';
import { paymentMethod, profile } from './http/schemas/wallet.ts';
import { type ApiProcess, type ApiUnderTest, call, openApiUnderTest, spawnApi } from '../test/api.ts';
import { randomEmail, randomToken, testHeader } from '../test/graph.ts';

let under: ApiUnderTest;
let first: ApiProcess;
let second: ApiProcess;

beforeAll(async () => {
  under = await openApiUnderTest();
  [first, second] = await Promise.all([under.startApi(), under.startApi()]);
});
afterAll(() => under.close());

interface Answer {
  status: number;
  headers: Headers;
  /** Of many routes, so of no one type. */
  body: any;
}

async function rest(
  api: ApiProcess,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${api.http}${path}`, {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

async function refusal(answer: Promise<unknown>): Promise<ServiceError> {
  return answer.then(
    () => Promise.reject(new Error('nothing was refused')),
    (error) => error,
  );
}

const now = () => new Date().toISOString();
const stranger = (change: object = {}) => ({
  transaction_id: randomUUID(),
  digital_identifiers: [{ type: 'email', value: randomEmail(), is_verified: true }],
  occurred_at: now(),
  ...change,
});
const card = (token = randomToken()) => ({ type: 'card', token, off_session_consent: true });
const onboard = async (change: object = {}, api = first) =>
  (await rest(api, '/api/v1/customers', stranger(change))).body as {
    customer_id: string;
    version: number;
    payment_method_id: string;
    device_id: string;
  };

function contextOf(
  customer_id: string,
  options: { min_version?: bigint; deadlineMs?: number; eventual?: true } = {},
) {
  return call<GetCustomerContextResponse>(
    first.agent,
    'getCustomerContext',
    {
      customer_id,
      transaction_id: 't',
      consistency: options.eventual ? Consistency.CONSISTENCY_EVENTUAL : Consistency.CONSISTENCY_STRONG,
      min_version: options.min_version ?? 0n,
    },
    { deadlineMs: options.deadlineMs },
  );
}

describe('onboarding', () => {
  test('a new customer is 201 and whole; the same transaction again, anywhere, is the same answer', async () => {
    const token = randomToken();
    const request = stranger({
      payment_method_details: card(token),
      device_details: { fingerprint: randomUUID() },
    });
    const created = await rest(first, '/api/v1/customers', request);
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      created: true,
      match: { rule: 'none', proven: true, suggested_customer_ids: [] },
      payment_method_status: 'active',
      warnings: [],
    });
    expect(created.body).not.toHaveProperty('request_hash');

    const repeated = await rest(second, '/api/v1/customers', request);
    expect(repeated.body).toEqual(created.body);

    const answer = await fetch(new URL(created.headers.get('location') ?? '', first.http));
    expect(answer.headers.get('etag')).toMatch(/^"\d+"$/);
    expect(await answer.json()).toMatchObject({
      customer_id: created.body.customer_id,
      status: 'active',
      identifiers: [{ type: 'email', value: request.digital_identifiers[0]?.value, is_verified: true }],
      payment_method_count: 1,
      device_count: 1,
    });
    expect(exactly(onboardingAnswer, created.body)).toBe(true);
    expect(
      exactly(profile, (await rest(second, `/api/v1/customers/${created.body.customer_id}/profile`)).body),
    ).toBe(true);
    const wallet = await rest(second, `/api/v1/customers/${created.body.customer_id}/payment-methods`);
    expect(wallet.body.items).toMatchObject([
      { brand: 'visa', last_four: '4242', status: 'active', is_default: true },
    ]);
    expect(JSON.stringify(wallet.body)).not.toContain(token);
  });

  test('the same transaction with another body is refused by both faces', async () => {
    const request = stranger();
    await rest(first, '/api/v1/customers', request);
    const other = { ...request, customer_metadata: { segment: 'vip' } };
    const overRest = await rest(second, '/api/v1/customers', other);
    expect([overRest.status, overRest.body.type]).toEqual([422, 'urn:persona:error:idempotency_key_reused']);
    const overGrpc = await refusal(
      call(second.graph, 'createCustomer', { ...other, occurred_at: new Date() }),
    );
    expect(overGrpc.code).toBe(status.FAILED_PRECONDITION);
  });

  test('what a face sent in another form is the same request', async () => {
    const email = randomEmail();
    const request = { transaction_id: randomUUID(), occurred_at: now(), email };
    const created = await rest(first, '/api/v1/customers', request);
    const overGrpc = await call(second.graph, 'createCustomer', {
      transaction_id: request.transaction_id,
      email,
      digital_identifiers: [],
      occurred_at: new Date(),
    });
    expect(overGrpc).toMatchObject({ customer_id: created.body.customer_id, created: true });
  });

  test('twenty connections over two processes onboard one person at once: one customer', async () => {
    const email = randomEmail();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        rest(
          index % 2 === 0 ? first : second,
          '/api/v1/customers',
          stranger({ digital_identifiers: [{ type: 'email', value: email, is_verified: true }] }),
        ),
      ),
    );
    expect(answers.filter(({ status: code }) => code === 201)).toHaveLength(1);
    expect(answers.filter(({ status: code }) => code === 200)).toHaveLength(19);
    expect(new Set(answers.map(({ body }) => body.customer_id)).size).toBe(1);
  });

  test('what only the normal form shows is refused at the door, and starts nothing', async () => {
    const refused = await rest(
      first,
      '/api/v1/customers',
      stranger({ digital_identifiers: [{ type: 'email', value: 'a..b@shop.example' }] }),
    );
    expect([refused.status, refused.body.errors]).toEqual([
      422,
      [{ pointer: '#/digital_identifiers/0/value', message: 'has a misplaced dot before the @' }],
    ]);
  });
});

describe('context', () => {
  test('a version that an answer named is seen by the next read; one that is not there yet is waited for', async () => {
    const { customer_id, version } = await onboard();
    const context = await contextOf(customer_id, { min_version: BigInt(version), eventual: true });
    expect(context).toMatchObject({
      customer_id,
      is_vip: false,
      ltv: '0.00',
      ltv_currency: 'USD',
      segment: 'NEW',
    });
    expect(context.version).toBeGreaterThanOrEqual(BigInt(version));

    const waiting = contextOf(customer_id, { min_version: context.version + 1n });
    await rest(second, `/api/v1/customers/${customer_id}/payment-methods`, card(), {
      'idempotency-key': randomUUID(),
    });
    expect((await waiting).version).toBeGreaterThan(context.version);
  });

  test('a version that never comes is refused when the deadline does', async () => {
    const { customer_id } = await onboard();
    const ask = () => refusal(contextOf(customer_id, { min_version: 1_000n, deadlineMs: 500 }));
    // Said at the last moment: where machine or graph stand still just then, the deadline is quicker.
    await expect.poll(ask).toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: expect.stringContaining('not yet at 1000'),
    });
  });

  test('nobody is NOT_FOUND, however fresh the answer must be', async () => {
    expect((await refusal(contextOf(randomUUID(), { eventual: true }))).code).toBe(status.NOT_FOUND);
    expect((await refusal(contextOf(randomUUID()))).code).toBe(status.NOT_FOUND);
  });
});

describe('device trust', () => {
  const update = (request: object, entries: Record<string, string> = {}) =>
    call(first.agent, 'updateDeviceTrustScore', request, { metadata: entries });

  test('the newest observation stands; an older one changes nothing, the same one twice acts once', async () => {
    const { customer_id, device_id } = await onboard({ device_details: { fingerprint: randomUUID() } });
    const observed_at = new Date();
    const raised = await update({ device_id, trust_score: 0.9, observed_at });
    expect(raised).toMatchObject({
      device: { device_id, trust_score: 0.9, trusted: true },
      linked_customers: 1n,
      applied: true,
    });
    expect(await update({ device_id, trust_score: 0.9, observed_at })).toEqual(raised);
    expect(
      await update({ device_id, trust_score: 0.1, observed_at: new Date(observed_at.getTime() - 60_000) }),
    ).toMatchObject({ device: { trust_score: 0.9 }, applied: false });
    expect((await contextOf(customer_id)).trusted_devices).toMatchObject([{ device_id, trust_score: 0.9 }]);
  });

  test('a key with another body, a stale version and an unknown device are refused', async () => {
    const { device_id } = await onboard({ device_details: { fingerprint: randomUUID() } });
    const key = { 'idempotency-key': randomUUID() };
    await update({ device_id, trust_score: 0.4 }, key);
    expect((await refusal(update({ device_id, trust_score: 0.6 }, key))).code).toBe(
      status.FAILED_PRECONDITION,
    );
    const stale = { device_id, trust_score: 0.6, observed_at: new Date(), expected_version: 999n };
    expect((await refusal(update(stale))).code).toBe(status.ABORTED);
    const unknown = { device_id: randomUUID(), trust_score: 0.6, observed_at: new Date() };
    expect((await refusal(update(unknown))).code).toBe(status.NOT_FOUND);
  });
});

describe('wallet', () => {
  const add = (customer: string, body: object, key: string = randomUUID(), api = first) =>
    rest(api, `/api/v1/customers/${customer}/payment-methods`, body, { 'idempotency-key': key });

  test('a new method is 201; its key again, at another process, is the same one, and with another body refused', async () => {
    const { customer_id } = await onboard();
    const key = randomUUID();
    const body = card();
    const added = await add(customer_id, body, key);
    expect([added.status, added.body]).toEqual([
      201,
      expect.objectContaining({
        type: 'card',
        status: 'active',
        is_default: true,
        off_session_consent: true,
      }),
    ]);
    const again = await add(customer_id, body, key, second);
    expect([again.status, again.body]).toEqual([201, added.body]);
    const other = await add(customer_id, card(), key, second);
    expect([other.status, other.body.type]).toEqual([422, 'urn:persona:error:idempotency_key_reused']);

    const one = await rest(first, added.headers.get('location') ?? '');
    expect(one.body).toEqual(added.body);
    expect(exactly(paymentMethod, one.body)).toBe(true);
    expect(one.headers.get('etag')).toBe(`"${one.body.changed_seq}"`);
  });

  test('pages follow one another without gap or repeat', async () => {
    const { customer_id } = await onboard();
    for (let n = 0; n < 3; n += 1) await add(customer_id, card());
    const path = `/api/v1/customers/${customer_id}/payment-methods`;
    const whole = (await rest(first, path)).body.items.map(idOf);
    const one = (await rest(first, `${path}?limit=2`)).body;
    const two = (await rest(second, `${path}?limit=2&cursor=${one.next_cursor}`)).body;
    expect([...one.items, ...two.items].map(idOf)).toEqual(whole);
    expect([whole.length, two.next_cursor]).toEqual([3, null]);
    const bad = await rest(first, `${path}?cursor=nonsense`);
    expect([bad.status, bad.body.errors[0].pointer]).toEqual([422, '#/cursor']);
  });

  test("another customer's token, an unknown customer, a suspended one and the gateway's no are refused", async () => {
    const token = randomToken();
    await onboard({ payment_method_details: card(token) });
    const { customer_id } = await onboard();
    expect((await add(customer_id, card(token))).status).toBe(409);
    expect((await add(randomUUID(), card())).status).toBe(404);
    const declined = await add(customer_id, card(`pm_declined_${randomUUID()}`));
    expect([declined.status, declined.body.type]).toEqual([422, 'urn:persona:error:payment_method_declined']);
    await setCustomerStatus(under.graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
    expect((await add(customer_id, card())).status).toBe(403);
  });

  test("a customer's methods are nobody else's", async () => {
    const owner = await onboard({ payment_method_details: card() });
    const { customer_id } = await onboard();
    const path = `/api/v1/customers/${customer_id}/payment-methods/${owner.payment_method_id}`;
    expect((await rest(first, path)).status).toBe(404);
  });
});

test.each([['nonsense'], ['[]'], ['["x"]'], ['["Sat Nov 21 2026","x"]'], ['["2026","x"]'], ['{"a":1}']])(
  'a cursor that no page gave is refused by every list that goes by time: %s',
  async (text) => {
    const { customer_id } = await onboard();
    for (const list of ['timeline', 'recoveries']) {
      const cursor = Buffer.from(text).toString('base64url');
      const refused = await rest(first, `/api/v1/customers/${customer_id}/${list}?cursor=${cursor}`);
      expect([list, refused.status, refused.body.errors]).toEqual([
        list,
        422,
        [{ pointer: '#/cursor', message: 'must be the next_cursor of the page before' }],
      ]);
    }
  },
);

describe('payment failures', () => {
  const failureOf = (customer: { customer_id: string; payment_method_id: string }) => ({
    event_id: randomUUID(),
    payment_id: `pay-${randomUUID()}`,
    customer_id: customer.customer_id,
    payment_method_id: customer.payment_method_id,
    amount: 1250,
    currency: 'EUR',
    kind: 'recurring',
    occurred_at: now(),
    decline_code: 'insufficient_funds',
  });
  const report = (body: object, api = first) => rest(api, '/internal/v1/payment-failures', body);

  test('a settlement, by either face, closes a payment that nobody has heard of; what does not fit is refused', async () => {
    const { customer_id } = await onboard({});
    const settlement = {
      event_id: randomUUID(),
      payment_id: `pay-${randomUUID()}`,
      customer_id,
      settled_at: now(),
    };
    const settle = (body: object, api = first) => rest(api, '/internal/v1/payment-settlements', body);
    const workflow_id = `recovery:${settlement.payment_id}`;
    expect(await settle(settlement)).toMatchObject({ status: 202, body: { workflow_id } });
    const message = { ...settlement, settled_at: new Date(settlement.settled_at) };
    expect(await call(second.agent, 'reportPaymentSettled', message)).toEqual({ workflow_id });
    expect(await settle({ ...settlement, settled_at: '2999-01-01T00:00:00Z' })).toMatchObject({
      status: 422,
    });
    expect(await settle({ ...settlement, event_id: randomUUID(), customer_id: randomUUID() })).toMatchObject({
      status: 404,
    });
    const other = await onboard({});
    const theirs = { ...settlement, event_id: randomUUID(), customer_id: other.customer_id };
    await expect.poll(async () => (await settle(theirs)).status, { timeout: 20_000 }).toBe(409);
  });

  test('a report starts the recovery, which both faces then show; the report again is the same one', async () => {
    const customer = await onboard({
      payment_method_details: card(),
      device_details: { fingerprint: randomUUID(), trust_score: 0.9 },
    });
    const alternative = await rest(
      first,
      `/api/v1/customers/${customer.customer_id}/payment-methods`,
      { ...card(), device_id: customer.device_id },
      { 'idempotency-key': randomUUID() },
    );
    const failure = failureOf(customer);
    const reported = await report(failure);
    expect([reported.status, reported.body]).toEqual([
      202,
      { workflow_id: `recovery:${failure.payment_id}` },
    ]);
    expect((await report(failure, second)).body).toEqual(reported.body);
    const changed = await report({ ...failure, amount: 1300 }, second);
    expect([changed.status, changed.body.type]).toEqual([422, 'urn:persona:error:idempotency_key_reused']);

    const path = `/api/v1/customers/${customer.customer_id}/recoveries`;
    await expect
      .poll(async () => (await rest(first, `${path}/${failure.payment_id}`)).body.outcome, {
        timeout: 20_000,
      })
      .toBe('recovered');
    const shown = (await rest(second, `${path}/${failure.payment_id}`)).body;
    expect(shown).toMatchObject({
      state: 'done',
      class: 'LATER',
      amount: 1250,
      attempts: [{ n: 1, payment_method_id: alternative.body.payment_method_id, state: 'approved' }],
      reason_text: expect.stringContaining('went through'),
    });
    expect((await rest(first, path)).body.items).toEqual([shown]);
    expect(exactly(recovery, shown)).toBe(true);
    const overGrpc = await call(second.agent, 'getRecovery', { payment_id: failure.payment_id });
    expect(overGrpc).toMatchObject({
      outcome: 'recovered',
      amount: 1250n,
      attempts: [{ state: 'approved' }],
    });

    const mismatch = await report({ ...failure, event_id: randomUUID(), amount: 1300 });
    expect([mismatch.status, mismatch.body.errors]).toEqual([
      409,
      [{ pointer: '#/amount', message: expect.stringContaining('1250') }],
    ]);
  });

  test("unknown customers, others' methods and bad input are refused by their own codes", async () => {
    const customer = await onboard({ payment_method_details: card() });
    const other = await onboard({ payment_method_details: card() });
    const failure = failureOf(customer);
    expect((await report({ ...failure, customer_id: randomUUID() })).status).toBe(404);
    expect((await report({ ...failure, payment_method_id: other.payment_method_id })).status).toBe(404);
    expect((await report({ ...failure, amount: 0 })).status).toBe(422);
    const overGrpc = await refusal(
      call(first.agent, 'reportPaymentFailure', {
        ...failure,
        payment_method_id: other.payment_method_id,
        amount: 1250n,
        occurred_at: new Date(),
      }),
    );
    expect(overGrpc.code).toBe(status.NOT_FOUND);
    expect(
      (await rest(first, `/api/v1/customers/${customer.customer_id}/recoveries/${failure.payment_id}`))
        .status,
    ).toBe(404);
  });
});

describe('the process', () => {
  test('says that it is ready, counts what it did, and ends at once and well when told to', async () => {
    const api = await under.startApi();
    expect((await rest(api, '/readyz')).body).toEqual({
      status: 'ready',
      dependencies: { neo4j: 'up', temporal: 'up' },
    });
    const metrics = await (await fetch(api.metrics)).text();
    expect(metrics).toMatch(/persona_request_duration_seconds_count\{[^}]*operation="GET \/readyz"[^}]*\} 1/);
    expect(await api.stop()).toBe(0);
  });

  test.each([
    ['without PERSONA_INSECURE', {}, 78, 'PERSONA_INSECURE: must be 1'],
    [
      'in production',
      { PERSONA_INSECURE: '1', NODE_ENV: 'production' },
      78,
      'refused with NODE_ENV=production',
    ],
    [
      'on an address that others reach',
      { PERSONA_INSECURE: '1', HTTP_HOST: '0.0.0.0' },
      78,
      'HTTP_HOST: must be a loopback address',
    ],
  ])('does not start %s', async (_, variables, code, line) => {
    const child = spawnApi(variables);
    let errors = '';
    child.stderr?.on('data', (data) => {
      errors += data;
    });
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(code);
    expect(errors).toContain(line);
  });
});

function idOf(method: { payment_method_id: string }): string {
  return method.payment_method_id;
}

/** Is the answer what the document says, and nothing beside it? */
function exactly(schema: z.ZodObject, answer: Record<string, unknown>): boolean {
  return schema.strict().safeParse(answer).success;
}
