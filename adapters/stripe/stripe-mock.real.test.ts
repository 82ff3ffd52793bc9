/** Every request that the adapter makes, validated by stripe-mock against Stripe's API specification. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ChargeOrder } from '../../domain/ports.ts';
import { startHttpServer } from '../../test/stripe-fixture.ts';
import { createStripeGateway } from './gateway.ts';

interface Exchange {
  /** Method and path without ids. */
  request: string;
  parameters: string[];
  status: number;
}

const order: ChargeOrder = {
  key: 'recovery:inv-1:m:1',
  payment_id: 'inv-1',
  customer_id: 'c',
  gateway_customer_ref: 'cus_1',
  token: 'pm_1',
  amount: 1250,
  currency: 'USD',
  payment_method_type: 'sepa_debit',
};
const query = {
  payment_id: 'inv-1',
  gateway_customer_ref: 'cus_1',
  token: 'pm_1',
  claimed_at: Date.now(),
};

/** `undefined`: the mock's own response. */
type Answer = [status: number, body: object] | undefined;

const exchanges: Exchange[] = [];
/** Replace the mock's responses, which include neither declines nor existing refunds. */
const answers: Answer[] = [];
let proxy: Awaited<ReturnType<typeof startHttpServer>>;

/** Forwards a request to the mock, records its verdict, and responds. */
async function pass(mock: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = request.method === 'POST' ? await readText(request) : undefined;
  const { pathname, search, searchParams } = new URL(request.url ?? '', mock);
  const { authorization = '', 'stripe-version': version } = request.headers;
  const checked = await fetch(`${mock}${pathname}${search}`, {
    method: request.method ?? 'GET',
    headers: {
      authorization,
      ...(version && { 'stripe-version': String(version) }),
      ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    ...(body !== undefined && { body }),
  });
  const answer = (await checked.json()) as Record<string, unknown>;
  const names = [...searchParams.keys(), ...new URLSearchParams(body).keys()];
  exchanges.push({
    request: `${request.method} ${pathname.replace(/\b(pi|pm|ch|cs|cus|mandate|du|issfr)_\w+/, '{id}')}`,
    parameters: [...new Set(names.map((name) => name.replace(/\[\d*\]$/, '[]')))].sort(),
    status: checked.status,
  });
  const [status, reply] = (checked.ok ? answers.shift() : undefined) ?? [checked.status, answer];
  response.writeHead(status, { 'content-type': 'application/json' });
  // Every list has a second page.
  const more = answer.object === 'list' && !searchParams.has('starting_after') && { has_more: true };
  response.end(JSON.stringify({ ...reply, ...more }));
}

beforeAll(async () => {
  const mock = process.env.STRIPE_MOCK_URL;
  if (!mock)
    throw new Error('STRIPE_MOCK_URL is not set: npm test sets it and builds stripe-mock if Go is installed');
  proxy = await startHttpServer((request, response) => void pass(mock, request, response));
});
afterAll(() => proxy.close());
beforeEach(() => {
  exchanges.length = 0;
  answers.length = 0;
});

const gateway = (apiVersion?: string) =>
  createStripeGateway({ apiKey: 'sk_test_1', apiBase: proxy.url, ...(apiVersion && { apiVersion }) });

const confirmation = ['error_on_requires_action', 'off_session', 'payment_method', 'payment_method_types[]'];
const refunded = { payment_id: 'inv-1', attempt_key: 'recovery:inv-1:m:1' };
const listedRefunds: [request: string, parameters: string[]][] = [
  ['GET /v1/refunds', ['charge', 'limit']],
  ['GET /v1/refunds', ['charge', 'limit', 'starting_after']],
];
const refundParameters = ['charge', 'metadata[attempt_key]', 'metadata[payment_id]', 'reason'];
const intent = (status: string) => ({
  id: 'pi_1',
  status,
  last_payment_error: null,
  latest_charge: null,
  metadata: {},
});

const CALLS: [
  name: string,
  call: () => Promise<unknown>,
  expected: [request: string, parameters: string[]][],
  answers?: Answer[],
][] = [
  [
    'the first charge',
    () => gateway().charge(order, { timeoutMs: 5000 }),
    [
      [
        'POST /v1/payment_intents',
        [
          'amount',
          'confirm',
          'currency',
          'customer',
          ...confirmation,
          'metadata[customer_id]',
          'metadata[payment_id]',
        ].sort(),
      ],
    ],
  ],
  [
    'a later charge',
    () => gateway().charge({ ...order, gateway_ref: 'pi_1' }, { timeoutMs: 5000 }),
    [['POST /v1/payment_intents/{id}/confirm', confirmation]],
  ],
  [
    'reading a payment',
    () => gateway().readPayment('pi_1'),
    [['GET /v1/payment_intents/{id}', ['expand[]']]],
  ],
  [
    'reading a payment that has succeeded',
    () => gateway().readPayment('pi_1'),
    [
      ['GET /v1/payment_intents/{id}', ['expand[]']],
      ['GET /v1/disputes', ['limit', 'payment_intent']],
      ['GET /v1/disputes', ['limit', 'payment_intent', 'starting_after']],
    ],
    [
      [200, { ...intent('succeeded'), customer: null, amount: 1, amount_received: 1, currency: 'usd' }],
      [
        200,
        { object: 'list', url: '/v1/disputes', data: [{ id: 'du_1', object: 'dispute', status: 'won' }] },
      ],
    ],
  ],
  [
    'cancelling a payment',
    () => gateway().cancelPayment('pi_1'),
    [['POST /v1/payment_intents/{id}/cancel', []]],
  ],
  [
    'cancelling a payment of a Checkout Session',
    () => gateway().cancelPayment('pi_1'),
    [
      ['POST /v1/payment_intents/{id}/cancel', []],
      ['GET /v1/payment_intents/{id}', []],
      ['GET /v1/checkout/sessions', ['limit', 'payment_intent']],
      ['POST /v1/checkout/sessions/{id}/expire', []],
      ['GET /v1/payment_intents/{id}', []],
    ],
    [
      [400, { error: { type: 'invalid_request_error', message: 'created by Checkout' } }],
      [200, intent('requires_payment_method')],
      [200, { object: 'list', data: [{ id: 'cs_1', status: 'open' }], has_more: false }],
    ],
  ],
  [
    'finding a charge by its payment',
    () => gateway().findCharge({ ...query, gateway_ref: 'pi_1' }),
    [
      ['GET /v1/payment_intents/{id}', ['expand[]']],
      ['GET /v1/charges', ['limit', 'payment_intent']],
      ['GET /v1/charges', ['limit', 'payment_intent', 'starting_after']],
    ],
    [[200, intent('requires_payment_method')]],
  ],
  [
    "finding a charge among the customer's payments",
    () => gateway().findCharge(query),
    [
      ['GET /v1/payment_intents', ['created[gte]', 'customer', 'expand[]', 'limit']],
      ['GET /v1/payment_intents', ['created[gte]', 'customer', 'expand[]', 'limit', 'starting_after']],
    ],
  ],
  [
    "a customer's payments",
    () => gateway().paymentsOf('cus_1', Date.now(), {}),
    [
      ['GET /v1/payment_intents', ['created[gte]', 'customer', 'limit']],
      ['GET /v1/payment_intents', ['created[gte]', 'customer', 'limit', 'starting_after']],
    ],
  ],
  [
    'a refund',
    () => gateway().refundCharge({ ...refunded, charge_ref: 'ch_1', key: 'k' }),
    [...listedRefunds, ['POST /v1/refunds', refundParameters]],
  ],
  [
    'a refund that was made before',
    () => gateway().refundCharge({ ...refunded, charge_ref: 'ch_1', key: 'k' }),
    [...listedRefunds, ['POST /v1/refunds', refundParameters], ...listedRefunds],
    [
      undefined,
      undefined,
      [
        400,
        { error: { type: 'invalid_request_error', code: 'charge_already_refunded', message: 'already' } },
      ],
    ],
  ],
  [
    'a customer',
    () => gateway().createCustomer({ customer_id: 'c', key: 'k' }),
    [['POST /v1/customers', ['metadata[customer_id]']]],
  ],
  ['the owner of a customer', () => gateway().ownerOf('cus_1'), [['GET /v1/customers/{id}', []]]],
  [
    'attaching a method',
    () =>
      gateway().attachPaymentMethod({
        customer_id: 'c',
        token: 'pm_1',
        gateway_customer_ref: 'cus_1',
        key: 'k',
      }),
    [
      ['POST /v1/payment_methods/{id}/attach', ['customer']],
      ['GET /v1/payment_methods/{id}', []],
    ],
  ],
  [
    'the refunds of a payment',
    () => gateway().refundsOf('pi_1'),
    [
      ['GET /v1/refunds', ['limit', 'payment_intent']],
      ['GET /v1/refunds', ['limit', 'payment_intent', 'starting_after']],
    ],
  ],
  ['reading a method', () => gateway().getPaymentMethod('pm_1'), [['GET /v1/payment_methods/{id}', []]]],
  [
    "a card's new expiry date",
    () =>
      gateway().updatePaymentMethod({ customer_id: 'c', token: 'pm_1', expiry_month: 5, expiry_year: 2031 }),
    [['POST /v1/payment_methods/{id}', ['card[exp_month]', 'card[exp_year]']]],
  ],
  [
    'detaching a method',
    () => gateway().detachPaymentMethod('pm_1'),
    [['POST /v1/payment_methods/{id}/detach', []]],
  ],
  ['deleting a customer', () => gateway().deleteCustomer('cus_1'), [['DELETE /v1/customers/{id}', []]]],
  ['reading a mandate', () => gateway().getMandate('mandate_1'), [['GET /v1/mandates/{id}', []]]],
  ['reading a dispute', () => gateway().getDispute('du_1'), [['GET /v1/disputes/{id}', ['expand[]']]]],
  [
    'reading an early fraud warning',
    () => gateway().getFraudWarning('issfr_1'),
    [['GET /v1/radar/early_fraud_warnings/{id}', ['expand[]']]],
  ],
];

test.each(CALLS)('%s conforms to Stripe’s API specification', async (_, call, expected, instead = []) => {
  answers.push(...instead);
  await call();
  expect(exchanges).toEqual(expected.map(([request, parameters]) => ({ request, parameters, status: 200 })));
});

test('every method of the adapter is covered', () => {
  const source = CALLS.map(([, call]) => call.toString()).join();
  for (const name of Object.keys(gateway())) expect(source).toContain(`.${name}(`);
});

test('the mock refuses unknown parameters and other API versions', async () => {
  const headers = { authorization: 'Bearer sk_test_1', 'content-type': 'application/x-www-form-urlencoded' };
  const body = 'amount=1&currency=usd&payment_methods_types[]=card';
  const refused = await fetch(`${proxy.url}/v1/payment_intents`, { method: 'POST', headers, body });
  expect(refused.status).toBe(400);
  await gateway('2025-03-31.basil')
    .readPayment('pi_1')
    .catch(() => {});
  expect(exchanges.map(({ status }) => status)).toEqual([400, 400]);
});
