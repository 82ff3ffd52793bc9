import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { recoveryNotificationId, type RefundPaymentInput, TaskQueue } from '../domain/workflow-contracts.ts';
import type { RefundOutcome } from '../domain/recovery/refunds.ts';
import { startRefund } from '../temporal/workflow-client.ts';
import { createTestRig, eventually } from '../test/rig/index.ts';
import type { RefundActivities } from './refund-payment.ts';
import type { NoticeActivities } from './send-notice.ts';

/** A payment whose second successes are refunded with these outcomes; `crash`: the gateway is unavailable. */
async function rigWith(outcomes: Record<string, RefundOutcome | 'crash'>) {
  const payment_id = `invoice-${randomUUID()}`;
  const seen = { asked: [] as unknown[], notices: [] as string[] };
  const activities: RefundActivities & Pick<NoticeActivities, 'deliverNotice'> = {
    async dueRefunds(input) {
      seen.asked.push(input);
      return { customer_id: 'c-1', keys: Object.keys(outcomes) };
    },
    async refundCharge({ key }) {
      const outcome = outcomes[key];
      if (outcome === 'crash' || !outcome) throw new PersonaError('gateway_unavailable', 'unavailable');
      return outcome;
    },
    async deliverNotice({ notification_id }) {
      seen.notices.push(notification_id);
      return { result: 'delivered' };
    },
  };
  const rig = await createTestRig({ activities: { [TaskQueue.recovery]: activities } });
  const run = (input: Partial<RefundPaymentInput> = {}) =>
    rig.client.workflow.execute('refundPayment', {
      workflowId: randomUUID(),
      taskQueue: TaskQueue.recovery,
      args: [{ payment_id, ...input }],
    });
  return { rig, payment_id, seen, run };
}

const REFUNDED = { refunded: true, refund_ref: 're_1' } as const;

test('each due refund is tried once, and the customer is notified only of refunds that succeeded', async () => {
  const refused = { refunded: false, reason: 'no money', next_at: '2026-11-23T00:00:00.000Z' } as const;
  const payment = `invoice-${randomUUID()}`;
  const notice = recoveryNotificationId(payment, 1, 'refund_issued', 'a');
  const { payment_id, run, seen } = await rigWith({ a: { ...REFUNDED, notice }, b: refused, c: 'crash' });
  const by = { actor: 'grace', reason: 'the customer wrote' };
  expect(await run({ by })).toEqual({
    payment_id,
    refunds: [
      { key: 'a', ...REFUNDED, notice },
      { key: 'b', ...refused },
      { key: 'c', unavailable: 'unavailable' },
    ],
  });
  expect(seen.asked).toEqual([{ payment_id, by }]);
  await eventually(() => expect(seen.notices).toEqual([notice]));
});

test('a refund without a due notice is not announced', async () => {
  const { run, seen } = await rigWith({ a: REFUNDED });
  expect(await run()).toMatchObject({ refunds: [{ refunded: true }] });
  expect(seen.notices).toEqual([]);
});

test('the sweep can start refunds of a payment again after the previous run has ended', async () => {
  const { rig, payment_id, seen } = await rigWith({ a: REFUNDED });
  expect(await startRefund(rig.client, payment_id)).toBe(true);
  const handle = rig.client.workflow.getHandle(`refund:${payment_id}`);
  await handle.result();
  expect(await startRefund(rig.client, payment_id)).toBe(true);
  await rig.client.workflow.getHandle(`refund:${payment_id}`).result();
  expect(seen.asked).toEqual([{ payment_id }, { payment_id }]);
});
