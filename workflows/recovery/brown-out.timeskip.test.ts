/** Charges during a gateway outage in which every request fails: the real adapter, its circuit breaker and a simulator. */

import { expect, onTestFinished, test, vi } from 'vitest';
import type { ChargeOrder } from '../../domain/ports.ts';
import { TaskQueue } from '../../domain/workflow-contracts.ts';
import { startStripeFixture } from '../../test/stripe-fixture.ts';
import { createTestRig, eventually } from '../../test/rig/index.ts';
import type { GatewayActivities, RecoveryActivities } from '../recover-payment.ts';
import type { NoticeActivities } from '../send-notice.ts';
import { report, statusOf, fakeRecovery } from './recovery-workflow-fixtures.ts';

vi.setConfig({ testTimeout: 120_000 });

const RECOVERIES = 40;
/** The breaker opens at this number of failures; up to `AT_ONCE` more charges may be in progress at that moment. */
const TO_OPEN = 20;
const AT_ONCE = 5;

type FakeRecovery = ReturnType<typeof fakeRecovery> & { order: ChargeOrder };

/** `recovery:{payment_id}:{method}:{n}` */
const paymentOf = ({ payment_id, key = '' }: { payment_id?: string; key?: string }) =>
  payment_id ?? key.split(':')[1] ?? '';

/** One set of activities for all recoveries: each call goes to the fake of its payment. */
function dispatch(fakes: Map<string, FakeRecovery>, names: readonly string[]): object {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (input: { payment_id?: string; failure?: { payment_id: string } }) => {
        const fake = fakes.get(paymentOf(input.failure ?? input));
        const all = fake?.activities[TaskQueue.recovery] as unknown as Record<
          string,
          (of: object) => unknown
        >;
        return all[name]?.(input);
      },
    ]),
  );
}

const ACTIVITIES: (keyof (RecoveryActivities & NoticeActivities))[] = [
  ...(['openRecovery', 'claimAttempt', 'recordAttempt', 'refreshRecovery', 'storeClock'] as const),
  'deliverNotice',
];

test('charges become unknown until the breaker opens, the others wait, and each payment is paid once', async () => {
  const stripe = await startStripeFixture();
  onTestFinished(stripe.close);
  let shift = 0;
  const real = Date.now.bind(Date);
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => real() + shift);
  onTestFinished(() => clock.mockRestore());

  const fakes = new Map<string, FakeRecovery>();
  for (let n = 0; n < RECOVERIES; n++) {
    const fake = fakeRecovery({ alternatives: ['card-a'] });
    const order = await stripe.createChargeOrder([{ do: 'error_500' }]);
    fakes.set(fake.payment_id, { ...fake, order: { ...order, payment_id: fake.payment_id } });
  }
  const orderOf = (key: string) => fakes.get(paymentOf({ key }))?.order as ChargeOrder;
  const gateway: GatewayActivities = {
    charge: ({ key }) => stripe.charge({ ...orderOf(key), key }),
    async resolveCharge({ key }) {
      const found = await stripe.gateway.findCharge({ ...orderOf(key), claimed_at: Date.now() - 60_000 });
      if (found.result !== 'absent') throw new Error('it never arrived');
      return found;
    },
  };
  const rig = await createTestRig({
    activities: { [TaskQueue.recovery]: dispatch(fakes, ACTIVITIES), [TaskQueue.gateway]: gateway },
  });

  const runs: Awaited<ReturnType<typeof report>>[] = [];
  const attempted = async (payment: string) => {
    const { state, waiting_for } = await statusOf(rig, payment);
    expect(state === 'unknown' || waiting_for === 'gateway').toBe(true);
    return state;
  };
  const waiting = [...fakes.values()];
  while (waiting.length > 0) {
    const batch = waiting.splice(0, AT_ONCE);
    runs.push(...(await Promise.all(batch.map((fake) => report(rig, fake)))));
    await Promise.all(batch.map(({ payment_id }) => eventually(() => attempted(payment_id), 30_000)));
  }
  const states = await Promise.all([...fakes.keys()].map(attempted));
  const unresolvedCount = states.filter((state) => state === 'unknown').length;
  expect(unresolvedCount).toBeGreaterThanOrEqual(TO_OPEN);
  expect(unresolvedCount).toBeLessThan(TO_OPEN + AT_ONCE);

  for (const { order } of fakes.values()) {
    const { token, gateway_customer_ref: customer } = order;
    await stripe.sim(`/payment_methods/${token}`, 'PUT', { customer, script: [] });
  }
  shift += 30_000;
  for (const run of runs) expect(await run.result()).toMatchObject({ outcome: 'recovered' });
  for (const { order } of fakes.values())
    expect(await stripe.ledger(order)).toMatchObject([{ status: 'succeeded', requests: 1 }]);
});
