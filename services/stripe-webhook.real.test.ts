/** Of which attempt the gateway's news is, where several payments have to do with one obligation. */

import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { expect, test } from 'vitest';
import { attemptKey } from '../domain/processes.ts';
import type { GatewayNews } from '../domain/ports.ts';
import type { ChargeResult } from '../domain/recovery/messages.ts';
import { claimAttempt, openRecovery, recordAttempt } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { onboardingRequest, randomToken, testGraph, testHeader } from '../test/graph.ts';
import { customerWithCards, failureOf } from '../test/wallets.ts';
import { onboard, recordVerification } from '../graph/index.ts';
import { takeStripeWebhook } from './stripe-webhook.ts';

const graph = await testGraph();
const policy = readPolicy();

test('the reported payment that was not adopted succeeds with the method of an attempt: it is a payment of others, as is that of a guest', async () => {
  const wallet = await customerWithCards(graph, policy, { cards: 1 });
  const { customer_id } = wallet;
  const token = randomToken();
  const request = onboardingRequest({
    customer_id,
    payment_method_details: { type: 'card', token, network: 'visa', off_session_consent: true },
    occurred_at: new Date().toISOString(),
  });
  const { payment_method_id } = await onboard(graph, testHeader({ occurredAt: request.occurred_at }), {
    request,
    policy,
  });
  const failed = payment_method_id as string;
  await recordVerification(graph, testHeader(), {
    customer_id,
    payment_method_id: failed,
    gateway_customer_ref: `cus_${customer_id}`,
    answer: { result: 'attached', method: { token, type: 'card', network: 'visa' } },
  });
  const reported = `pi_${randomUUID()}`;
  const changes = { payment_method_id: failed, gateway_payment_ref: reported };
  const failure = failureOf(wallet, changes);
  const { payment_id } = failure;
  const now = Date.now();
  await openRecovery(graph, testHeader(), { failure, policy, now, claim_first: false });
  const key = attemptKey(payment_id, failed, 1);
  const claim = { payment_id, payment_method_id: failed, key, n: 1, policy, now };
  expect(await claimAttempt(graph, testHeader(), claim)).toMatchObject({ result: 'claimed' });
  const gateway_ref = `pi_${randomUUID()}`;
  const answer = { result: 'declined', gateway_ref, codes: { decline_code: 'insufficient_funds' } } as const;
  await recordAttempt(graph, testHeader(), { payment_id, key, answer, policy, now });

  const sent: ChargeResult[] = [];
  const temporal = {
    withDeadline: (_: Date, act: () => unknown) => act(),
    workflow: {
      signalWithStart: async (_: string, { signalArgs }: { signalArgs: [ChargeResult] }) =>
        void sent.push(...signalArgs),
    },
  } as unknown as Client;
  const byGuest = `pi_${randomUUID()}`;
  const news = (ref: string): GatewayNews => ({
    about: 'payment',
    event_id: `evt_${randomUUID()}`,
    result: 'approved',
    codes: {},
    gateway_ref: ref,
    ...(ref === byGuest ? { payment_id } : { gateway_customer_ref: `cus_${customer_id}`, token }),
  });
  for (const ref of [reported, gateway_ref, byGuest]) {
    const deps = { graph, temporal, policy, gatewayEvents: { read: () => news(ref) } };
    const caller = { caller: 'stripe', correlationId: randomUUID() };
    const taken = await takeStripeWebhook(deps, caller as never, { body: new Uint8Array() });
    expect(taken).toEqual({ result: 'accepted' });
  }
  expect(sent).toMatchObject([
    { gateway_ref: reported },
    { gateway_ref, attempt_key: key },
    { gateway_ref: byGuest, result: 'approved' },
  ]);
  for (const others of [sent[0], sent[2]]) expect(others).not.toHaveProperty('attempt_key');
});
