/** Persona as separate programs (two APIs, two workers), driven only from outside, with real concurrency. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { fetchAs } from '../../platform/run-access.ts';
import { type Agents, connectAgents, type OnboardingResult } from '../../dev/demo/agents.ts';
import { type StateInspector, openStateInspector } from '../../dev/demo/state-inspector.ts';
import { type PersonaSystem, startPersona } from '../../dev/persona.ts';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';

const LIMIT = { timeout: 60_000, interval: 50 };
const DAY = 86_400_000;
let guard: Guard;
let folder: string;
let system: PersonaSystem;
/** One set of agents per API process. */
let agents: [Agents, Agents];
let inspector: StateInspector;
/** One URL per API process. */
let apiUrls: [string, string];

beforeAll(async () => {
  guard = startGuard();
  folder = mkdtempSync(join(tmpdir(), 'persona-e2e-'));
  system = await startPersona({
    guard,
    log: () => {},
    apis: 2,
    workers: 2,
    runFile: join(folder, 'run.json'),
  });
  const other = system.programs.get('api-2')?.ready;
  const { addresses } = system;
  apiUrls = [addresses.http, other?.http as string];
  agents = [
    await connectAgents(addresses),
    await connectAgents({ ...addresses, http: other?.http as string, grpc: other?.grpc as string }),
  ];
  inspector = openStateInspector(addresses);
});
afterAll(async () => {
  await Promise.all([...(agents ?? []).map((one) => one.close()), inspector?.close()]);
  await guard.stop();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(system.logTails())));

interface Customer {
  id: string;
  cards: { token: string; id: string }[];
}

/**
 * A customer with that many active methods, used on one trusted device, the last one most recently: cards that follow
 * `steps`, or the gateway's own test methods.
 */
async function customerWithCards(
  count: number,
  steps: object[][] = [],
  testMethods: (string | undefined)[] = [],
): Promise<Customer> {
  const fingerprint = randomUUID();
  let id: string | undefined;
  const cards: Customer['cards'] = [];
  for (let index = 0; index < count; index++) {
    const token = testMethods[index] ?? `pm_${randomUUID().replaceAll('-', '')}`;
    if (!testMethods[index]) await script(token, steps[index] ?? []);
    const onboarded: OnboardingResult = await agents[index % 2]!.onboard({
      transaction_id: randomUUID(),
      ...(id ? { customer_id: id } : { email: `e2e.${randomUUID()}@shop.example` }),
      payment_method_details: {
        type: token.startsWith('pm_usBank') ? 'bank_account' : 'card',
        token,
        off_session_consent: true,
      },
      device_details: { fingerprint },
      occurred_at: new Date(Date.now() - (count - index) * DAY).toISOString(),
    });
    id = onboarded.customer_id;
    cards.push({ token, id: onboarded.payment_method_id });
    if (index === 0) await agents[1]!.updateTrust(onboarded.device_id, 0.9);
    await expect
      .poll(async () => statusOf(onboarded.customer_id, onboarded.payment_method_id), LIMIT)
      .toBe('active');
  }
  return { id: id as string, cards };
}

async function statusOf(customerId: string, methodId: string): Promise<string | undefined> {
  return (await inspector.wallet(customerId)).find((row) => row.payment_method_id === methodId)?.status;
}

