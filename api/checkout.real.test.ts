/** A customer at a checkout, over gRPC and REST: payment options with Chimera running, slow, away and not configured. */

import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ChimeraSimulator, startChimeraSimulator } from '../dev/simulators/chimera/server.ts';
import { readWallet, setCustomerStatus, updatePaymentMethodStatus } from '../graph/index.ts';
import type {
  GetPaymentOptionsResponse,
  GetVerifiedAddressesResponse,
} from '../proto/gen/persona/v1/persona_agent.ts';
import { addPaymentMethod } from '../services/add-payment-method.ts';
import { type ApiProcess, type ApiUnderTest, openApiUnderTest, unaryCall } from '../test/api-fixture.ts';
import { randomEmail, randomToken, testHeader } from '../test/test-graph.ts';
import { addMethod, cardMethod, matchesExactly, onboard, rpcError, sendRequest } from './api-fixtures.ts';
import { paymentOptions } from './http/schemas/checkout.ts';

let underTest: ApiUnderTest;
let chimera: ChimeraSimulator;
let api: ApiProcess;
let apiWithoutChimera: ApiProcess;

beforeAll(async () => {
  [underTest, chimera] = await Promise.all([openApiUnderTest(), startChimeraSimulator()]);
  [api, apiWithoutChimera] = await Promise.all([
    underTest.startApi({ CHIMERA_ADDRESS: chimera.grpc }),
    underTest.startApi(),
  ]);
});
afterAll(async () => {
  await underTest.close();
  await chimera.close();
});
beforeEach(() => setMode({ mode: 'ok' }));

/** Calls take a moment on a busy machine, and after a failure Chimera is not called for ten seconds. */
const SOON = { timeout: 60_000, interval: 50 };

async function setMode(mode: object): Promise<void> {
  const response = await fetch(`${chimera.control}/_sim/mode`, { method: 'PUT', body: JSON.stringify(mode) });
  expect(response.status).toBe(200);
}

/** The reports about a customer's devices that Chimera has received. */
async function reportsOf(customer_id: string): Promise<object[]> {
  const response = await fetch(`${chimera.control}/_sim/calls`);
  const { data } = (await response.json()) as { data: { rpc: string; request: { customer_id: string } }[] };
  const reports = data.filter((call) => call.rpc === 'NotifyTrustedDevice');
  return reports.map(({ request }) => request).filter((request) => request.customer_id === customer_id);
}

const optionsOf = (request: { customer_id: string; device_id?: string }, at = api) =>
  unaryCall<GetPaymentOptionsResponse>(at.agent, 'getPaymentOptions', { device_id: '', ...request });
const optionsPath = (customer_id: string) => `/api/v1/customers/${customer_id}/checkout-options`;

/** A customer with a trusted device and one active method. */
const customerAtTrustedDevice = () =>
  onboard(api, {
    payment_method_details: cardMethod(),
    device_details: { fingerprint: randomUUID(), trust_score: 0.9 },
  });

const active = { status: 'active' };

test.each(['customer', 'service'] as const)('a method is added by the %s whose token says so', async (by) => {
  const { customer_id } = await onboard(api);
  const name = by === 'customer' ? `customer:${customer_id}` : 'service:checkout';
  const { payment_method_id } = await addPaymentMethod(
    underTest,
    {
      ...{ caller: name, actor: name, correlationId: randomUUID(), idempotencyKey: randomUUID() },
      ...{ maySetLtvAndSegment: false, deadline: Date.now() + 60_000, signal: new AbortController().signal },
    },
    { customer_id, type: 'card', token: randomToken(), off_session_consent: true },
  );
  const [method] = await readWallet(underTest.graph, customer_id);
  expect(method).toMatchObject({ payment_method_id, added_by: by, consent_source: by, proven: true });
});

test('options on a trusted device: active, proven methods, the default first; Chimera is notified', async () => {
  const { customer_id, device_id, payment_method_id } = await customerAtTrustedDevice();
  const [second, failed] = [await addMethod(api, customer_id), await addMethod(api, customer_id)];
  await updatePaymentMethodStatus(underTest.graph, testHeader(), {
    customer_id,
    payment_method_id: failed.body.payment_method_id,
    status: 'failed',
    reason: 'test',
  });
  // A confirmation within a tenth of a second takes a machine that is not busy for that long.
  await expect
    .poll(() => optionsOf({ customer_id, device_id }), SOON)
    .toMatchObject({
      items: [
        { payment_method_id, is_default: true, ...active },
        { payment_method_id: second.body.payment_method_id, is_default: false, ...active },
      ],
      device_trusted: true,
      conservative: false,
    });
  expect(await reportsOf(customer_id)).toContainEqual({ customer_id, device_id, trust_score: 0.9 });

  const overRest = () => sendRequest(api, `${optionsPath(customer_id)}?device_id=${device_id.toUpperCase()}`);
  await expect.poll(overRest, SOON).toMatchObject({
    status: 200,
    body: {
      items: [{ payment_method_id }, { payment_method_id: second.body.payment_method_id }],
      device_trusted: true,
      conservative: false,
    },
  });
  expect(matchesExactly(paymentOptions, (await overRest()).body)).toBe(true);
});

