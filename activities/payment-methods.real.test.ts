/** Adding a payment method on a real graph, with the real adapter and the gateway's simulator. */

import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStripeGateway } from '../adapters/stripe/gateway.ts';
import { type GatewaySimulator, startGatewaySimulator } from '../dev/simulators/gateway/server.ts';
import { PersonaError } from '../domain/errors.ts';
import type { PaymentGateway } from '../domain/ports.ts';
import type { CustomerReady } from '../domain/workflow-contracts.ts';
import { type Graph, getGatewayCustomer, getPaymentMethods, getPaymentMethodToken } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import {
  excludeFromVerification,
  verifyAndClose,
  onboardingRequest,
  openTestGraph,
  randomToken,
} from '../test/test-graph.ts';
import type { NewMethod } from '../workflows/verify-method.ts';
import { createOnboardingActivities } from './onboarding.ts';
import { createPaymentMethodActivities } from './payment-methods.ts';
import type { SignalRecoveries } from './recovery.ts';

/** One of the gateway's documented test methods: it cannot be attached. */
const DECLINED = 'pm_card_chargeDeclined';
const policy = readPolicy();
const requester = { caller: 'checkout', actor: 'checkout', correlation_id: 'c-1' };
// Some of these tests make activities fail.
const logger = new DefaultLogger('ERROR');
let graph: Graph;
let simulator: GatewaySimulator;
let simulated: PaymentGateway;

beforeAll(async () => {
  graph = await openTestGraph();
  simulator = await startGatewaySimulator();
  simulated = createStripeGateway({ apiKey: 'sk_test_1', apiBase: simulator.url });
});
afterAll(async () => {
  await simulator.close();
  await verifyAndClose(graph);
});

/** The activities of one execution; calls through `run` are its attempts. */
function execution(gateway = simulated) {
  const signals: unknown[][] = [];
  const signalRecoveries = (async (...message: unknown[]) => void signals.push(message)) as SignalRecoveries;
  const chimera = {
    initiateBehavioralProfile: async () => ({ baseline_data_ref: `baseline-${randomUUID()}` }),
    reportSuspectedFraud: async () => {},
    forgetCustomer: async () => {},
  };
  const dependencies = { graph, gateway, chimera, policy, signalRecoveries, now: Date.now };
  const activities = {
    ...createOnboardingActivities(dependencies),
    ...createPaymentMethodActivities(dependencies),
  };
  const workflowExecution = { workflowId: `wf-${randomUUID()}`, runId: randomUUID() };
  const run = async <I, O>(activity: (input: I) => Promise<O>, input: I, attempt = 1): Promise<O> =>
    await new MockActivityEnvironment({ workflowExecution, workflowType: 'test', attempt }, { logger }).run(
      activity,
      input,
    );
  return { activities, run, signals, workflowExecution };
}

/** A customer whose first method is stored and not verified yet. */
async function addUnverifiedMethod(token = randomToken(), gateway_customer_ref?: string) {
  const card = { type: 'card', card: { brand: 'visa', last4: '4242', exp_month: 12, exp_year: 2031 } };
  if (!token.startsWith('pm_card_')) await atSimulator(`/_sim/payment_methods/${token}`, card);
  const { activities, run, signals } = execution();
  const request = onboardingRequest({
    payment_method_details: { type: 'card', token },
    gateway_customer_ref,
  });
  const { ready } = await run(activities.onboard, { ...requester, request });
  return { activities, run, signals, request, ready, method: methodOf(ready, token, request.occurred_at) };
}

function methodOf(ready: CustomerReady, token: string, occurred_at: string): NewMethod {
  const { customer_id, payment_method_id = '' } = ready;
  return { ...requester, customer_id, payment_method_id, token, occurred_at };
}

/** A customer's method with that token, attached and recorded. */
async function addVerifiedMethod(token: string) {
  const { activities, run, method } = await addUnverifiedMethod(token);
  const attachment = await run(activities.attachPaymentMethod, method);
  if (attachment.result === 'settled') throw new Error('it was not attached');
  expect(await run(activities.recordVerification, { method, attachment })).toMatchObject({
    payment_method_status: 'active',
  });
  return { customer_id: method.customer_id, payment_method_id: method.payment_method_id };
}

