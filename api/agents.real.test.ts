/** Other agents' reads and reports over gRPC and REST, against two real API processes. */

import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import type {
  BatchGetCustomerContextResponse,
  GetCustomerContextResponse,
} from '../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../proto/gen/persona/v1/types.ts';
import { createCustomer } from '../graph/index.ts';
import { unaryCall } from '../test/api-fixture.ts';
import { testHeader } from '../test/test-graph.ts';
import { recovery } from './http/schemas/recoveries.ts';
import {
  addMethod,
  cardMethod,
  matchesExactly,
  now,
  onboard,
  rpcError,
  sendRequest,
  startTwoApis,
} from './api-fixtures.ts';

const api = startTwoApis();

function contextOf(
  customer_id: string,
  options: { min_version?: bigint; deadlineMs?: number; eventual?: true } = {},
) {
  return unaryCall<GetCustomerContextResponse>(
    api.first.agent,
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

describe('context', () => {
  test('a version returned earlier is visible to the next read, and a future one is awaited', async () => {
    const { customer_id, version } = await onboard(api.first);
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
    await addMethod(api.second, customer_id);
    expect((await waiting).version).toBeGreaterThan(context.version);
  });

  test('a version that never becomes visible is refused at the deadline', async () => {
    const { customer_id } = await onboard(api.first);
    const readContext = () => rpcError(contextOf(customer_id, { min_version: 1_000n, deadlineMs: 500 }));
    // Refused just before the deadline: if the machine or the graph stalls then, the deadline passes first.
    await expect.poll(readContext).toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: expect.stringContaining('not yet at 1000'),
    });
  });

  test('an unknown customer is NOT_FOUND at every consistency', async () => {
    expect((await rpcError(contextOf(randomUUID(), { eventual: true }))).code).toBe(status.NOT_FOUND);
    expect((await rpcError(contextOf(randomUUID()))).code).toBe(status.NOT_FOUND);
  });
});

describe('contexts of several customers', () => {
  const contextsOf = (customer_ids: string[], consistency: Consistency = Consistency.CONSISTENCY_EVENTUAL) =>
    unaryCall<BatchGetCustomerContextResponse>(api.first.agent, 'batchGetCustomerContext', {
      customer_ids,
      transaction_id: 't',
      consistency,
    });

  test('a hundred ids of which half are missing: each context as GetCustomerContext returns it', async () => {
    const trusted = { device_details: { fingerprint: randomUUID(), trust_score: 0.9 } };
    const known = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const customer = n === 0 ? onboard(api.first, trusted) : createCustomer(api.graph, testHeader(), {});
        return (await customer).customer_id;
      }),
    );
    const missing = known.map(() => randomUUID());
    const ids = known.flatMap((id, n) => [id.toUpperCase(), missing[n] ?? '']);
    for (const consistency of [Consistency.CONSISTENCY_STRONG, Consistency.CONSISTENCY_EVENTUAL]) {
      const contexts = await contextsOf(ids, consistency);
      expect(contexts.items.map(({ customer_id }) => customer_id)).toEqual(known);
      expect(contexts.missing).toEqual(missing);
      const [first] = contexts.items;
      expect(first?.trusted_devices).toHaveLength(1);
      // The onboarding continues in the background.
      const { as_of, version, ...context } = await contextOf(known[0] ?? '');
      expect(first).toMatchObject(context);
    }
  });

  test('a repeated id counts once; none, too many and malformed ones are refused by name', async () => {
    const { customer_id } = await createCustomer(api.graph, testHeader(), {});
    const twice = await contextsOf([customer_id, customer_id.toUpperCase()]);
    expect([twice.items.length, twice.missing]).toEqual([1, []]);

    const refused = async (ids: string[]) => {
      const { code, details } = await rpcError(contextsOf(ids));
      return [code, details];
    };
    const invalid = status.INVALID_ARGUMENT;
    expect(await refused([])).toEqual([invalid, 'customer_ids: is required']);
    expect(await refused(Array.from({ length: 101 }, () => randomUUID()))).toEqual([
      invalid,
      'customer_ids: must have at most 100 entries',
    ]);
    expect(await refused([customer_id, 'x', ''])).toEqual([
      invalid,
      'customer_ids[1]: must be a UUID; customer_ids[2]: is required',
    ]);
    // A client gets at most 8 KiB of trailers.
    expect((await refused(Array.from({ length: 1_000 }, () => 'x')))[0]).toBe(invalid);
  });
});

