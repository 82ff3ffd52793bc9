import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SimulatorFixture, startSimulatorFixture, until } from './simulator-fixture.ts';

let gateway: SimulatorFixture;

beforeAll(async () => {
  gateway = await startSimulatorFixture();
});
afterAll(() => gateway.close());

/** The events of one object, by its id. */
const typesAbout = (id: string) =>
  gateway.deliveries.filter(({ event }) => event.data.object.id === id).map(({ event }) => event.type);
const waitForEvents = (id: string, types: string[]) =>
  until(() => (types.every((type) => typesAbout(id).includes(type)) ? true : undefined));

test('a card that is reissued is announced, with the card as it is by now', async () => {
  const payer = await gateway.createPayer([]);
  await gateway.sim('PUT', `/payment_methods/${payer.method}`, { card: { last4: '1234', exp_year: 2040 } });
  await waitForEvents(payer.method, ['payment_method.automatically_updated']);
  const method = (await gateway.get(`/v1/payment_methods/${payer.method}`)).body;
  expect(method.card).toMatchObject({ last4: '1234', exp_year: 2040 });
  expect(method.customer).toBe(payer.customer);

  // Its event may be lost on the way.
  await gateway.sim('PUT', `/payment_methods/${payer.method}?announced=false`, { card: { exp_year: 2041 } });
  expect((await gateway.get(`/v1/payment_methods/${payer.method}`)).body.card).toMatchObject({
    exp_year: 2041,
  });
  // A new script is a test's own business.
  await gateway.sim('PUT', `/payment_methods/${payer.method}`, { script: [{ do: 'decline' }] });
  await gateway.sim('PUT', `/payment_methods/${payer.method}`, { customer: null });
  await waitForEvents(payer.method, ['payment_method.detached']);
  expect(typesAbout(payer.method)).toEqual([
    'payment_method.automatically_updated',
    'payment_method.detached',
  ]);
});

test('a mandate is read, and announced when it changes', async () => {
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

test('a refund that fails gives nothing back, and may be made again', async () => {
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
