/** Disputes and early fraud warnings: from the gateway simulator, through the running API and workers, into the graph. */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readWallet, setDefaultPaymentMethod } from '../../../graph/index.ts';
import { getObligation } from '../../../graph/recovery/index.ts';
import { testHeader } from '../../../test/test-graph.ts';
import { failureOf } from '../../../test/wallet-fixtures.ts';
import { type CardHolder, type Delivery, signature } from '../../../test/webhook-fixture.ts';
import { startWorkerFixture, type WorkerFixture } from '../../../test/worker-fixture.ts';

let system: WorkerFixture;
beforeAll(async () => {
  system = await startWorkerFixture();
});
afterAll(() => system.close());
beforeEach(() => {
  system.outage.active = false;
});

/** A charge by the shop itself, which is unknown to Persona. */
async function chargeExternally({ order }: CardHolder): Promise<string> {
  const answer = await system.stripe.charge({ ...order, payment_id: '', key: `shop:${randomUUID()}` });
  if (answer.result !== 'approved' || !answer.charge_ref) throw new Error(JSON.stringify(answer));
  return answer.charge_ref;
}

const sim = (path: string, method: 'POST' | 'PUT', body: object) =>
  system.stripe.sim<{ id: string }>(path, method, body);
const dispute = (charge: string, reason = 'product_not_received') =>
  sim(`/charges/${charge}/dispute`, 'POST', { reason });
const close = ({ id }: { id: string }, status: string) => sim(`/disputes/${id}`, 'PUT', { status });

/** The gateway's webhook deliveries about an object, once they have been responded to. */
const deliveriesOf = (type: string, id: string, count = 1) => system.delivered([`"${type}"`, id], count);
async function lastDisputeOutcome(charge: string, type: string, id: string): Promise<string | undefined> {
  await deliveriesOf(type, id);
  return (await system.outcomesOf(`gateway-dispute:${charge}`)).at(-1);
}

const walletMethod = async ({ customer_id, payment_method_id }: CardHolder) =>
  (await readWallet(system.graph, customer_id)).find((one) => one.payment_method_id === payment_method_id);

/** The number of charges of a method, by the gateway's ledger. */
async function charges(token: string): Promise<number> {
  const { data } = await system.stripe.sim<{ data: { payment_method: string }[] }>('/charges');
  return data.filter(({ payment_method }) => payment_method === token).length;
}

/** A customer with two good cards; the first one is the default, and the shop has charged it. */
async function twoCards(card: object = {}) {
  const holder = await system.cardHolder([], card);
  const other = await system.secondCard(holder);
  return { holder, other, charge: await chargeExternally(holder) };
}

const failureOn = ({ customer_id, payment_method_id }: CardHolder, changes: object = {}) =>
  failureOf({ customer_id, methods: [payment_method_id] }, { amount: 1250, ...changes });

test('a disputed card is neither default nor charged, until the dispute is won', async () => {
  const { holder, other, charge } = await twoCards();
  expect(await walletMethod(holder)).toMatchObject({ is_default: true, disputed: false });
  const opened = await dispute(charge);
  const [delivery] = await deliveriesOf('charge.dispute.created', opened.id);
  expect(delivery).toMatchObject({ status: 200, answer: { result: 'accepted' } });
  expect(await lastDisputeOutcome(charge, 'charge.dispute.created', opened.id)).toBe('disputed');
  expect(await walletMethod(holder)).toMatchObject({ is_default: false, disputed: true, status: 'active' });
  expect(await walletMethod(other)).toMatchObject({ is_default: true });
  const { customer_id, payment_method_id } = holder;
  const chosen = { customer_id, payment_method_id, by: 'customer' } as const;
  await expect(setDefaultPaymentMethod(system.graph, testHeader(), chosen)).rejects.toMatchObject({
    type: 'illegal_transition',
    message: expect.stringContaining('disputed'),
  });

  // Next month the new default fails: the disputed card is not a candidate.
  const failure = failureOn(other, { decline_code: 'expired_card' });
  await system.reportFailure(failure);
  await system.waitForRecovery(failure, ({ waiting_for }) => waiting_for === 'method');
  expect(await charges(holder.token)).toBe(1);

  await close(opened, 'won');
  expect(await lastDisputeOutcome(charge, 'charge.dispute.closed', opened.id)).toBe('dispute_over');
  expect(await walletMethod(holder)).toMatchObject({ disputed: false, is_default: true });
  await system.sendOperatorRequest(failure.payment_id, 'retryNow');
  await system.waitForRecovery(failure, ({ outcome }) => outcome === 'recovered');
  expect(await charges(holder.token)).toBe(2);
  expect(system.suspectedFrauds.filter((one) => one.customer_id === customer_id)).toEqual([]);
});

test('a card stays disputed until all its disputes are closed, and permanently once one is lost', async () => {
  const { holder, charge } = await twoCards();
  const first = await dispute(charge);
  await lastDisputeOutcome(charge, 'charge.dispute.created', first.id);
  const later = await chargeExternally(holder);
  const second = await dispute(later);
  expect(await lastDisputeOutcome(later, 'charge.dispute.created', second.id)).toBe('disputed');
  await close(first, 'won');
  expect(await lastDisputeOutcome(charge, 'charge.dispute.closed', first.id)).toBe('dispute_over');
  expect(await walletMethod(holder)).toMatchObject({ disputed: true, is_default: false });
  await close(second, 'lost');
  expect(await lastDisputeOutcome(later, 'charge.dispute.closed', second.id)).toBe('disputed');
  expect(await walletMethod(holder)).toMatchObject({
    disputed: true,
    disputes: [`${first.id}:won`, `${second.id}:lost`],
  });
});