describe('searches over REST', () => {
  test('customers by usage, page by page, and customers who share a device', async () => {
    const state = `state-${randomUUID()}`;
    const device_details = {
      fingerprint: randomUUID(),
      user_agent: 'Mozilla/5.0 (iPhone)',
      trust_score: 0.9,
    };
    const address_details = {
      street1: 'A',
      city: 'B',
      state,
      zip_code: '1',
      country: 'US',
      type: 'shipping',
    };
    const details = {
      device_details,
      address_details,
      payment_method_details: { ...cardMethod(), brand: 'amex' },
    };
    const first = await onboard(api.first, details);
    const second = await onboard(api.first, {
      ...details,
      payment_method_details: { ...cardMethod(), brand: 'amex' },
    });
    const search = (query: object) =>
      sendRequest(api.second, `/internal/v1/customers/by-usage?${new URLSearchParams({ ...query })}`);
    const conditions = {
      state,
      trusted_device: 'true',
      user_agent: 'iPhone',
      country: 'us',
      since: '2020-01-01T00:00:00Z',
    };
    const { body: page } = await search({ ...conditions, limit: '1' });
    const { body: next } = await search({ ...conditions, limit: '1', cursor: page.next_cursor });
    const found = [...page.items, ...next.items].map(({ customer_id }) => customer_id);
    expect(found.sort()).toEqual([first.customer_id, second.customer_id].sort());
    expect(page.items[0]).toMatchObject({ segment: 'NEW', status: 'active' });
    expect((await search({ ...conditions, country: 'DE' })).body).toEqual({ items: [], next_cursor: null });
    expect((await search({ ...conditions, since: '2999-01-01T00:00:00Z' })).body.items).toEqual([]);

    const connected = (id: string) => sendRequest(api.second, `/internal/v1/customers/${id}/connected`);
    expect(await connected(first.customer_id)).toMatchObject({
      status: 200,
      body: {
        items: [
          {
            customer_id: second.customer_id,
            evidence: expect.arrayContaining([{ kind: 'device', id: first.device_id }]),
          },
        ],
        next_cursor: null,
      },
    });
    expect((await connected(randomUUID())).status).toBe(404);
    expect((await connected('x')).status).toBe(422);
  });

  test('every invalid parameter is named', async () => {
    const query = 'trusted_device=yes&country=XX&since=yesterday&limit=0&state=A&state=B';
    const { status: code, body } = await sendRequest(api.first, `/internal/v1/customers/by-usage?${query}`);
    expect(code).toBe(422);
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
      '#/country',
      '#/limit',
      '#/since',
      '#/state',
      '#/trusted_device',
    ]);
    const empty = await sendRequest(
      api.first,
      `/internal/v1/customers/by-usage?country=&since=&state=&limit=1`,
    );
    expect(empty.status).toBe(200);
  });
});

