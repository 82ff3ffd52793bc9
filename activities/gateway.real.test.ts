import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ChargeAnswer, PaymentGateway } from '../domain/ports.ts';
import { attemptKey } from '../domain/workflow-contracts.ts';
import {
  applyFraudOutcome,
  type Graph,
  setCustomerStatus,
  updatePaymentMethodStatus,
} from '../graph/index.ts';
import { claimAttempt, getObligation, openRecovery, recordAttempt } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { fraudReport } from '../test/fraud-fixtures.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../test/test-graph.ts';
import { customerWithCards, failureOf } from '../test/wallet-fixtures.ts';
import { createGatewayActivities } from './gateway.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => verifyAndClose(graph));

async function claimed(): Promise<string> {
  const wallet = await customerWithCards(graph, policy, { cards: 2 });
  const failure = failureOf(wallet);
  const { payment_id } = failure;
  const header = testHeader({ occurredAt: failure.occurred_at });
  await openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: false });
  const payment_method_id = wallet.methods[1] as string;
  const key = attemptKey(payment_id, payment_method_id, 1);
  const claim = { payment_id, payment_method_id, key, n: 1, policy, now: Date.now() };
  expect(await claimAttempt(graph, testHeader(), claim)).toMatchObject({ result: 'claimed' });
  return key;
}

test('an attempt without a charge on a cancelled payment was not sent, and the cancellation is reported', async () => {
  const cancelled = { gateway_ref: 'pi_1', because: 'duplicate' };
  const gateway = {
    findCharge: async () => ({ result: 'not_charged', gateway_ref: 'pi_1', cancelled }),
  } as unknown as PaymentGateway;
  const { resolveCharge } = createGatewayActivities({ graph, gateway, policy, now: Date.now });
  const input = { key: await claimed(), policy: policy.recovery };
  expect(await new MockActivityEnvironment().run(resolveCharge, input)).toMatchObject({
    result: 'not_sent',
    cancelled,
  });
});

test.each([
  ['is sent again under its key', undefined, ['sent'], 'approved'],
  ['is only read, if another system may have been paid', true, [], 'absent'],
] as const)('a charge that the gateway never received %s', async (_, only_read, sent, result) => {
  const key = await claimed();
  const charges: string[] = [];
  const gateway = {
    findCharge: async () => ({ result: 'absent' }),
    paymentsOf: async () => [],
    charge: async () => {
      charges.push('sent');
      return { result: 'approved', gateway_ref: 'pi_1' };
    },
  } as unknown as PaymentGateway;
  const activities = createGatewayActivities({ graph, gateway, policy, now: Date.now });
  const env = new MockActivityEnvironment();
  const found = await env.run(activities.resolveCharge, {
    key,
    policy: policy.recovery,
    ...(only_read ? { only_read } : {}),
  });
  expect(found).toMatchObject({ result });
  expect(charges).toEqual(sent);
});

test.each(['the customer', 'the method'] as const)(
  'a claimed charge is not sent while fraud is known of %s, and is sent once a suspension is lifted',
  async (found) => {
    const sent: unknown[] = [];
    const gateway = {
      paymentsOf: async () => [],
      charge: async (order: unknown) => {
        sent.push(order);
        return { result: 'approved', gateway_ref: 'pi_1' };
      },
    } as unknown as PaymentGateway;
    const { charge } = createGatewayActivities({ graph, gateway, policy, now: Date.now });
    const key = await claimed();
    const [, payment_id = '', payment_method_id = ''] = key.split(':');
    const { customer_id } = await getObligation(graph, payment_id);
    const report = (outcome: 'confirmed_fraud' | 'cleared') =>
      fraudReport({ case_id: `case-${key}`, customer_id, outcome });
    const method = { customer_id, payment_method_id, reason: 'test' };
    if (found === 'the customer') await applyFraudOutcome(graph, testHeader(), report('confirmed_fraud'));
    else await updatePaymentMethodStatus(graph, testHeader(), { ...method, status: 'compromised' });
    const env = new MockActivityEnvironment();
    expect(await env.run(charge, { payment_id, key })).toEqual({
      result: 'not_sent',
      reason: `${found} is ${found === 'the customer' ? 'suspended' : 'compromised'}`,
    });
    expect(sent).toEqual([]);
    if (found === 'the method') return;
    await setCustomerStatus(graph, testHeader(), { customer_id, status: 'active', reason: 'test' });
    expect(await env.run(charge, { payment_id, key })).toMatchObject({ result: 'approved' });
  },
);

