/**
 * Erasures that wait: for an unresolved charge, a bank debit that is pending, a refund that is due, an onboarding in progress.
 * No key is destroyed before that is found out, whatever is killed meanwhile.
 */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { ErasureWait } from '../../../domain/erasure/steps.ts';
import { onboardingWorkflowId, TaskQueue, WorkflowName } from '../../../domain/workflow-contracts.ts';
import { fetchAs } from '../../../platform/run-access.ts';
import type { CardPlan } from '../../scenarios/wallet-plan.ts';
import { paymentSettled } from '../../scenarios/reports.ts';
import { onboardingRequest, randomEmail, randomToken } from '../../test-graph.ts';
import { customerWithScriptedCards, failureOf } from '../customer-fixtures.ts';
import { releaseHold, waitForHold } from '../gateway-holds.ts';
import { COMMIT } from '../proxy.ts';
import { waitUntilReached } from '../recovery-points.ts';
import type { FaultSystem } from '../system.ts';
import { erase, expectErased, isStored, paidCustomer } from './erasures.ts';
import type { StoppedProcess } from './stopped-process.ts';

const LIMIT = { timeout: 120_000 };
const DAY_S = 86_400;

export async function stopWaitingErasures(system: FaultSystem): Promise<StoppedProcess[]> {
  // Alone, as it loses the gateway's webhooks for a moment.
  const refund = await whileRefundIsDue(system);
  return [
    refund,
    ...(await Promise.all([
      whileUnresolved(system),
      whileDebitIsPending(system),
      stopErasureWhileOnboarding(system),
    ])),
  ];
}

/** The gateway answers only after the worker was killed. */
async function whileUnresolved(system: FaultSystem): Promise<StoppedProcess> {
  const { customer, payment_id } = await failedPayment(system, { script: [{ do: 'hold_before_capture' }] });
  const hold = await waitForHold(system, customer.cards.at(-1)?.token ?? '');
  return waitingErasure(system, {
    ...{ at: 'erasure: a charge is unresolved', customer_id: customer.id, wait: 'charge' },
    release: () => releaseHold(system, hold),
    expectEnd: () => expectMoney(system, payment_id, ['succeeded']),
  });
}

async function whileDebitIsPending(system: FaultSystem): Promise<StoppedProcess> {
  const settle = { after_ms: DAY_S * 1000, outcome: 'succeeded' } as const;
  const { customer, payment_id } = await failedPayment(system, {
    ...{ type: 'us_bank_account', script: [{ do: 'processing', settle }] },
  });
  await expect.poll(() => statesOf(system, payment_id), LIMIT).toEqual(['pending']);
  return waitingErasure(system, {
    ...{ at: 'erasure: a bank debit is pending', customer_id: customer.id, wait: 'charge' },
    async release() {
      // There and back: others go by the gateway's clock as well.
      for (const advance_s of [DAY_S, -DAY_S]) await control(system, 'POST', '/clock', { advance_s });
    },
    expectEnd: () => expectMoney(system, payment_id, ['succeeded']),
  });
}

/** Of a second success, which the gateway refuses to refund at first. */
async function whileRefundIsDue(system: FaultSystem): Promise<StoppedProcess> {
  const { client, inspector, persona } = system;
  const { customer, failure } = await paidCustomer(system);
  const { payment_id } = failure;
  await control(system, 'PUT', '/webhooks', { lost: true });
  const { id } = await request<{ id: string }>(`${persona.addresses.gateway}/v1/payment_intents`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk_test_others' },
    body: new URLSearchParams({
      ...{ amount: String(failure.amount), currency: 'usd', customer: `cus_${customer.id}` },
      ...{ 'payment_method_types[]': 'card', 'metadata[payment_id]': payment_id },
      ...{ payment_method: customer.cards[0]?.token ?? '', off_session: 'true', confirm: 'true' },
    }),
  });
  await control(system, 'PUT', '/webhooks', { lost: false });
  const charge = (await inspector.ledger(payment_id)).find(({ payment_intent }) => payment_intent === id);
  const codes = ['balance_insufficient'];
  await control(system, 'PUT', `/charges/${charge?.charge}/refuse_refunds`, { codes });
  const settlement = paymentSettled({ payment_id, customer_id: customer.id, gateway_payment_ref: id });
  const { auth, http } = persona.addresses;
  const reported = await fetchAs(auth, { role: 'synapse' }, `${http}/internal/v1/payment-settlements`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(settlement),
  });
  expect(reported.status).toBe(202);
  await expect.poll(() => refundsRefused(system, payment_id), LIMIT).toBe(true);
  return waitingErasure(system, {
    ...{ at: 'erasure: a refund is due', customer_id: customer.id, wait: 'refund' },
    async release() {
      const by = { actor: 'ops', reason: 'test' };
      await client.workflow.start(WorkflowName.refundPayment, {
        workflowId: `refund:${payment_id}:${randomUUID()}`,
        taskQueue: TaskQueue.recovery,
        args: [{ payment_id, by }],
      });
    },
    expectEnd: () => expectMoney(system, payment_id, ['refunded', 'succeeded']),
  });
}

