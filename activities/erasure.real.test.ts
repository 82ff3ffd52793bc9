/** What an erasure does at the gateway. */

import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import type { Chimera, PaymentGateway } from '../domain/ports.ts';
import { workflowCaller, WorkflowName } from '../domain/workflow-contracts.ts';
import { hideCustomer, requestErasure, takeBackErasure } from '../graph/erasure/index.ts';
import { createCustomer, onboard } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { onboardingRequest, randomToken, testGraph, testHeader } from '../test/test-graph.ts';
import { createErasureActivities } from './erasure.ts';
import type { NoticeActivities } from '../workflows/send-notice.ts';

const graph = await testGraph();
const policy = readPolicy();
const by = { actor: 'test', correlationId: 'test' };

/** Announces the erasure of a known customer whose reference came with a later onboarding. @returns the gateway's calls */
async function announced(ownerOf: (customer_id: string) => string | undefined): Promise<string[]> {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const token = randomToken();
  const request = onboardingRequest({
    ...{ customer_id, gateway_customer_ref: 'cus_shop' },
    payment_method_details: { type: 'card', token },
  });
  const caller = workflowCaller(WorkflowName.onboardCustomer);
  await onboard(graph, testHeader({ caller, idempotencyKey: request.transaction_id }), { request, policy });
  const { erasure_id } = await requestErasure(graph, { customer_id });
  await hideCustomer(graph, { erasure_id, customer_id, by });

  const calls: string[] = [];
  const gateway: Partial<PaymentGateway> = {
    ownerOf: async () => ownerOf(customer_id),
    async deleteCustomer(ref) {
      calls.push(`deleted ${ref}`);
      return 'deleted';
    },
    async detachPaymentMethod(detached) {
      calls.push(detached === token ? 'detached the card' : 'detached another card');
      return 'detached';
    },
  };
  const chimera: Partial<Chimera> = { async forgetCustomer() {} };
  const { announceToOthers } = createErasureActivities(
    {
      ...{ graph, policy, gateway: gateway as PaymentGateway, chimera: chimera as Chimera },
      signalRecoveries: async () => {},
      endExecutions: async () => 0,
      async *listAnonymousOnboardings() {},
      deleteClosedExecutions: async () => 0,
      now: Date.now,
    },
    {} as NoticeActivities,
  );
  const answer = await new MockActivityEnvironment().run(() => announceToOthers({ erasure_id }));
  expect(answer).toEqual({ waiting_for: [] });
  await takeBackErasure(graph, { erasure_id, by });
  return calls;
}

test('a customer that others have created at the gateway is not deleted there, whoever recorded the reference', async () => {
  expect(await announced(() => undefined)).toEqual(['detached the card']);
  expect(await announced(() => 'customer-of-the-shop')).toEqual(['detached the card']);
  expect(await announced((customer_id) => customer_id)).toEqual(['deleted cus_shop']);
});
