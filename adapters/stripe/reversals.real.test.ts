/** Whether a succeeded payment still holds its amount, by the gateway's records. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReversalReason, ChargeOrder } from '../../domain/ports.ts';
import { type StripeFixture, startStripeFixture } from '../../test/stripe-fixture.ts';

let stripe: StripeFixture;

beforeAll(async () => {
  stripe = await startStripeFixture();
});
afterAll(() => stripe.close());

interface Paid {
  order: ChargeOrder;
  gateway_ref: string;
  charge_ref: string;
}

async function paid(): Promise<Paid> {
  const order = await stripe.createChargeOrder([]);
  const answer = await stripe.charge(order);
  if (answer.result !== 'approved' || !answer.gateway_ref || !answer.charge_ref)
    throw new Error(JSON.stringify(answer));
  return { order, gateway_ref: answer.gateway_ref, charge_ref: answer.charge_ref };
}

/** A refund made in the dashboard. */
async function refund({ charge_ref }: Paid, amount?: string): Promise<void> {
  const body = new URLSearchParams({ charge: charge_ref, ...(amount && { amount }) });
  const headers = { authorization: 'Bearer sk_test_1' };
  const response = await fetch(`${stripe.url}/v1/refunds`, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(await response.text());
}

async function dispute({ charge_ref }: Paid, ...statuses: [string, ...string[]]): Promise<void> {
  const [first, ...later] = statuses;
  const opened = await stripe.sim<{ id: string }>(`/charges/${charge_ref}/dispute`, 'POST', {
    status: first,
  });
  for (const status of later) await stripe.sim(`/disputes/${opened.id}`, 'PUT', { status });
}

describe.each<[string, (of: Paid) => Promise<unknown>, ReversalReason | undefined]>([
  ['refunded', (of) => refund(of), 'refunded'],
  ['refunded in part', (of) => refund(of, '50'), 'refunded'],
  [
    'captured in part',
    ({ charge_ref }) => stripe.sim(`/charges/${charge_ref}/capture`, 'POST', { amount: 1249 }),
    'partly_captured',
  ],
  ['disputed', (of) => dispute(of, 'needs_response'), 'disputed'],
  ['under inquiry by the bank', (of) => dispute(of, 'warning_needs_response'), 'disputed'],
  ['charged back', (of) => dispute(of, 'needs_response', 'lost'), 'disputed'],
  ['refunded before the dispute was opened', (of) => dispute(of, 'prevented'), 'disputed'],
  ['disputed, and won', (of) => dispute(of, 'needs_response', 'won'), undefined],
  ['under inquiry without consequences', (of) => dispute(of, 'warning_closed'), undefined],
  [
    'disputed twice, and won once',
    async (of) => {
      await dispute(of, 'needs_response');
      await dispute(of, 'won');
    },
    'disputed',
  ],
  ['not reversed', async () => {}, undefined],
])('a payment that was %s', (_, change, reversal) => {
  const expected = reversal === undefined ? {} : { reversal };

  test('is read in that state', async () => {
    const of = await paid();
    await change(of);
    const { gateway_ref, charge_ref, order } = of;
    expect(await stripe.gateway.readPayment(gateway_ref)).toEqual({
      ...{ gateway_ref, charge_ref, state: 'succeeded', ...expected },
      ...{ payment_id: order.payment_id, token: order.token, charged_at: expect.any(Number) },
      ...{ gateway_customer_ref: order.gateway_customer_ref, amount: 1250, currency: 'USD' },
    });
  });

  test.each([
    ['by its reference', true],
    ['among the payments of its customer', false],
  ])('is found in that state %s', async (__, known) => {
    const of = await paid();
    await change(of);
    const { payment_id, gateway_customer_ref, token } = of.order;
    const { gateway_ref, charge_ref } = of;
    const asked = { payment_id, gateway_customer_ref, token, claimed_at: Date.now() };
    expect(await stripe.gateway.findCharge({ ...asked, ...(known && { gateway_ref }) })).toEqual({
      ...{ result: 'approved', gateway_ref, charge_ref, ...expected },
    });
  });

  test('is reported in that state by the next charge on it, which is not sent', async () => {
    const of = await paid();
    await change(of);
    const { gateway_ref } = of;
    const again = await stripe.charge({ ...of.order, key: `${of.order.key}+`, gateway_ref });
    if (reversal === undefined) expect(again).toMatchObject({ result: 'approved', gateway_ref });
    else expect(again).toMatchObject({ result: 'not_sent', cancelled: { gateway_ref, reversal } });
    expect(await stripe.ledger(of.order)).toHaveLength(1);
  });
});
