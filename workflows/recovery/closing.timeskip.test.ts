/** A run whose payment the gateway does not cancel: it waits in the workflow, and keeps processing signals. */

import { randomUUID } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import type { RecoveryActivities } from '../recover-payment.ts';
import { createTestRig, eventually } from '../../test/rig/index.ts';
import { DAY, HOUR, MINUTE, report, statusOf, fakeRecovery } from './recovery-workflow-fixtures.ts';

vi.setConfig({ testTimeout: 60_000 });

type Closing = Awaited<ReturnType<RecoveryActivities['closeRecovery']>>;
const declined = () => ({ result: 'declined', codes: {} }) as const;

/** Every card declines, and the payment is cancelled only once `gateway.cancels` is set. */
function refusingGateway() {
  const gateway = { cancels: false, asked: [] as string[] };
  const fake = fakeRecovery({
    charge: declined,
    resolveCharge: () => ({ result: 'approved', gateway_ref: 'pi_1' }),
    overrides: {
      async closeRecovery({ payment_id, ending }): Promise<Closing> {
        gateway.asked.push(ending.outcome);
        if (!gateway.cancels) return { result: 'not_cancelled', payment: 'unknown' };
        const { outcome, rule } = ending;
        if (outcome === 'recovered') throw new Error('only an approved attempt recovers');
        const obligation = { payment_id, customer_id: fake.customer_id, outcome, rule, attempts: [] };
        return { result: 'closed', obligation };
      },
    },
  });
  return { fake, gateway };
}

async function cancelledRecovery() {
  const { fake, gateway } = refusingGateway();
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['all_declined']));
  await handle.signal('cancel', { actor: 'ops', reason: 'test' });
  await eventually(() => expect(gateway.asked).toEqual(['cancelled']));
  const status = () => statusOf(rig, fake.payment_id);
  return { fake, gateway, rig, handle, status };
}

test('a settlement received while the payment cannot be cancelled ends the recovery as paid elsewhere', async () => {
  const { fake, gateway, rig, handle, status } = await cancelledRecovery();
  await eventually(async () =>
    expect(await status()).toMatchObject({
      state: 'waiting',
      waiting_for: 'gateway',
      next: { action: 'poll' },
    }),
  );
  gateway.cancels = true;
  await handle.signal('paymentSettled', {
    event_id: randomUUID(),
    payment_id: fake.payment_id,
    customer_id: fake.customer_id,
    settled_at: new Date(await rig.now()).toISOString(),
  });
  expect(await handle.result()).toMatchObject({ outcome: 'paid_elsewhere' });
  expect(gateway.asked).toEqual(['cancelled', 'paid_elsewhere']);
});

test('cancelling is retried on a schedule, goes to review after a day, and is tried immediately on retryNow', async () => {
  const { fake, gateway, rig, handle, status } = await cancelledRecovery();
  await rig.sleep(40 * MINUTE);
  expect(gateway.asked).toHaveLength(4);
  await rig.sleep(DAY + HOUR);
  expect(fake.seen.reviews).toEqual(['payment_not_cancellable']);
  expect(await status()).toMatchObject({ state: 'needs_review', rule: 'payment_not_cancellable' });
  const asked = gateway.asked.length;
  const by = { actor: 'ops', reason: 'new key' };
  await handle.signal('retryNow', { ...by, rule: 'another' });
  gateway.cancels = true;
  await handle.signal('retryNow', { ...by, rule: 'payment_not_cancellable' });
  expect(await handle.result()).toMatchObject({ outcome: 'cancelled' });
  expect(gateway.asked).toHaveLength(asked + 1);
  expect(fake.seen.charges).toEqual(['card-a:1', 'card-b:1']);
});
