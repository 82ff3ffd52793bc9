/** Which attempt a gateway update belongs to where several payments concern one obligation. */

import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { expect, test } from 'vitest';
import { attemptKey } from '../domain/workflow-contracts.ts';
import type { PaymentUpdate } from '../domain/ports.ts';
import type { ChargeResult } from '../domain/recovery/messages.ts';
import { claimAttempt, openRecovery, recordAttempt } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { onboardingRequest, randomToken, testGraph, testHeader } from '../test/test-graph.ts';
import { claimedObligation } from '../test/obligation-fixtures.ts';
import { customerWithCards, failureOf } from '../test/wallet-fixtures.ts';
import { onboard, recordVerification } from '../graph/index.ts';
import { handleStripeWebhook } from './stripe-webhook.ts';

const graph = await testGraph();
const policy = readPolicy();

/** A fake Temporal client that records the messages for recoveries. */
function fakeTemporal(): { temporal: Client; sent: ChargeResult[] } {
  const sent: ChargeResult[] = [];
  const temporal = {
    withDeadline: (_: Date, work: () => unknown) => work(),
    workflow: {
      signalWithStart: async (_: string, { signalArgs }: { signalArgs: [ChargeResult] }) =>
        void sent.push(...signalArgs),
    },
  } as unknown as Client;
  return { temporal, sent };
}

function handleUpdate(temporal: Client, update: PaymentUpdate) {
  const dependencies = { graph, temporal, policy, gatewayEvents: { read: () => update } };
  const caller = { caller: 'stripe', correlationId: randomUUID() };
  return handleStripeWebhook(dependencies, caller as never, { body: new Uint8Array() });
}

test('a payment that was not adopted is external even if it succeeds with an attempt’s method, as is a guest’s', async () => {
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

  const { temporal, sent } = fakeTemporal();
  const byGuest = `pi_${randomUUID()}`;
  const update = (ref: string): PaymentUpdate => ({
    about: 'payment',
    event_id: `evt_${randomUUID()}`,
    result: 'approved',
    codes: {},
    gateway_ref: ref,
    ...(ref === byGuest ? { payment_id } : { gateway_customer_ref: `cus_${customer_id}`, token }),
  });
  for (const ref of [reported, gateway_ref, byGuest]) {
    expect(await handleUpdate(temporal, update(ref))).toEqual({ result: 'accepted' });
  }
  expect(sent).toMatchObject([
    { gateway_ref: reported },
    { gateway_ref, attempt_key: key },
    { gateway_ref: byGuest, result: 'approved' },
  ]);
  for (const externalPayment of [sent[0], sent[2]]) expect(externalPayment).not.toHaveProperty('attempt_key');
});

test('our charge that succeeds after its attempt was attributed to an external payment is a second one', async () => {
  const { payment_id, customer_id, key, record } = await claimedObligation(graph, policy);
  await record({ result: 'approved', gateway_ref: `pi_${randomUUID()}`, charge_ref: 'ch_theirs' });
  const gateway_ref = `pi_${randomUUID()}`;
  const { temporal, sent } = fakeTemporal();
  await handleUpdate(temporal, {
    ...{ about: 'payment', event_id: `evt_${randomUUID()}`, result: 'approved', codes: {} },
    ...{ gateway_ref, gateway_customer_ref: `cus_${customer_id}`, payment_id, request_key: key },
  });
  expect(sent).toMatchObject([{ gateway_ref, result: 'approved' }]);
  expect(sent[0]).not.toHaveProperty('attempt_key');
});
