/** An external system that never responds occupies only the slots of its own queue, not those of claims and recordings. */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import { addDigitalIdentifier } from '../graph/index.ts';
import { findObligation, getObligation } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { randomEmail, testHeader } from '../test/test-graph.ts';
import { failureOf } from '../test/wallet-fixtures.ts';
import type { CardHolder } from '../test/webhook-fixture.ts';
import { startWorkerFixture, type WorkerFixture } from '../test/worker-fixture.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Per queue: so few that two hanging calls block it. */
const SLOTS = 2;
const SOON = { timeout: 60_000, interval: 50 };

/** Calls that stay open until the test releases them, whatever their deadline. */
function createHangingService() {
  const { promise, resolve } = Promise.withResolvers<void>();
  const service = {
    calls: 0,
    release: resolve,
    hang() {
      service.calls += 1;
      return promise;
    },
  };
  return service;
}

const notifier = createHangingService();
const chimera = createHangingService();
const gateway = createHangingService();
const NEVER_READ = 'pi_never_read';
let system: WorkerFixture;
beforeAll(async () => {
  system = await startWorkerFixture({
    slots: SLOTS,
    notifier: { deduplicates: true, deliver: notifier.hang },
    chimera: { reportSuspectedFraud: chimera.hang },
    gateway: {
      async readPayment(ref) {
        if (ref.startsWith(NEVER_READ)) await gateway.hang();
        return system.stripe.gateway.readPayment(ref);
      },
    },
  });
});
afterAll(async () => {
  for (const service of [notifier, chimera, gateway]) service.release();
  await system.close();
});

const failureOn = ({ customer_id, payment_method_id }: CardHolder, decline_code: string) =>
  failureOf({ customer_id, methods: [payment_method_id] }, { amount: 1250, decline_code });

async function failed(decline_code: string): Promise<PaymentFailed> {
  const holder = await system.cardHolder();
  const { customer_id } = holder;
  const address = { customer_id, type: 'email', value: randomEmail(), by: 'service' } as const;
  await addDigitalIdentifier(system.graph, testHeader(), { ...address, policy: readPolicy() });
  const failure = failureOn(holder, decline_code);
  await system.reportFailure(failure);
  return failure;
}

const stateOf = async ({ payment_id }: PaymentFailed) =>
  (await getObligation(system.graph, payment_id)).state;

test.each([
  ['a receiver of notices', notifier, () => failed('expired_card')],
  ['Chimera', chimera, () => failed('stolen_card')],
  [
    'a gateway that is to confirm a settlement',
    gateway,
    async () => {
      const { payment_id, customer_id } = await failed('expired_card');
      const settled = {
        event_id: randomUUID(),
        payment_id,
        customer_id,
        settled_at: new Date().toISOString(),
      };
      const gateway_payment_ref = `${NEVER_READ}_${payment_id}`;
      await system.reportSettlement({ ...settled, gateway_payment_ref });
    },
  ],
])('%s that never responds delays no claim and no recording', async (_, service, ask) => {
  // A run processes no messages while its notice is being delivered: release it for the next test.
  onTestFinished(() => service.release());
  for (let n = 0; n <= SLOTS; n++) await ask();
  await vi.waitFor(() => expect(service.calls).toBeGreaterThanOrEqual(SLOTS), SOON);

  const holder = await system.cardHolder();
  await system.secondCard(holder);
  const failure = failureOn(holder, 'expired_card');
  await system.reportFailure(failure);
  await vi.waitFor(async () => expect(await stateOf(failure)).toBe('recovered'), SOON);
});

test('a customer whose lock is held does not delay the recovery of another customer', async () => {
  const held = await system.cardHolder();
  await system.secondCard(held);
  const session = system.graph.writeSession();
  const holding = session.beginTransaction();
  onTestFinished(() => session.close());
  await holding.run('MATCH (c:Customer {id: $customer_id}) SET c.locked = true REMOVE c.locked', {
    customer_id: held.customer_id,
  });
  const waiting = Array.from({ length: 2 * SLOTS }, () => failureOn(held, 'expired_card'));
  for (const failure of waiting) await system.reportFailure(failure);

  const holder = await system.cardHolder();
  await system.secondCard(holder);
  const failure = failureOn(holder, 'expired_card');
  await system.reportFailure(failure);
  await vi.waitFor(async () => expect(await stateOf(failure)).toBe('recovered'), SOON);
  for (const { payment_id } of waiting)
    expect(await findObligation(system.graph, payment_id)).toBeUndefined();

  await holding.rollback();
  await vi.waitFor(async () => {
    for (const one of waiting) expect(await stateOf(one)).toBe('recovered');
  }, SOON);
});
