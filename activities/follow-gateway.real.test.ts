import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import type { PaymentGateway } from '../domain/ports.ts';
import { addPaymentMethod, getPaymentMethod, onboard, recordVerification } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { onboardingRequest, randomToken, testGraph, testHeader } from '../test/graph.ts';
import { createFollowActivities } from './follow-gateway.ts';

const graph = await testGraph();

test('a method that was read before it was attached, and verified before that is written, stays', async () => {
  const [token, gateway_customer_ref] = [randomToken(), `cus_${randomToken()}`];
  const request = onboardingRequest({ gateway_customer_ref });
  const { customer_id } = await onboard(graph, testHeader(), { request, policy: readPolicy() });
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
    tellRecoveries: async () => {},
  });
  const event_id = `evt_${randomToken()}`;
  const change = { changed: 'payment_method', event_id, customer_id, payment_method_id } as const;
  await new MockActivityEnvironment().run(followPaymentMethod, change);
  await verify();
  expect(await getPaymentMethod(graph, { customer_id, payment_method_id })).toMatchObject({
    status: 'active',
  });
});
