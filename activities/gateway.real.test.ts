import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PaymentGateway } from '../domain/ports.ts';
import { attemptKey } from '../domain/processes.ts';
import type { Graph } from '../graph/index.ts';
import { claimAttempt, openRecovery } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { closeVerified, openTestGraph, testHeader } from '../test/graph.ts';
import { customerWithCards, failureOf } from '../test/wallets.ts';
import { createGatewayActivities } from './gateway.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => closeVerified(graph));

test.each([
  ['is sent once more under its key', undefined, ['sent'], 'approved'],
  ['is only looked for, where somebody else may have been paid', true, [], 'absent'],
] as const)('a charge that the gateway never saw %s', async (_, only_read, sent, result) => {
  const wallet = await customerWithCards(graph, policy, { cards: 2 });
  const failure = failureOf(wallet);
  const { payment_id } = failure;
  const header = testHeader({ occurredAt: failure.occurred_at });
  await openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: false });
  const payment_method_id = wallet.methods[1] as string;
  const key = attemptKey(payment_id, payment_method_id, 1);
  const claim = { payment_id, payment_method_id, key, n: 1, policy, now: Date.now() };
  expect(await claimAttempt(graph, testHeader(), claim)).toMatchObject({ result: 'claimed' });
  const charges: string[] = [];
  const gateway = {
    findCharge: async () => ({ result: 'absent' }),
    charge: async () => {
      charges.push('sent');
      return { result: 'approved', gateway_ref: 'pi_1' };
    },
  } as unknown as PaymentGateway;
  const activities = createGatewayActivities({ graph, gateway, policy, now: Date.now });
  const env = new MockActivityEnvironment();
  const found = await env.run(activities.findOut, {
    key,
    policy: policy.recovery,
    ...(only_read ? { only_read } : {}),
  });
  expect(found).toMatchObject({ result });
  expect(charges).toEqual(sent);
});