/** Reads from the simulator, or writes to it. */
async function atSimulator<T = object>(path: string, put?: object): Promise<{ data: T[] }> {
  const init = put === undefined ? {} : { method: 'PUT', body: JSON.stringify(put) };
  const response = await fetch(`${simulator.url}${path}`, init);
  expect(response.status).toBe(200);
  return (await response.json()) as { data: T[] };
}

/** As checkout does with a customer's next transaction. */
async function setGatewayCustomer(customer_id: string, gateway_customer_ref: string): Promise<void> {
  const { activities, run } = execution();
  await run(activities.onboard, {
    ...requester,
    request: onboardingRequest({ customer_id, gateway_customer_ref }),
  });
}

async function createObligation(customer_id: string, state: string): Promise<string> {
  const payment_id = `pay-${randomUUID()}`;
  excludeFromVerification(graph, customer_id);
  const session = graph.writeSession();
  await session.run(
    'MATCH (c:Customer {id: $customer_id}) CREATE (c)-[:OWES]->(:Obligation {payment_id: $payment_id, state: $state})',
    { customer_id, payment_id, state },
  );
  await session.close();
  return payment_id;
}

test('a repeated onboarding with one transaction id writes once and returns the same result', async () => {
  const { ready, request } = await addUnverifiedMethod();
  const again = execution();
  const repeated = await again.run(again.activities.onboard, { ...requester, request });
  expect(repeated.ready).toEqual(ready);
  expect(repeated.verify_wait_ms).toBe(policy.onboarding.verifyWait);
  expect((await getGatewayCustomer(graph, ready)).version).toBe(ready.version);

  const other = onboardingRequest({
    transaction_id: request.transaction_id,
    customer_metadata: { segment: 'VIP' },
  });
  await expect(again.run(again.activities.onboard, { ...requester, request: other })).rejects.toMatchObject({
    type: 'idempotency_key_reused',
  });
});

test('a verified method becomes active and default, with the gateway’s details', async () => {
  const { activities, run, method } = await addUnverifiedMethod();
  const attachment = await run(activities.attachPaymentMethod, method);
  if (attachment.result === 'settled') throw new Error('it was not attached');
  expect(await run(activities.recordVerification, { method, attachment })).toMatchObject({
    payment_method_status: 'active',
  });

  const { customer_id, payment_method_id } = method;
  expect(await getPaymentMethods(graph, { customer_id })).toEqual([
    expect.objectContaining({ payment_method_id, status: 'active', is_default: true, last_four: '4242' }),
  ]);
  expect(await getGatewayCustomer(graph, { customer_id })).toMatchObject({
    gateway_customer_ref: attachment.gateway_customer_ref,
  });
});

test('a much later repeat returns the result as of the verification', async () => {
  const { activities, run, method } = await addUnverifiedMethod();
  const attachment = await run(activities.attachPaymentMethod, method);
  if (attachment.result === 'settled') throw new Error('it was not attached');
  const { payment_method_status, version } = await run(activities.recordVerification, { method, attachment });
  await run(activities.linkBehavioralProfile, {
    customer_id: method.customer_id,
    baseline_data_ref: 'baseline',
  });
  const again = execution();
  expect(await again.run(again.activities.attachPaymentMethod, method)).toEqual({
    result: 'settled',
    payment_method_status,
    version,
  });
});

test('the token of a method is the one that the gateway assigned when it was attached', async () => {
  const [first, second] = [await addVerifiedMethod('pm_card_visa'), await addVerifiedMethod('pm_card_visa')];
  const tokens = await Promise.all(
    [first, second].map(async (ids) => (await getPaymentMethodToken(graph, ids)).reveal()),
  );
  expect(tokens).toEqual([expect.stringMatching(/^pm_(?!card_visa)/), expect.stringMatching(/^pm_/)]);
  expect(new Set(tokens).size).toBe(2);

  // The same card again under its own token is the same method.
  const { customer_id, payment_method_id } = first;
  const { activities, run } = execution();
  const request = onboardingRequest({
    customer_id,
    payment_method_details: { type: 'card', token: String(tokens[0]) },
  });
  const { ready } = await run(activities.onboard, { ...requester, request });
  expect(ready).toMatchObject({ customer_id, payment_method_id, payment_method_status: 'active' });
});