async function script(token: string, steps: object[], type = 'card'): Promise<void> {
  const card = {
    brand: 'visa',
    last4: '4242',
    exp_month: 12,
    exp_year: 2031,
    fingerprint: randomUUID(),
    country: 'US',
    funding: 'credit',
  };
  const response = await fetch(`${system.addresses.gateway}/_sim/payment_methods/${token}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type, card, script: steps, then: { do: 'approve' } }),
  });
  expect(response.status, await response.text()).toBe(200);
}

function failure(customer: Customer, changes: object = {}) {
  return {
    event_id: randomUUID(),
    payment_id: `e2e-${randomUUID()}`,
    customer_id: customer.id,
    payment_method_id: customer.cards[0]?.id,
    amount: 4900,
    currency: 'USD',
    kind: 'recurring',
    occurred_at: new Date().toISOString(),
    decline_code: 'insufficient_funds',
    ...changes,
  };
}

/** Reports over REST to one of the two API processes. */
function reportOverRest(body: object, api: 0 | 1): Promise<Response> {
  return fetchAs(system.addresses.auth, { role: 'synapse' }, `${apiUrls[api]}/internal/v1/payment-failures`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

const waitUntilDone = async (paymentId: string) => {
  await expect.poll(async () => (await agents[0].getRecovery(paymentId))?.state, LIMIT).toBe('done');
  return agents[1].getRecovery(paymentId);
};
const captured = async (paymentId: string) =>
  (await inspector.ledger(paymentId))
    .filter((row) => row.status === 'succeeded')
    .map((row) => row.payment_method);

test('twenty concurrent onboardings of one person over two API processes create one customer', async () => {
  const email = `family.${randomUUID()}@shop.example`;
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      agents[index % 2]!.onboard({
        transaction_id: randomUUID(),
        digital_identifiers: [{ type: 'email', value: email, is_verified: true }],
        occurred_at: new Date().toISOString(),
      }),
    ),
  );
  expect(new Set(answers.map((answer) => answer.customer_id)).size).toBe(1);
});

test('twenty concurrent requests of one transaction get one response; a different body is refused', async () => {
  const request = {
    transaction_id: randomUUID(),
    email: `once.${randomUUID()}@shop.example`,
    occurred_at: new Date().toISOString(),
  };
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => agents[index % 2]!.onboard(request)),
  );
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  const other = await fetchAs(system.addresses.auth, { role: 'checkout' }, `${apiUrls[1]}/api/v1/customers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...request, email: `other.${randomUUID()}@shop.example` }),
  });
  expect(other.status).toBe(422);
  expect(await other.json()).toMatchObject({
    status: 422,
    type: expect.stringContaining('idempotency_key_reused'),
  });
});

test('a failure reported ten times concurrently by REST and signal is charged once', async () => {
  const customer = await customerWithCards(3);
  const event = failure(customer);
  await Promise.all([
    ...Array.from({ length: 5 }, (_, index) => reportOverRest(event, index % 2 ? 1 : 0)),
    ...Array.from({ length: 5 }, (_, index) => agents[index % 2]!.signalPaymentFailed(event)),
  ]);
  expect(await waitUntilDone(event.payment_id)).toMatchObject({ outcome: 'recovered' });
  await agents[0].signalPaymentFailed(event);
  expect(await captured(event.payment_id)).toEqual([customer.cards[2]?.token]);
  await expect
    .poll(async () => (await inspector.inbox(customer.id)).map((message) => message.template), LIMIT)
    .toEqual(['recovered']);
});

test('the cascade skips declined cards, uses one payment at the gateway, and notifies the customer once', async () => {
  const customer = await customerWithCards(4, [
    [],
    [],
    [{ do: 'decline', decline_code: 'do_not_honor' }],
    [{ do: 'decline', decline_code: 'expired_card', code: 'expired_card' }],
  ]);
  const event = failure(customer);
  await agents[0].signalPaymentFailed(event);
  const recovery = await waitUntilDone(event.payment_id);
  expect(recovery?.attempts.map(({ payment_method_id, state }) => [payment_method_id, state])).toEqual([
    [customer.cards[3]?.id, 'declined'],
    [customer.cards[2]?.id, 'declined'],
    [customer.cards[1]?.id, 'approved'],
  ]);
  expect(await statusOf(customer.id, customer.cards[3]?.id as string)).toBe('expired');
  expect(await captured(event.payment_id)).toEqual([customer.cards[1]?.token]);
  const payments = new Set((await inspector.ledger(event.payment_id)).map((row) => row.payment_intent));
  expect(payments.size).toBe(1);
  await expect
    .poll(async () => (await inspector.inbox(customer.id)).map((message) => message.template), LIMIT)
    .toEqual(['recovered']);
});

test('concurrent obligations of one customer are all recovered, each charged once', async () => {
  const customer = await customerWithCards(3);
  const events = Array.from({ length: 4 }, () => failure(customer));
  await Promise.all(events.map((event, index) => agents[index % 2]!.signalPaymentFailed(event)));
  for (const event of events) {
    expect(await waitUntilDone(event.payment_id)).toMatchObject({ outcome: 'recovered' });
    expect(await captured(event.payment_id)).toHaveLength(1);
  }
});

