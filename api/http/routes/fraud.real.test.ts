/** Fraud during a recovery: through the API and workers, at a simulated gateway. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { fraudCaseWorkflowId } from '../../../domain/workflow-contracts.ts';
import { signalWithStartFraudCase } from '../../../temporal/workflow-client.ts';
import { fraudReport } from '../../../test/fraud-fixtures.ts';
import { failureOf } from '../../../test/wallet-fixtures.ts';
import type { CardHolder } from '../../../test/webhook-fixture.ts';
import { startWorkerFixture, type WorkerFixture } from '../../../test/worker-fixture.ts';

let system: WorkerFixture;
beforeAll(async () => {
  system = await startWorkerFixture();
});
afterAll(() => system.close());

/** A customer with three cards: the first one has failed, `next` is charged first and follows the script, then `last`. */
async function threeCards(script: object[]) {
  const holder = await system.cardHolder();
  const last = await system.secondCard(holder);
  const next = await system.secondCard(holder, { last4: '3333' });
  const method = { type: 'card', customer: holder.gateway_customer_ref, card: { last4: '3333' }, script };
  await system.stripe.sim(`/payment_methods/${next.token}`, 'PUT', method);
  const methods = [holder.payment_method_id];
  const failure = failureOf({ ...holder, methods }, { amount: 1250, decline_code: 'insufficient_funds' });
  return { holder, next, last, failure };
}

/** The charges in the gateway's ledger, regardless of their result. */
async function charged(payment_id: string): Promise<string[]> {
  const { data } = await system.stripe.sim<{ data: { payment_method: string; status: string }[] }>(
    `/charges?payment_id=${payment_id}`,
  );
  return data.map(({ payment_method, status }) => `${payment_method} ${status}`);
}

const resultOf = (case_id: string) =>
  system.temporal.client.workflow.getHandle(fraudCaseWorkflowId(case_id)).result();

/** Confirms fraud of the customer and waits for the end of its process. */
async function suspend({ customer_id }: CardHolder): Promise<string> {
  const report = fraudReport({ customer_id, outcome: 'confirmed_fraud' });
  await system.reportFraud(report);
  expect(await resultOf(report.case_id)).toMatchObject({ customer_status: 'suspended' });
  return report.case_id;
}

async function reinstate(case_id: string): Promise<void> {
  const by = { actor: 'grace', reason: 'a mistake' };
  await signalWithStartFraudCase(system.temporal.client, case_id, 'reinstate', by);
  expect(await resultOf(case_id)).toMatchObject({ customer_status: 'active' });
}

test('a charge in flight is recorded, and no other card is charged until the customer is reinstated', async () => {
  const held = { do: 'hold_before_capture', decline_code: 'insufficient_funds' };
  const { holder, next, last, failure } = await threeCards([held]);
  await system.reportFailure(failure);
  const { id } = await system.stripe.firstHold();
  const case_id = await suspend(holder);
  await system.stripe.sim(`/holds/${id}/release`, 'POST');
  const waiting = await system.waitForRecovery(
    failure,
    ({ waiting_for }) => waiting_for === 'customer_status',
  );
  expect(waiting.attempts).toMatchObject([{ payment_method_id: next.payment_method_id, state: 'declined' }]);
  expect(await charged(failure.payment_id)).toEqual([`${next.token} failed`]);

  await reinstate(case_id);
  const { outcome, attempts } = await system.waitForRecovery(failure, ({ state }) => state === 'done');
  expect(outcome).toBe('recovered');
  expect(attempts).toMatchObject([
    { payment_method_id: next.payment_method_id, state: 'declined' },
    { payment_method_id: last.payment_method_id, state: 'approved' },
  ]);
});

test('a charge in flight that succeeds recovers the payment of a suspended customer', async () => {
  const { holder, next, failure } = await threeCards([{ do: 'hold_before_capture' }]);
  await system.reportFailure(failure);
  const { id } = await system.stripe.firstHold();
  await suspend(holder);
  await system.stripe.sim(`/holds/${id}/release`, 'POST');
  expect(await system.waitForRecovery(failure, ({ state }) => state === 'done')).toMatchObject({
    outcome: 'recovered',
    attempts: [{ payment_method_id: next.payment_method_id, state: 'approved' }],
  });
  expect(await charged(failure.payment_id)).toEqual([`${next.token} succeeded`]);
});

test('a suspended customer is not charged until Chimera clears the case', async () => {
  const { holder, next, failure } = await threeCards([]);
  const case_id = await suspend(holder);
  await system.reportFailure(failure);
  await system.waitForRecovery(failure, ({ waiting_for }) => waiting_for === 'customer_status');
  expect(await charged(failure.payment_id)).toEqual([]);
  const { customer_id } = holder;
  await system.reportFraud(fraudReport({ case_id, customer_id, outcome: 'cleared' }));
  expect(await system.waitForRecovery(failure, ({ state }) => state === 'done')).toMatchObject({
    outcome: 'recovered',
    attempts: [{ payment_method_id: next.payment_method_id, state: 'approved' }],
  });
});

test('a suspended customer can read, but not change anything', async () => {
  const { holder } = await threeCards([]);
  await suspend(holder);
  const app = system.createAppFor(system.temporal.client);
  const path = `/api/v1/customers/${holder.customer_id}`;
  const refused = await app.request(`${path}/payment-methods`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': holder.token },
    body: JSON.stringify({ type: 'card', token: `${holder.token}-new` }),
  });
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({ type: 'urn:persona:error:customer_suspended' });
  expect(await (await app.request(`${path}/profile`)).json()).toMatchObject({ status: 'suspended' });
  for (const part of ['payment-methods', 'recoveries', 'timeline'])
    expect((await app.request(`${path}/${part}`)).status).toBe(200);
});

test('a report older than the receipts’ retention is refused as stale', async () => {
  const { customer_id } = await system.cardHolder();
  const occurred_at = new Date(Date.now() - 401 * 86_400_000).toISOString();
  const report = fraudReport({ customer_id, outcome: 'confirmed_fraud', occurred_at });
  await expect(system.reportFraud(report)).rejects.toThrow(/422.*stale_event/);
});