/** A customer at the gateway, with a card, that another system created. */
async function createExternalCustomer(): Promise<string> {
  const customer = `cus_${randomUUID()}`;
  await atSimulator(`/_sim/payment_methods/pm_${randomUUID()}`, { type: 'card', customer });
  return customer;
}
const createCustomerFor = async (customer_id: string) =>
  (await simulated.createCustomer({ customer_id, key: randomUUID() })).gateway_customer_ref;

test.each([
  ['unknown', async () => `cus_${randomUUID()}`],
  [
    'another customer of Persona',
    async () => createCustomerFor((await addUnverifiedMethod()).method.customer_id),
  ],
])('a reference that is %s at the gateway is replaced, and no card is attached to it', async (_, refer) => {
  const named = await refer();
  const { activities, run, method } = await addUnverifiedMethod(randomToken(), named);
  const lost = await run(activities.attachPaymentMethod, method, 1);
  const attachment = await run(activities.attachPaymentMethod, method, 2);
  if (attachment.result !== 'attached') throw new Error('it was not attached');
  const { gateway_customer_ref } = attachment;
  expect(gateway_customer_ref).not.toBe(named);
  expect(attachment).toMatchObject({ instead_of: named, method: { gateway_customer_ref } });
  // A lost response does not lead to a second customer there.
  expect(lost).toMatchObject({ gateway_customer_ref });
  expect(await run(activities.recordVerification, { method, attachment })).toMatchObject({
    payment_method_status: 'active',
  });
  expect(await getGatewayCustomer(graph, method)).toMatchObject({ gateway_customer_ref });
});

test.each([
  ['a customer of another system', createExternalCustomer],
  ['a customer with another system’s id', () => createCustomerFor(randomUUID())],
  ['this customer', createCustomerFor],
])('a reference that is %s at the gateway is kept', async (_, refer) => {
  const { activities, run, method } = await addUnverifiedMethod();
  const named = await refer(method.customer_id);
  await setGatewayCustomer(method.customer_id, named);
  const attachment = await run(activities.attachPaymentMethod, method);
  expect(attachment).toMatchObject({ result: 'attached', gateway_customer_ref: named });
  expect(attachment).not.toHaveProperty('instead_of');
});

test('attempts that were lost after the gateway’s response leave one customer there', async () => {
  const { activities, run, method } = await addUnverifiedMethod();
  const first = await run(activities.attachPaymentMethod, method, 1);
  const second = await run(activities.attachPaymentMethod, method, 2);
  expect(second).toMatchObject({
    result: 'attached',
    gateway_customer_ref: Reflect.get(first, 'gateway_customer_ref'),
  });

  const { data } = await atSimulator<{ path: string; body: object }>('/_sim/requests');
  const created = data.filter(
    ({ path, body }) => path === '/v1/customers' && JSON.stringify(body).includes(method.customer_id),
  );
  expect(created).toHaveLength(2);
  expect(new Set(created.map((request) => Reflect.get(request, 'idempotency_key')))).toEqual(
    new Set([`customer:${method.customer_id}`]),
  );
});

test('a repeated recording writes once, and signals the open recoveries each time', async () => {
  const { activities, run, signals, method } = await addUnverifiedMethod();
  const open = await createObligation(method.customer_id, 'open');
  await createObligation(method.customer_id, 'recovered');
  const attachment = await run(activities.attachPaymentMethod, method);
  if (attachment.result === 'settled') throw new Error('it was not attached');

  const first = await run(activities.recordVerification, { method, attachment }, 1);
  const second = await run(activities.recordVerification, { method, attachment }, 2);
  expect(second).toEqual(first);
  const { payment_method_id } = method;
  const message = [[open], 'paymentMethodAdded', expect.objectContaining({ payment_method_id })];
  expect(signals).toEqual([message, message]);
  expect(new Set(signals.map(([, , payload]) => JSON.stringify(payload))).size).toBe(1);
});