test('of ten obligations of one customer a pending one and one under review do not block the others', async () => {
  // The first charge stays pending, so that its card may not be charged until the outcome is known.
  const customer = await customerWithCards(3, [[], [], [{ do: 'processing' }]]);
  const [pending, ...others] = Array.from({ length: 9 }, () => failure(customer));
  const underReview = failure(customer, { decline_code: 'testmode_decline' });
  const stateOf = async (paymentId = '') => (await agents[1].getRecovery(paymentId))?.state;
  await agents[0].signalPaymentFailed(pending!);
  await expect.poll(() => stateOf(pending?.payment_id), LIMIT).toBe('pending');
  await agents[0].signalPaymentFailed(underReview);
  await expect.poll(() => stateOf(underReview.payment_id), LIMIT).toBe('needs_review');
  await Promise.all(others.map((event, index) => agents[index % 2]!.signalPaymentFailed(event)));
  for (const event of others) {
    expect(await waitUntilDone(event.payment_id)).toMatchObject({ outcome: 'recovered' });
    expect(await captured(event.payment_id)).toEqual([customer.cards[1]?.token]);
  }
  expect(await stateOf(pending?.payment_id)).toBe('pending');
  expect(await agents[0].getRecovery(underReview.payment_id)).toMatchObject({
    state: 'needs_review',
    waiting_for: 'review',
    attempts: [],
  });
  await expect
    .poll(
      () => agents[0].findWorkflows(`PersonaProcess = 'recoverPayment' AND PersonaState = 'needs_review'`),
      LIMIT,
    )
    .toContain(`recovery:${underReview.payment_id}`);
});

test.each([
  ['pm_card_visa', 'done', { outcome: 'recovered' }],
  ['pm_card_chargeCustomerFail', 'waiting', { attempts: [{ class: 'LATER' }] }],
  ['pm_card_radarBlock', 'done', { outcome: 'stopped', attempts: [{ class: 'FRAUD' }] }],
  ['pm_card_authenticationRequired', 'waiting', { waiting_for: 'authentication' }],
  ['pm_card_threeDSecureRequired', 'waiting', { waiting_for: 'authentication' }],
  [
    'pm_card_authenticationRequiredChargeDeclinedInsufficientFunds',
    'waiting',
    { attempts: [{ class: 'LATER' }] },
  ],
  ['pm_usBankAccount_success', 'done', { outcome: 'recovered' }],
  ['pm_usBankAccount_accountClosed', 'waiting', { attempts: [{ class: 'HARD' }] }],
  ['pm_usBankAccount_noAccount', 'waiting', { attempts: [{ class: 'HARD' }] }],
  ['pm_usBankAccount_insufficientFunds', 'waiting', { attempts: [{ class: 'LATER' }] }],
  ['pm_usBankAccount_debitNotAuthorized', 'done', { outcome: 'stopped', attempts: [{ class: 'STOP' }] }],
  ['pm_usBankAccount_processing', 'pending', { attempts: [{ state: 'pending' }] }],
])('a recovery on the gateway’s test method %s reaches the state %s', async (token, state, more) => {
  const customer = await customerWithCards(2, [], [undefined, token]);
  const event = failure(customer);
  await agents[0].signalPaymentFailed(event);
  await expect.poll(async () => (await agents[1].getRecovery(event.payment_id))?.state, LIMIT).toBe(state);
  expect(await agents[1].getRecovery(event.payment_id)).toMatchObject(more);
});

test('a euro mandate and a Link method in the wallet do not block an obligation in dollars', async () => {
  const [card, link, mandate] = ['c', 'l', 'm'].map(
    (kind) => `pm_${kind}${randomUUID().replaceAll('-', '')}`,
  );
  await script(card as string, []);
  await script(link as string, [{ do: 'decline', decline_code: 'insufficient_funds' }], 'link');
  await script(mandate as string, [], 'sepa_debit');
  const customer = await customerWithCards(4, [], [undefined, card, link, mandate]);
  const event = failure(customer);
  await agents[0].signalPaymentFailed(event);
  expect(await waitUntilDone(event.payment_id)).toMatchObject({
    outcome: 'recovered',
    attempts: [
      { payment_method_id: customer.cards[2]?.id, class: 'LATER' },
      { payment_method_id: customer.cards[1]?.id, state: 'approved' },
    ],
  });
  expect(await captured(event.payment_id)).toEqual([card]);

  const inEuros = failure(customer, { currency: 'EUR', payment_method_id: customer.cards[1]?.id });
  await agents[1].signalPaymentFailed(inEuros);
  expect(await waitUntilDone(inEuros.payment_id)).toMatchObject({ outcome: 'recovered' });
  expect(await captured(inEuros.payment_id)).toEqual([mandate]);
});

