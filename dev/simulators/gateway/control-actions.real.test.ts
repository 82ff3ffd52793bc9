import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SimulatorFixture, startSimulatorFixture, until } from './simulator-fixture.ts';

let gateway: SimulatorFixture;

beforeAll(async () => {
  gateway = await startSimulatorFixture();
});
afterAll(() => gateway.close());

/** The event types of one object. */
const typesAbout = (id: string) =>
  gateway.deliveries.filter(({ event }) => event.data.object.id === id).map(({ event }) => event.type);
const waitForEvents = (id: string, types: string[]) =>
  until(() => (types.every((type) => typesAbout(id).includes(type)) ? true : undefined));

test('a reissued card is announced with its current details', async () => {
  const payer = await gateway.createPayer([]);
  await gateway.sim('PUT', `/payment_methods/${payer.method}`, { card: { last4: '1234', exp_year: 2040 } });
  await waitForEvents(payer.method, ['payment_method.automatically_updated']);
  const method = (await gateway.get(`/v1/payment_methods/${payer.method}`)).body;
  expect(method.card).toMatchObject({ last4: '1234', exp_year: 2040 });
  expect(method.customer).toBe(payer.customer);

  // The event may be lost.
  await gateway.sim('PUT', `/payment_methods/${payer.method}?announced=false`, { card: { exp_year: 2041 } });
  expect((await gateway.get(`/v1/payment_methods/${payer.method}`)).body.card).toMatchObject({
    exp_year: 2041,
  });
  // A new script is not announced.
  await gateway.sim('PUT', `/payment_methods/${payer.method}`, { script: [{ do: 'decline' }] });
  await gateway.sim('PUT', `/payment_methods/${payer.method}`, { customer: null });
  await waitForEvents(payer.method, ['payment_method.detached']);
  expect(typesAbout(payer.method)).toEqual([
    'payment_method.automatically_updated',
    'payment_method.detached',
  ]);
});

test('a mandate can be read, and its changes are announced', async () => {
  const payer = await gateway.createPayer([]);
  const id = `mandate_${randomUUID()}`;
  expect((await gateway.get(`/v1/mandates/${id}`)).body.error.code).toBe('resource_missing');
  await gateway.sim('PUT', `/mandates/${id}`, { payment_method: payer.method });
  expect((await gateway.get(`/v1/mandates/${id}`)).body).toMatchObject({
    object: 'mandate',
    payment_method: payer.method,
    status: 'active',
    type: 'multi_use',
  });
  await gateway.sim('PUT', `/mandates/${id}`, { status: 'inactive' });
  await waitForEvents(id, ['mandate.updated']);
  expect((await gateway.get(`/v1/mandates/${id}`)).body).toMatchObject({ status: 'inactive' });
  expect((await gateway.sim('PUT', `/mandates/${id}`, { status: 'odd' })).status).toBe(400);
});

test('a failed refund returns no money, and the charge can be refunded again', async () => {
  const payer = await gateway.createPayer([]);
  const charge = (await gateway.createPayment(payer)).body.latest_charge;
  const refund = (await gateway.post('/v1/refunds', { charge })).body;
  expect(await gateway.ledgerOf(payer.customer)).toMatchObject([{ status: 'refunded' }]);
  await gateway.sim('POST', `/refunds/${refund.id}/fail`, { reason: 'lost_or_stolen_card' });
  await waitForEvents(refund.id, ['refund.updated', 'refund.failed']);
  expect((await gateway.get(`/v1/refunds/${refund.id}`)).body).toMatchObject({
    status: 'failed',
    failure_reason: 'lost_or_stolen_card',
  });
  expect(await gateway.ledgerOf(payer.customer)).toMatchObject([{ status: 'succeeded' }]);
  expect((await gateway.sim('POST', `/refunds/${refund.id}/fail`, {})).status).toBe(400);
  expect((await gateway.post('/v1/refunds', { charge })).body.status).toBe('succeeded');
});