/** It has recognised the customer, whom its execution does not show yet. */
export async function stopErasureWhileOnboarding(system: FaultSystem): Promise<StoppedProcess> {
  const { agents, inspector, neo4j } = system;
  const identifiers = [{ type: 'email', value: randomEmail(), is_verified: true }] as const;
  const known = await agents.onboard(onboardingRequest({ digital_identifiers: [...identifiers] }));
  const token = randomToken();
  await inspector.issueCard({
    name: 'card',
    token,
    brand: 'visa',
    last4: '4242',
    exp_month: 4,
    exp_year: 2032,
  });
  const again = onboardingRequest({
    digital_identifiers: [...identifiers],
    payment_method_details: { type: 'card', token, off_session_consent: true },
  });
  const at = 'erasure: an onboarding has recognised the customer';
  const stop = neo4j.proxy.stopAt({
    requests: [['PaymentMethodAdded', known.customer_id], [COMMIT]],
    hold: 'answer',
  });
  void agents.onboard(again).catch(() => {});
  await waitUntilReached(stop, at);
  return waitingErasure(system, {
    ...{ at, customer_id: known.customer_id, wait: 'process' },
    release: async () => stop.release(),
    async expectEnd() {
      expect(await inspector.isAttached(token), at).toBe(false);
      expect(await isStored(system, onboardingWorkflowId(again.transaction_id)), at).toBe(false);
    },
  });
}

/** Starts the erasure, and waits until it says what it waits for. */
async function waitingErasure(
  system: FaultSystem,
  waiting: {
    at: string;
    customer_id: string;
    wait: ErasureWait;
    release(): Promise<unknown>;
    expectEnd(): Promise<void>;
  },
): Promise<StoppedProcess> {
  const { at, customer_id, wait, release, expectEnd } = waiting;
  const erasure_id = await erase(system, customer_id);
  const progress = async () => {
    const { auth, http } = system.persona.addresses;
    const response = await fetchAs(auth, { role: 'privacy' }, `${http}/api/v1/erasures/${erasure_id}`);
    return ((await response.json()) as { waiting_for: string[] }).waiting_for;
  };
  await expect.poll(progress, { ...LIMIT, message: at }).toContain(wait);
  const keys = await system.graph.read('MATCH (k:CustomerKey {customer_id: $customer_id}) RETURN k', {
    customer_id,
  });
  expect(keys, at).toHaveLength(1);
  return {
    at,
    release: () => void release(),
    async expectEnd() {
      await expectErased(system, { at, erasure_id, customer_id });
      await expectEnd();
    },
  };
}

/** A payment that is charged with the customer's other card. */
async function failedPayment(system: FaultSystem, other: CardPlan) {
  const customer = await customerWithScriptedCards(system, [{}, other]);
  const failure = failureOf(customer);
  await system.agents.signalPaymentFailed(failure);
  return { customer, payment_id: failure.payment_id };
}

async function statesOf({ graph }: FaultSystem, payment_id: string): Promise<string[]> {
  const rows = await graph.read<{ state: string }>(
    "MATCH (a:ChargeAttempt {payment_id: $payment_id, source: 'recovery'}) RETURN a.state AS state",
    { payment_id },
  );
  return rows.map(({ state }) => state);
}

async function refundsRefused({ graph }: FaultSystem, payment_id: string): Promise<boolean> {
  const [row] = await graph.read<{ refused: boolean }>(
    'MATCH (o:Obligation {payment_id: $payment_id}) RETURN o.refund_at IS NOT NULL AS refused',
    { payment_id },
  );
  return row?.refused ?? false;
}

/** What was charged was found out before it was moved to the pseudonym. */
async function expectMoney(system: FaultSystem, payment_id: string, statuses: string[]): Promise<void> {
  expect(await statesOf(system, payment_id)).toEqual(['approved']);
  const ledger = await system.inspector.ledger(payment_id);
  expect(ledger.map(({ status }) => status).sort()).toEqual(statuses);
}

const control = ({ persona }: FaultSystem, method: string, path: string, body: object) =>
  request(`${persona.addresses.gateway}/_sim${path}`, { method, body: JSON.stringify(body) });

async function request<T>(url: string, init: RequestInit): Promise<T> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} returned ${response.status}: ${text}`);
  return JSON.parse(text) as T;
}