test('an attempt of another payment is not charged for this one', async () => {
  const sent: unknown[] = [];
  const gateway = {
    paymentsOf: async () => [],
    charge: async (order: unknown) => {
      sent.push(order);
      return { result: 'approved', gateway_ref: 'pi_1' };
    },
  } as unknown as PaymentGateway;
  const { charge } = createGatewayActivities({ graph, gateway, policy, now: Date.now });
  const env = new MockActivityEnvironment();
  const key = await claimed();
  expect(await env.run(charge, { payment_id: `invoice-${randomUUID()}`, key })).toMatchObject({
    result: 'not_sent',
  });
  expect(sent).toEqual([]);
  const payment_id = key.split(':')[1] as string;
  expect(await env.run(charge, { payment_id, key })).toMatchObject({ result: 'approved' });
  expect(sent).toMatchObject([{ payment_id, key, payment_method_type: 'card' }]);
});

test.each(['unknown', 'pending', 'approved'] as const)(
  'a charge recorded as %s is not sent again, and stays unresolved if it was',
  async (result) => {
    const gateway = {
      paymentsOf: async () => [],
      charge: async () => expect.unreachable('it was sent before'),
    } as unknown as PaymentGateway;
    const { charge } = createGatewayActivities({ graph, gateway, policy, now: Date.now });
    const key = await claimed();
    const payment_id = key.split(':')[1] as string;
    const gateway_ref = `pi_${randomUUID()}`;
    const answer: ChargeAnswer =
      result === 'unknown' ? { result, reason: 'no answer' } : { result, gateway_ref };
    await recordAttempt(graph, testHeader(), { payment_id, key, answer, policy, now: Date.now() });
    expect(await new MockActivityEnvironment().run(charge, { payment_id, key })).toMatchObject(
      result === 'approved' ? { result: 'not_sent' } : { result },
    );
  },
);

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

test.each([
  [
    'is sent again while its idempotency key is certain to be stored',
    23 * HOUR_MS - MINUTE_MS,
    ['sent'],
    'approved',
  ],
  ['is not sent again once its idempotency key may have expired', 23 * HOUR_MS + MINUTE_MS, [], 'absent'],
] as const)('a charge that the gateway never received %s', async (_, age, expected, result) => {
  const sent: string[] = [];
  const gateway = {
    findCharge: async () => ({ result: 'absent' }),
    paymentsOf: async () => [],
    charge: async () => {
      sent.push('sent');
      return { result: 'approved', gateway_ref: 'pi_1' };
    },
  } as unknown as PaymentGateway;
  const now = () => Date.now() + age;
  const { resolveCharge } = createGatewayActivities({ graph, gateway, policy, now });
  const input = { key: await claimed(), policy: policy.recovery };
  expect(await new MockActivityEnvironment().run(resolveCharge, input)).toMatchObject({ result });
  expect(sent).toEqual(expected);
});

test.each([
  ['is sent with 50 s of its claim left', 10_000, ['sent'], 'approved'],
  ['is not sent with 40 s of its claim left', 20_000, [], 'not_sent'],
] as const)('a charge that starts late %s', async (_, late, expected, result) => {
  const sent: string[] = [];
  const gateway = {
    paymentsOf: async () => [],
    charge: async () => {
      sent.push('sent');
      return { result: 'approved', gateway_ref: 'pi_1' };
    },
  } as unknown as PaymentGateway;
  const key = await claimed();
  const claimedAt = Date.now();
  const { charge } = createGatewayActivities({ graph, gateway, policy, now: () => claimedAt + late });
  const input = { payment_id: key.split(':')[1] as string, key };
  expect(await new MockActivityEnvironment().run(charge, input)).toMatchObject({ result });
  expect(sent).toEqual(expected);
});

test('a lost charge that cannot be resent now stays unresolved, because the first request may still arrive', async () => {
  const gateway = {
    findCharge: async () => ({ result: 'absent' }),
    paymentsOf: async () => [],
    charge: async () => ({ result: 'not_sent', reason: 'charging is paused' }),
  } as unknown as PaymentGateway;
  const { resolveCharge } = createGatewayActivities({ graph, gateway, policy, now: Date.now });
  const input = { key: await claimed(), policy: policy.recovery };
  expect(await new MockActivityEnvironment().run(resolveCharge, input)).toEqual({ result: 'absent' });
});

test('before a lost request is resent, payments older than its claim are checked, too', async () => {
  const key = await claimed();
  const payment_id = key.split(':')[1] as string;
  const older = { gateway_ref: 'pi_0', state: 'succeeded', payment_id, amount: 4900, currency: 'USD' };
  const gateway = {
    findCharge: async () => ({ result: 'absent' }),
    paymentsOf: async () => [older],
    readPayment: async () => older,
    charge: async () => expect.unreachable('it is paid already'),
  } as unknown as PaymentGateway;
  const { resolveCharge } = createGatewayActivities({ graph, gateway, policy, now: Date.now });
  const input = { key, policy: policy.recovery };
  expect(await new MockActivityEnvironment().run(resolveCharge, input)).toMatchObject({
    result: 'approved',
    gateway_ref: 'pi_0',
  });
});