describe('device trust', () => {
  const update = (request: object, entries: Record<string, string> = {}) =>
    unaryCall(api.first.agent, 'updateDeviceTrustScore', request, { metadata: entries });

  test('the latest observation applies; older and repeated ones change nothing', async () => {
    const { customer_id, device_id } = await onboard(api.first, {
      device_details: { fingerprint: randomUUID() },
    });
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
    const { device_id } = await onboard(api.first, { device_details: { fingerprint: randomUUID() } });
    const key = { 'idempotency-key': randomUUID() };
    await update({ device_id, trust_score: 0.4 }, key);
    expect((await rpcError(update({ device_id, trust_score: 0.6 }, key))).code).toBe(
      status.FAILED_PRECONDITION,
    );
    const stale = { device_id, trust_score: 0.6, observed_at: new Date(), expected_version: 999n };
    expect((await rpcError(update(stale))).code).toBe(status.ABORTED);
    const unknown = { device_id: randomUUID(), trust_score: 0.6, observed_at: new Date() };
    expect((await rpcError(update(unknown))).code).toBe(status.NOT_FOUND);
  });
});

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
  const report = (body: object, at = api.first) => sendRequest(at, '/internal/v1/payment-failures', body);

  test('a settlement over REST or gRPC closes an unknown payment; an inconsistent one is refused', async () => {
    const { customer_id } = await onboard(api.first);
    const settlement = {
      event_id: randomUUID(),
      payment_id: `pay-${randomUUID()}`,
      customer_id,
      settled_at: now(),
    };
    const settle = (body: object, at = api.first) =>
      sendRequest(at, '/internal/v1/payment-settlements', body);
    const workflow_id = `recovery:${settlement.payment_id}`;
    expect(await settle(settlement)).toMatchObject({ status: 202, body: { workflow_id } });
    const message = { ...settlement, settled_at: new Date(settlement.settled_at) };
    expect(await unaryCall(api.second.agent, 'reportPaymentSettled', message)).toEqual({ workflow_id });
    expect(await settle({ ...settlement, settled_at: '2999-01-01T00:00:00Z' })).toMatchObject({
      status: 422,
    });
    expect(await settle({ ...settlement, event_id: randomUUID(), customer_id: randomUUID() })).toMatchObject({
      status: 404,
    });
    const other = await onboard(api.first);
    // A repeat of an event that was accepted before the payment was known gets the same response.
    const otherCustomerSettlement = () => ({
      ...settlement,
      event_id: randomUUID(),
      customer_id: other.customer_id,
    });
    await expect
      .poll(async () => (await settle(otherCustomerSettlement())).status, { timeout: 60_000 })
      .toBe(409);
  });

  test('a report starts the recovery, which REST and gRPC return; a repeated report has no further effect', async () => {
    const customer = await onboard(api.first, {
      payment_method_details: cardMethod(),
      device_details: { fingerprint: randomUUID(), trust_score: 0.9 },
    });
    const alternative = await addMethod(api.first, customer.customer_id, {
      ...cardMethod(),
      device_id: customer.device_id,
    });
    const failure = failureOf(customer);
    const reported = await report(failure);
    expect([reported.status, reported.body]).toEqual([
      202,
      { workflow_id: `recovery:${failure.payment_id}` },
    ]);
    expect((await report(failure, api.second)).body).toEqual(reported.body);
    const path = `/api/v1/customers/${customer.customer_id}/recoveries`;
    await expect
      .poll(async () => (await sendRequest(api.first, `${path}/${failure.payment_id}`)).body.outcome, {
        timeout: 60_000,
      })
      .toBe('recovered');
    const { body: shown, headers } = await sendRequest(api.second, `${path}/${failure.payment_id}`);
    expect(headers.get('etag')).toBe(`"${shown.changed_seq}"`);
    expect(shown).toMatchObject({
      state: 'done',
      class: 'LATER',
      amount: 1250,
      attempts: [{ n: 1, payment_method_id: alternative.body.payment_method_id, state: 'approved' }],
      reason_text: expect.stringContaining('went through'),
    });
    expect((await sendRequest(api.first, path)).body.items).toEqual([shown]);
    expect(matchesExactly(recovery, shown)).toBe(true);
    const overGrpc = await unaryCall(api.second.agent, 'getRecovery', { payment_id: failure.payment_id });
    expect(overGrpc).toMatchObject({
      outcome: 'recovered',
      changed_seq: BigInt(Number(shown.changed_seq)),
      amount: 1250n,
      attempts: [{ state: 'approved' }],
    });

    // A repeated event still gets the first response to its id now that the payment is known.
    expect((await report(failure, api.second)).body).toEqual(reported.body);
    const changed = await report({ ...failure, amount: 1300 }, api.second);
    expect([changed.status, changed.body.type]).toEqual([422, 'urn:persona:error:idempotency_key_reused']);

    const mismatch = await report({ ...failure, event_id: randomUUID(), amount: 1300 });
    expect([mismatch.status, mismatch.body.errors]).toEqual([
      409,
      [{ pointer: '#/amount', message: expect.stringContaining('1250') }],
    ]);
  });

  test("unknown customers, other customers' methods and invalid input are refused with separate codes", async () => {
    const customer = await onboard(api.first, { payment_method_details: cardMethod() });
    const other = await onboard(api.first, { payment_method_details: cardMethod() });
    const failure = failureOf(customer);
    expect((await report({ ...failure, customer_id: randomUUID() })).status).toBe(404);
    expect((await report({ ...failure, payment_method_id: other.payment_method_id })).status).toBe(404);
    expect((await report({ ...failure, amount: 0 })).status).toBe(422);
    const overGrpc = await rpcError(
      unaryCall(api.first.agent, 'reportPaymentFailure', {
        ...failure,
        payment_method_id: other.payment_method_id,
        amount: 1250n,
        occurred_at: new Date(),
      }),
    );
    expect(overGrpc.code).toBe(status.NOT_FOUND);
    expect(
      (
        await sendRequest(
          api.first,
          `/api/v1/customers/${customer.customer_id}/recoveries/${failure.payment_id}`,
        )
      ).status,
    ).toBe(404);
  });
});