test('a card that the gateway declines has failed, and no recovery is signalled', async () => {
  const { activities, run, signals, method } = await addUnverifiedMethod(DECLINED);
  await createObligation(method.customer_id, 'open');
  const attachment = await run(activities.attachPaymentMethod, method);
  expect(attachment).toMatchObject({ result: 'refused', reason: 'declined' });
  if (attachment.result === 'settled') throw new Error('it was not attached');
  expect(await run(activities.recordVerification, { method, attachment })).toMatchObject({
    payment_method_status: 'failed',
  });
  expect(signals.flatMap(([payments]) => payments)).toEqual([]);
});

test('the gateway is not called for a method that needs no verification', async () => {
  const { activities, run, method } = await addUnverifiedMethod();
  const attachment = await run(activities.attachPaymentMethod, method);
  if (attachment.result === 'settled') throw new Error('it was not attached');
  const { version } = await run(activities.recordVerification, { method, attachment });
  const asked = (await atSimulator('/_sim/requests')).data.length;

  expect(await run(activities.attachPaymentMethod, method, 2)).toEqual({
    result: 'settled',
    payment_method_status: 'active',
    version,
  });
  expect((await atSimulator('/_sim/requests')).data).toHaveLength(asked);
});

test('repeats with one key add one method, and another body is refused', async () => {
  const { ready } = await addUnverifiedMethod();
  const { customer_id } = ready;
  const { activities, run } = execution();
  const addRequest = {
    ...{ ...requester, customer_id, idempotency_key: 'k-1', added_by: 'customer' as const },
    method: { type: 'card' as const, token: randomToken(), off_session_consent: true },
    occurred_at: new Date().toISOString(),
  };
  const first = await run(activities.addPaymentMethod, addRequest, 1);
  expect(first.ready).toMatchObject({ payment_method_status: 'unverified' });
  expect(
    await run(activities.addPaymentMethod, { ...addRequest, occurred_at: new Date().toISOString() }, 2),
  ).toEqual(first);
  const other = { ...addRequest, method: { ...addRequest.method, token: randomToken() } };
  await expect(run(activities.addPaymentMethod, other)).rejects.toMatchObject({
    type: 'idempotency_key_reused',
  });
  expect(await getPaymentMethods(graph, { customer_id })).toHaveLength(2);
});

test('a refused API key is retried after ten minutes, an unavailable gateway with the usual back-off', async () => {
  const { method } = await addUnverifiedMethod();
  const asked = (type: 'gateway_misconfigured' | 'gateway_unavailable') => {
    const broken = async () => {
      throw new PersonaError(type, 'no');
    };
    const gateway = { createCustomer: broken, attachPaymentMethod: broken } as never;
    const { activities, run } = execution(gateway);
    return run(activities.attachPaymentMethod, method).catch((error: unknown) => error);
  };
  const refused = (await asked('gateway_misconfigured')) as ApplicationFailure;
  expect(refused).toBeInstanceOf(ApplicationFailure);
  expect(refused).toMatchObject({
    type: 'gateway_misconfigured',
    nonRetryable: false,
    nextRetryDelay: 600_000,
  });
  expect(await asked('gateway_unavailable')).toMatchObject({ type: 'gateway_unavailable' });
});

test('a profile is requested from Chimera until there is one', async () => {
  const { activities, run, ready } = await addUnverifiedMethod();
  const { customer_id } = ready;
  const begun = await run(activities.initiateBehavioralProfile, { customer_id, snapshot: '{}' });
  if (begun === undefined) throw new Error('the customer has no profile yet');
  await run(activities.linkBehavioralProfile, { customer_id, ...begun }, 1);
  await run(activities.linkBehavioralProfile, { customer_id, ...begun }, 2);

  expect(await run(activities.initiateBehavioralProfile, { customer_id, snapshot: '{}' })).toBeUndefined();
});