test.each([
  ['a fraudulent dispute', (charge: string) => dispute(charge, 'fraudulent'), 'charge.dispute.created'],
  [
    'an early fraud warning',
    (charge: string) => sim(`/charges/${charge}/fraud_warning`, 'POST', { fraud_type: 'misc' }),
    'radar.early_fraud_warning.created',
  ],
])(
  '%s is known fraud: the card is compromised, Chimera is informed once, and recoveries of the card end',
  async (_, raise, type) => {
    const { holder, other, charge } = await twoCards();
    const { customer_id, payment_method_id } = holder;
    // Declined permanently, so that nothing is charged and the recovery waits.
    const failure = failureOn(holder, { decline_code: 'do_not_try_again' });
    await system.reportFailure(failure);
    await system.waitForRecovery(failure, ({ waiting_for }) => waiting_for === 'method');
    const { id } = await raise(charge);
    expect(await lastDisputeOutcome(charge, type, id)).toBe('compromised');
    expect(await walletMethod(holder)).toMatchObject({ status: 'compromised', is_default: false });
    expect(await walletMethod(other)).toMatchObject({ status: 'active', is_default: true });
    const done = await system.waitForRecovery(failure, ({ state }) => state === 'done');
    expect(done).toMatchObject({ outcome: 'stopped', attempts: [] });
    expect(await getObligation(system.graph, failure.payment_id)).toMatchObject({
      state: 'stopped',
      rule: 'fraud',
    });
    expect(await charges(other.token)).toBe(0);

    // A repeated report changes nothing.
    const [delivery] = await deliveriesOf(type, id);
    await redeliver(similarEvent(delivery));
    expect(await system.outcomesOf(`gateway-dispute:${charge}`)).toEqual(['unchanged']);
    const reports = system.suspectedFrauds.filter((one) => one.customer_id === customer_id);
    expect(reports).toMatchObject([{ payment_method_id, event_id: `${id}:${payment_method_id}` }]);
  },
);

test('winning a fraudulent dispute lifts the dispute, but the card stays compromised', async () => {
  const { holder, other, charge } = await twoCards();
  const opened = await dispute(charge, 'fraudulent');
  await lastDisputeOutcome(charge, 'charge.dispute.created', opened.id);
  await close(opened, 'won');
  expect(await lastDisputeOutcome(charge, 'charge.dispute.closed', opened.id)).toBe('dispute_over');
  expect(await walletMethod(holder)).toMatchObject({
    disputed: false,
    status: 'compromised',
    is_default: false,
  });
  expect(await walletMethod(other)).toMatchObject({ is_default: true });
});

test('events apply by the state that is read, in any order and each once', async () => {
  system.outage.active = true;
  const { holder, charge } = await twoCards();
  const opened = await dispute(charge);
  await close(opened, 'under_review');
  await close(opened, 'warning_closed');
  const [created] = await deliveriesOf('charge.dispute.created', opened.id);
  const [closed] = await deliveriesOf('charge.dispute.closed', opened.id);
  system.outage.active = false;
  expect(await redeliver(closed)).toEqual({ result: 'accepted' });
  expect(await system.outcomesOf(`gateway-dispute:${charge}`)).toEqual(['dispute_over']);
  expect(await redeliver(created)).toEqual({ result: 'accepted' });
  expect(await system.outcomesOf(`gateway-dispute:${charge}`)).toEqual(['unchanged']);
  expect(await redeliver(created)).toEqual({ result: 'known' });
  expect(await walletMethod(holder)).toMatchObject({ disputed: false, is_default: true });
});

test('a dispute of an unknown method’s charge is ignored, and so is one unknown to the gateway', async () => {
  const order = await system.stripe.createChargeOrder([]);
  const answer = await system.stripe.charge(order);
  const charge = 'charge_ref' in answer ? (answer.charge_ref ?? '') : '';
  const opened = await dispute(charge);
  expect(await lastDisputeOutcome(charge, 'charge.dispute.created', opened.id)).toBe('ignored');
  const [delivery] = await deliveriesOf('charge.dispute.created', opened.id);
  await redeliver(similarEvent(delivery, { id: 'du_none' }));
  expect(await system.outcomesOf(`gateway-dispute:${charge}`)).toEqual(['unknown']);
});

/** Repeats a webhook delivery of the gateway. */
async function redeliver({ text }: Pick<Delivery, 'text'> = { text: '' }): Promise<unknown> {
  return (await system.post(text, signature(text))).json();
}

/** Another event about the same object. */
function similarEvent({ text }: Pick<Delivery, 'text'> = { text: '{}' }, changes: object = {}) {
  const event = JSON.parse(text);
  const object = { ...event.data.object, ...changes };
  return { text: JSON.stringify({ ...event, id: `evt_${randomUUID()}`, data: { object } }) };
}
