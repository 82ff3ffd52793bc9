import { expect, test } from 'vitest';
import { testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import { setCustomerStatus, setOffSessionConsent, updatePaymentMethodStatus } from '../index.ts';
import { refreshRecovery } from './index.ts';
import { recoveryCommands } from './recovery-fixtures.ts';

const { graph, policy, open, close } = await recoveryCommands();

async function customerInRecovery(cards = 3) {
  const wallet = await customerWithCards(graph, policy, { cards });
  const failure = failureOf(wallet, { decline_code: 'expired_card' });
  const now = Date.now();
  await open(failure, { now });
  const { customer_id, methods } = wallet;
  const { payment_id } = failure;
  const refresh = () => refreshRecovery(graph, { payment_id, policy, now: Date.now() });
  return { customer_id, methods, payment_id, refresh, openedAt: now };
}

test('lists the methods that may be charged now, last used first, without the failed one', async () => {
  const { methods, refresh } = await customerInRecovery();
  const found = await refresh();
  expect(found).toMatchObject({ customer_status: 'active' });
  expect(found.closed).toBeUndefined();
  expect(found.methods.map((one) => one.payment_method_id)).toEqual([methods[2], methods[1]]);
});

test('a corrected failed method is listed as changed since the failure', async () => {
  const { customer_id, methods, refresh, openedAt } = await customerInRecovery(1);
  expect((await refresh()).methods).toEqual([]);
  const payment_method_id = methods[0] as string;
  const status = { customer_id, payment_method_id, status: 'active', reason: 'new details' } as const;
  await updatePaymentMethodStatus(graph, testHeader(), status);
  const [listed] = (await refresh()).methods;
  expect(listed?.payment_method_id).toBe(payment_method_id);
  expect(listed?.changed_at).toBeGreaterThanOrEqual(openedAt);
});

test('a withdrawn consent removes a method from the list; renewed, it lists the method as changed', async () => {
  const { customer_id, methods, refresh } = await customerInRecovery(2);
  const consent = (given: boolean) =>
    setOffSessionConsent(graph, testHeader(), {
      customer_id,
      payment_method_id: methods[1] as string,
      off_session_consent: given,
      source: 'customer',
    });
  await consent(false);
  expect((await refresh()).methods).toEqual([]);
  const before = Date.now();
  await consent(true);
  const [listed] = (await refresh()).methods;
  expect(listed?.changed_at).toBeGreaterThanOrEqual(before - 1_000);
});

test('reports that the customer is suspended, and that another process has closed the obligation', async () => {
  const { customer_id, payment_id, refresh } = await customerInRecovery(2);
  const suspension = { customer_id, status: 'suspended', reason: 'fraud' } as const;
  const changed = { changed: true, recoveries: [payment_id] };
  expect(await setCustomerStatus(graph, testHeader(), suspension)).toMatchObject(changed);
  expect(await setCustomerStatus(graph, testHeader(), suspension)).toMatchObject({ recoveries: [] });
  expect(await refresh()).toMatchObject({ customer_status: 'suspended' });
  await close(payment_id, { outcome: 'cancelled', rule: 'cancelled' });
  expect(await refresh()).toMatchObject({ closed: { outcome: 'cancelled' } });
});