test('an earlier failure and a stale one change nothing', async () => {
  const customer = await customerWithCards(2);
  const event = failure(customer);
  await agents[0].signalPaymentFailed(event);
  await waitUntilDone(event.payment_id);
  const older = { ...event, event_id: randomUUID(), occurred_at: new Date(Date.now() - DAY).toISOString() };
  expect((await reportOverRest(older, 0)).status).toBe(202);
  const stale = failure(customer, { occurred_at: new Date(Date.now() - 20 * DAY).toISOString() });
  expect((await reportOverRest(stale, 1)).status).toBe(202);
  await expect
    .poll(
      async () => (await agents[0].fetchHistory(`recovery:${stale.payment_id}`)).events?.at(-1)?.eventType,
      LIMIT,
    )
    .toBe(ENDED);
  expect(await agents[0].getRecovery(stale.payment_id)).toBeUndefined();
  expect(await captured(event.payment_id)).toHaveLength(1);
  expect(await captured(stale.payment_id)).toEqual([]);
});
/** `EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED`. */
const ENDED = 2;

test('a charge whose response is lost is resolved, not repeated, and no other card is charged', async () => {
  const customer = await customerWithCards(3, [[], [], [{ do: 'drop_after_capture' }]]);
  const event = failure(customer);
  await agents[0].signalPaymentFailed(event);
  expect(await waitUntilDone(event.payment_id)).toMatchObject({
    outcome: 'recovered',
    attempts: [{ payment_method_id: customer.cards[2]?.id, state: 'approved' }],
  });
  expect(await captured(event.payment_id)).toEqual([customer.cards[2]?.token]);
});

test("a bank debit is recovered when the gateway's webhook reports its success", async () => {
  const debit = { do: 'processing', settle: { after_ms: 1_000, outcome: 'succeeded' } };
  const customer = await customerWithCards(3, [[], [], [debit]]);
  const event = failure(customer);
  await agents[0].signalPaymentFailed(event);
  expect(await waitUntilDone(event.payment_id)).toMatchObject({
    outcome: 'recovered',
    attempts: [{ payment_method_id: customer.cards[2]?.id, state: 'approved' }],
  });
  expect(await captured(event.payment_id)).toEqual([customer.cards[2]?.token]);
});

test("after a bank debit that the gateway's webhook reports as failed the next card is charged", async () => {
  const debit = {
    do: 'processing',
    code: 'insufficient_funds',
    settle: { after_ms: 1_000, outcome: 'failed' },
    webhook: 'twice',
  };
  const customer = await customerWithCards(3, [[], [], [debit]]);
  const event = failure(customer);
  await agents[0].signalPaymentFailed(event);
  const recovery = await waitUntilDone(event.payment_id);
  expect(recovery?.outcome).toBe('recovered');
  expect(recovery?.attempts.map(({ payment_method_id, state }) => [payment_method_id, state])).toEqual([
    [customer.cards[2]?.id, 'declined'],
    [customer.cards[1]?.id, 'approved'],
  ]);
  expect(await captured(event.payment_id)).toEqual([customer.cards[1]?.token]);
});

test('a request that is lost in transit is sent once more under its own key', async () => {
  const customer = await customerWithCards(3, [[], [], [{ do: 'drop_before_capture' }]]);
  const event = failure(customer);
  await agents[0].signalPaymentFailed(event);
  expect(await waitUntilDone(event.payment_id)).toMatchObject({
    outcome: 'recovered',
    attempts: [{ n: 1, state: 'approved' }],
  });
  expect(await captured(event.payment_id)).toEqual([customer.cards[2]?.token]);
});

test('no other card is charged while a charge is unresolved', async () => {
  const customer = await customerWithCards(3, [[], [], [{ do: 'error_500' }]]);
  const event = failure(customer);
  await agents[0].signalPaymentFailed(event);
  await expect
    .poll(async () => (await agents[0].getRecovery(event.payment_id))?.next?.action, LIMIT)
    .toBe('poll');
  expect(await agents[1].getRecovery(event.payment_id)).toMatchObject({
    state: 'unknown',
    attempts: [{ payment_method_id: customer.cards[2]?.id, state: 'unknown' }],
  });
  expect(await inspector.inbox(customer.id)).toEqual([]);
});

