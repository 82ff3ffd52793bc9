import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { PaymentGateway } from '../domain/ports.ts';
import {
  addPaymentMethod,
  getPaymentMethod,
  getPaymentMethodToken,
  onboard,
  recordVerification,
} from '../graph/index.ts';
import { openRecovery } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { onboardingRequest, randomToken, testGraph, testHeader } from '../test/test-graph.ts';
import { customerWithCards, failureOf } from '../test/wallet-fixtures.ts';
import { createFollowActivities } from './follow-gateway.ts';

const graph = await testGraph();
const policy = readPolicy();

test('a method that is verified while an older read of it is being recorded stays in the wallet', async () => {
  const [token, gateway_customer_ref] = [randomToken(), `cus_${randomToken()}`];
  const request = onboardingRequest({ gateway_customer_ref });
  const { customer_id } = await onboard(graph, testHeader(), { request, policy });
  const { payment_method_id } = await addPaymentMethod(graph, testHeader(), {
    ...{ customer_id, added_by: 'customer', method: { type: 'card', token } },
  });
  const method = { token, type: 'card' } as const;
  const verify = () =>
    recordVerification(graph, testHeader(), {
      ...{ customer_id, payment_method_id, gateway_customer_ref },
      answer: { result: 'attached', method: { ...method, gateway_customer_ref } },
    });
  const gateway: Partial<PaymentGateway> = {
    async getPaymentMethod() {
      await verify();
      return method;
    },
  };
  const { followPaymentMethod } = createFollowActivities({
    ...{ graph, gateway: gateway as PaymentGateway, now: Date.now },
    signalRecoveries: async () => {},
  });
  const event_id = `evt_${randomToken()}`;
  const change = { changed: 'payment_method', event_id, customer_id, payment_method_id } as const;
  await new MockActivityEnvironment().run(followPaymentMethod, change);
  await verify();
  expect(await getPaymentMethod(graph, { customer_id, payment_method_id })).toMatchObject({
    status: 'active',
  });
});

test.each(['dispute', 'fraud_warning'] as const)(
  'reading a %s without permission is retried until an operator has fixed the key',
  async (changed) => {
    const refuse = () => Promise.reject(new PersonaError('gateway_misconfigured', '403'));
    const { followDispute } = createFollowActivities({
      gateway: { getDispute: refuse, getFraudWarning: refuse } as Partial<PaymentGateway> as PaymentGateway,
      ...{ graph, now: Date.now, signalRecoveries: async () => {} },
    });
    const change = { changed, event_id: 'evt_1', dispute_ref: 'du_1', charge_ref: 'ch_1' };
    await expect(new MockActivityEnvironment().run(followDispute, change)).rejects.toMatchObject({
      type: 'gateway_misconfigured',
      nonRetryable: false,
      nextRetryDelay: 600_000,
    });
  },
);

test('the report of a dispute to Chimera names the payment only if it is an obligation of the customer', async () => {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 1 });
  const failure = failureOf({ customer_id, methods });
  const opening = { failure, policy, now: Date.now(), claim_first: false };
  await openRecovery(graph, testHeader(), opening);
  const [payment_method_id = ''] = methods;
  const token = (await getPaymentMethodToken(graph, { customer_id, payment_method_id })).reveal();
  const signals: unknown[] = [];
  for (const payment_id of [failure.payment_id, 'another-one']) {
    const dispute_ref = `du_${randomToken()}`;
    const dispute = { dispute_ref, reason: 'fraudulent', state: 'open', token, payment_id } as const;
    const { followDispute } = createFollowActivities({
      gateway: { getDispute: async () => dispute } as Partial<PaymentGateway> as PaymentGateway,
      ...{ graph, now: Date.now },
      signalRecoveries: async (paymentIds, signal) => {
        if (paymentIds.length > 0) signals.push([paymentIds, signal]);
      },
    });
    const change = { changed: 'dispute', event_id: 'evt_1', dispute_ref, charge_ref: 'ch_1' } as const;
    const environment = new MockActivityEnvironment({ activityId: dispute_ref });
    const answer = await environment.run(followDispute, change);
    const { reports } = answer as Awaited<ReturnType<typeof followDispute>>;
    expect(reports).toMatchObject([
      { event_id: `${dispute_ref}:${payment_method_id}`, customer_id, code: 'fraudulent' },
    ]);
    expect(reports[0]?.payment_id).toBe(payment_id === 'another-one' ? undefined : payment_id);
  }
  expect(signals).toEqual([[[failure.payment_id], 'fraudKnown']]);
});
