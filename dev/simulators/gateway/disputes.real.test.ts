import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SimulatorFixture, startSimulatorFixture, until } from './simulator-fixture.ts';

let gateway: SimulatorFixture;

beforeAll(async () => {
  gateway = await startSimulatorFixture();
});
afterAll(() => gateway.close());

/** Creates a succeeded charge. */
async function createSucceededCharge() {
  const payer = await gateway.createPayer([]);
  const { id: intent, latest_charge: charge } = (await gateway.createPayment(payer)).body;
  return { ...payer, intent, charge };
}

/** The event types of one object, in order of arrival. */
const waitForEventTypes = (id: string, count: number) =>
  until(() => {
    const types = gateway.deliveries
      .filter(({ event }) => event.data.object.id === id)
      .map(({ event }) => event.type);
    return types.length >= count ? types : undefined;
  });

test('a dispute is announced, can be read and listed, and is closed', async () => {
  const { charge, intent } = await createSucceededCharge();
  expect((await gateway.get(`/v1/charges/${charge}`)).body).toMatchObject({ disputed: false });
  const dispute = (await gateway.sim('POST', `/charges/${charge}/dispute`, { reason: 'fraudulent' })).body;
  expect(await waitForEventTypes(dispute.id, 1)).toEqual(['charge.dispute.created']);
  expect((await gateway.get(`/v1/charges/${charge}`)).body).toMatchObject({ disputed: true });

  const read = (await gateway.get(`/v1/disputes/${dispute.id}?expand[]=charge`)).body;
  expect(read).toMatchObject({
    object: 'dispute',
    amount: 1250,
    reason: 'fraudulent',
    status: 'needs_response',
    payment_intent: intent,
    charge: { id: charge, object: 'charge' },
  });
  const listed = (await gateway.get(`/v1/disputes?payment_intent=${intent}`)).body;
  expect(listed).toMatchObject({ object: 'list', data: [{ id: dispute.id, charge }] });
  expect((await gateway.get(`/v1/disputes?charge=ch_other`)).body.data).toEqual([]);

  const refused = await gateway.post('/v1/refunds', { charge });
  expect(refused).toMatchObject({ status: 400, body: { error: { code: 'charge_disputed' } } });
  await gateway.sim('PUT', `/disputes/${dispute.id}`, { status: 'under_review' });
  await waitForEventTypes(dispute.id, 2);
  await gateway.sim('PUT', `/disputes/${dispute.id}`, { status: 'won' });
  expect(await waitForEventTypes(dispute.id, 3)).toEqual([
    'charge.dispute.created',
    'charge.dispute.updated',
    'charge.dispute.closed',
  ]);
  expect((await gateway.post('/v1/refunds', { charge })).body.status).toBe('succeeded');
});

test('an early fraud warning is announced, and can be read and listed', async () => {
  const { charge, intent } = await createSucceededCharge();
  const fraud_type = 'made_with_stolen_card';
  const warning = (await gateway.sim('POST', `/charges/${charge}/fraud_warning`, { fraud_type })).body;
  expect(await waitForEventTypes(warning.id, 1)).toEqual(['radar.early_fraud_warning.created']);
  const path = '/v1/radar/early_fraud_warnings';
  const shape = { object: 'radar.early_fraud_warning', actionable: true, charge, fraud_type };
  expect((await gateway.get(`${path}/${warning.id}`)).body).toMatchObject(shape);
  expect((await gateway.get(`${path}?payment_intent=${intent}`)).body.data).toMatchObject([shape]);
  expect((await gateway.get(`${path}/issfr_none`)).status).toBe(404);
});

test('a partially captured payment has received that part, and only that part can be refunded', async () => {
  const { charge, intent } = await createSucceededCharge();
  await gateway.sim('POST', `/charges/${charge}/capture`, { amount: 1000 });
  expect((await gateway.get(`/v1/payment_intents/${intent}`)).body).toMatchObject({
    amount: 1250,
    amount_received: 1000,
    status: 'succeeded',
  });
  expect((await gateway.get(`/v1/charges/${charge}`)).body).toMatchObject({ amount_captured: 1000 });
  expect((await gateway.post('/v1/refunds', { charge, amount: '1001' })).status).toBe(400);
  expect((await gateway.post('/v1/refunds', { charge })).body).toMatchObject({ amount: 1000 });
});

test.each([
  ['POST', '/charges/ch_none/dispute', {}],
  ['PUT', '/disputes/du_none', { status: 'won' }],
  ['POST', '/charges/ch_none/fraud_warning', {}],
  ['POST', '/charges/ch_none/capture', { amount: 1 }],
])('%s %s is refused for an unknown object', async (method, path, body) => {
  expect((await gateway.sim(method, path, body)).status).toBe(400);
});

test('a dispute with an unknown status is refused', async () => {
  const { charge } = await createSucceededCharge();
  expect((await gateway.sim('POST', `/charges/${charge}/dispute`, { status: 'odd' })).status).toBe(400);
});