/** As another of the merchant's systems calls the gateway, or an operator in its dashboard. */
async function postPaymentIntent(path: string, form: Record<string, string> = {}): Promise<{ id: string }> {
  const response = await fetch(`${system.addresses.gateway}/v1/payment_intents${path}`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk_test_others' },
    body: new URLSearchParams(form),
  });
  expect(response.ok, await response.clone().text()).toBe(true);
  return (await response.json()) as { id: string };
}

test('a payment that was cancelled at the gateway is replaced: the next attempt creates another', async () => {
  const customer = await customerWithCards(2, [[], [{ do: 'decline', decline_code: 'insufficient_funds' }]]);
  const event = failure(customer);
  await agents[0].signalPaymentFailed(event);
  await expect
    .poll(async () => (await agents[1].getRecovery(event.payment_id))?.waiting_for, LIMIT)
    .toBe('method');
  const [first] = await inspector.ledger(event.payment_id);
  await postPaymentIntent(`/${first?.payment_intent}/cancel`);
  const token = `pm_${randomUUID().replaceAll('-', '')}`;
  await script(token, []);
  await agents[0].addCard(customer.id, { token });
  const recovery = await waitUntilDone(event.payment_id);
  expect(recovery?.attempts.map(({ state }) => state)).toEqual(['declined', 'void', 'approved']);
  expect(recovery).toMatchObject({ outcome: 'recovered', attempts: [{}, { rule: 'payment_cancelled' }, {}] });
  expect(await captured(event.payment_id)).toEqual([token]);
});

test.each([
  ['succeeded', 'paid_elsewhere', true, []],
  ['was never confirmed', 'recovered', false, [1]],
] as const)(
  'a failure of unknown outcome is looked up; its payment %s, and the recovery ends %s',
  async (_, outcome, confirm, charged) => {
    const customer = await customerWithCards(2);
    const [card] = customer.cards;
    const pm = await fetch(`${system.addresses.gateway}/v1/payment_methods/${card?.token}`, {
      headers: { authorization: 'Bearer sk_test_others' },
    });
    const { customer: gatewayCustomer } = (await pm.json()) as { customer: string };
    const { id } = await postPaymentIntent('', {
      amount: '4900',
      currency: 'usd',
      customer: gatewayCustomer,
      'payment_method_types[]': 'card',
      ...(confirm ? { payment_method: card?.token ?? '', off_session: 'true', confirm: 'true' } : {}),
    });
    const event = failure(customer, {
      status: 'unknown',
      decline_code: undefined,
      reason: 'timeout',
      gateway_payment_ref: id,
    });
    await agents[0].signalPaymentFailed(event);
    const recovery = await waitUntilDone(event.payment_id);
    expect(recovery).toMatchObject({ outcome });
    expect(recovery?.attempts.map(({ payment_method_id }) => payment_method_id)).toEqual(
      charged.map((index) => customer.cards[index]?.id),
    );
  },
);

test('a recovery after a HARD decline waits for another card and reports it', async () => {
  const customer = await customerWithCards(2);
  const event = failure(customer, { decline_code: 'invalid_account' });
  await agents[0].signalPaymentFailed(event);
  await expect
    .poll(async () => (await agents[1].getRecovery(event.payment_id))?.waiting_for, LIMIT)
    .toBe('method');
  const found = await agents[1].getRecovery(event.payment_id);
  expect(found).toMatchObject({ state: 'waiting', class: 'HARD', attempts: [], next: { action: 'remind' } });
  expect(await captured(event.payment_id)).toEqual([]);
});

test.each([
  ['an unknown customer', { customer_id: randomUUID() }, 404, 'customer_not_found'],
  ['an unknown method', { payment_method_id: randomUUID() }, 404, 'payment_method_not_found'],
  ['an amount of zero', { amount: 0 }, 422, 'invalid_argument'],
  ['a card number', { description: 'card 4242 4242 4242 4242' }, 422, 'card_number_refused'],
])('a report with %s is refused and nothing is written', async (_, changes, status, type) => {
  const customer = await customerWithCards(1);
  const event = failure(customer, changes);
  const response = await reportOverRest(event, 0);
  const body = await response.text();
  expect(response.status, body).toBe(status);
  expect(JSON.parse(body)).toMatchObject({ status, type: expect.stringContaining(type) });
  expect(body).not.toContain('4242 4242');
  expect(await inspector.obligation(event.payment_id)).toBeUndefined();
});