test('with Chimera away, slow or not configured the same methods are returned, conservatively', async () => {
  const { customer_id, device_id, payment_method_id } = await customerAtTrustedDevice();
  const conservative = { items: [{ payment_method_id }], device_trusted: true, conservative: true };
  expect(await optionsOf({ customer_id, device_id }, apiWithoutChimera)).toMatchObject(conservative);
  expect(await reportsOf(customer_id)).toEqual([]);

  await setMode({ slow_ms: 30_000 });
  expect(await optionsOf({ customer_id, device_id })).toMatchObject(conservative);
  await expect.poll(() => reportsOf(customer_id), SOON).toHaveLength(1);

  await setMode({ mode: 'away' });
  // More than enough failures in a row to open the breaker.
  for (let n = 0; n < 8; n += 1)
    expect(await optionsOf({ customer_id, device_id })).toMatchObject(conservative);
  await setMode({ mode: 'ok' });
  expect(await optionsOf({ customer_id, device_id })).toMatchObject(conservative);
  await expect
    .poll(() => optionsOf({ customer_id, device_id }), SOON)
    .toMatchObject({ ...conservative, conservative: false });
});

test("an untrusted device, another customer's, an unknown one and none are not trusted, and Chimera is not notified", async () => {
  const { customer_id, payment_method_id, device_id } = await onboard(api, {
    payment_method_details: cardMethod(),
    device_details: { fingerprint: randomUUID(), trust_score: 0.69 },
  });
  const other = await customerAtTrustedDevice();
  for (const request of [
    { customer_id, device_id },
    { customer_id, device_id: other.device_id },
    { customer_id, device_id: randomUUID() },
    { customer_id },
  ])
    expect(await optionsOf(request)).toMatchObject({
      items: [{ payment_method_id }],
      device_trusted: false,
      conservative: true,
    });
  expect(await reportsOf(customer_id)).toEqual([]);
});

test('what is not proven to be the customer’s is neither an option nor trusted', async () => {
  const email = randomEmail();
  const verified = [{ type: 'email', value: email, is_verified: true }];
  const { customer_id } = await onboard(api, { digital_identifiers: verified });
  const guest = await onboard(api, {
    digital_identifiers: [{ type: 'email', value: email }],
    payment_method_details: cardMethod(),
    device_details: { fingerprint: randomUUID(), trust_score: 0.9 },
  });
  expect(guest).toMatchObject({ customer_id, match: { proven: false } });
  const nothing = { items: [], device_trusted: false, conservative: true };
  expect(await optionsOf({ customer_id, device_id: guest.device_id })).toEqual(nothing);
  expect(await reportsOf(customer_id)).toEqual([]);

  // Nor can another agent change it.
  const { payment_method_id } = guest;
  const mark = { customer_id, payment_method_id, reason: 'test' };
  const metadata = { 'idempotency-key': randomUUID() };
  const { code } = await rpcError(unaryCall(api.agent, 'markPaymentMethodInactive', mark, { metadata }));
  expect(code).toBe(status.NOT_FOUND);
  const [method] = await readWallet(underTest.graph, customer_id);
  expect(method).toMatchObject({ payment_method_id, status: expect.not.stringContaining('inactive') });
});

test('a suspended customer gets no methods, and Chimera is not notified', async () => {
  const { customer_id, device_id } = await customerAtTrustedDevice();
  await setCustomerStatus(underTest.graph, testHeader(), {
    customer_id,
    status: 'suspended',
    reason: 'test',
  });
  const nothing = { items: [], device_trusted: true, conservative: true };
  expect(await optionsOf({ customer_id, device_id })).toEqual(nothing);
  expect((await sendRequest(api, `${optionsPath(customer_id)}?device_id=${device_id}`)).body).toEqual(
    nothing,
  );
  expect(await reportsOf(customer_id)).toEqual([]);
});

test('unknown customers are not found, and malformed ids are refused by name', async () => {
  expect((await rpcError(optionsOf({ customer_id: randomUUID() }))).code).toBe(status.NOT_FOUND);
  expect((await sendRequest(api, optionsPath(randomUUID()))).status).toBe(404);
  expect(await rpcError(optionsOf({ customer_id: randomUUID(), device_id: 'x' }))).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: expect.stringContaining('device_id: must be a UUID'),
  });
  expect(await sendRequest(api, `${optionsPath(randomUUID())}?device_id=x`)).toMatchObject({
    status: 422,
    body: { errors: [{ pointer: '#/device_id', message: 'must be a UUID' }] },
  });
});

test('a process that stops while a report hangs waits for it and exits with code 0', async () => {
  const { customer_id, device_id } = await customerAtTrustedDevice();
  const stopping = await underTest.startApi({ CHIMERA_ADDRESS: chimera.grpc });
  await setMode({ slow_ms: 60_000 });
  expect(await optionsOf({ customer_id, device_id }, stopping)).toMatchObject({ conservative: true });
  expect(await stopping.stop()).toBe(0);
});

test('verified shipping addresses: not the unverified, the billing and the other customer’s', async () => {
  const address = { street1: '18 Alder Street', city: 'New York', zip_code: '10013', country: 'US' };
  const addressesOf = (customer_id: string) =>
    unaryCall<GetVerifiedAddressesResponse>(api.agent, 'getVerifiedAddresses', { customer_id });
  const shipping = { ...address, type: 'shipping', is_verified: true };
  const { customer_id } = await onboard(api, { address_details: shipping });
  for (const change of [
    { street1: '19 Alder Street', is_verified: false },
    { type: 'billing' },
    { street1: '20 Alder Street' },
  ])
    await onboard(api, { customer_id, address_details: { ...shipping, ...change } });
  expect(await addressesOf(customer_id)).toMatchObject({
    items: [
      { street1: '18 Alder Street', type: 'shipping', is_verified: true, is_default: true },
      { street1: '20 Alder Street', type: 'shipping', is_verified: true, is_default: false },
    ],
  });
  const unverified = await onboard(api, { address_details: { ...shipping, is_verified: false } });
  expect(await addressesOf(unverified.customer_id)).toEqual({ items: [] });
  expect((await rpcError(addressesOf(randomUUID()))).code).toBe(status.NOT_FOUND);
  expect((await rpcError(addressesOf('x'))).code).toBe(status.INVALID_ARGUMENT);
});
