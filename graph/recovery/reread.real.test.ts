import { expect, test } from 'vitest';
import { testHeader } from '../../test/graph.ts';
import { customerWithCards, failureOf } from '../../test/wallets.ts';
import { setCustomerStatus, setOffSessionConsent, updatePaymentMethodStatus } from '../index.ts';
import { rereadRecovery } from './index.ts';
import { recoveryCommands } from './testing.ts';

const { graph, policy, open, close } = await recoveryCommands();

async function owing(cards = 3) {
  const wallet = await customerWithCards(graph, policy, { cards });
  const failure = failureOf(wallet, { decline_code: 'expired_card' });
  const now = Date.now();
  await open(failure, { now });
  const { customer_id, methods } = wallet;
  const { payment_id } = failure;
  const read = () => rereadRecovery(graph, { payment_id, policy, now: Date.now() });
  return { customer_id, methods, payment_id, read, opened: now };
}

test('lists what may be charged now, the last used first, and not what failed', async () => {
  const { methods, read } = await owing();
  const found = await read();
  expect(found).toMatchObject({ customer_status: 'active' });
  expect(found.closed).toBeUndefined();
  expect(found.methods.map((one) => one.payment_method_id)).toEqual([methods[2], methods[1]]);
});

test('a failed method that is corrected is listed, changed since the failure', async () => {
  const { customer_id, methods, read, opened } = await owing(1);
  expect((await read()).methods).toEqual([]);
  const payment_method_id = methods[0] as string;
  const status = { customer_id, payment_method_id, status: 'active', reason: 'new details' } as const;
  await updatePaymentMethodStatus(graph, testHeader(), status);
  const [listed] = (await read()).methods;
  expect(listed?.payment_method_id).toBe(payment_method_id);
  expect(listed?.changed_at).toBeGreaterThanOrEqual(opened);
});

test('a consent that is withdrawn takes a method out, given again it is news', async () => {
  const { customer_id, methods, read } = await owing(2);
  const consent = (given: boolean) =>
    setOffSessionConsent(graph, testHeader(), {
      customer_id,
      payment_method_id: methods[1] as string,
      off_session_consent: given,
      source: 'customer',
    });
  await consent(false);
  expect((await read()).methods).toEqual([]);
  const before = Date.now();
  await consent(true);
  const [listed] = (await read()).methods;
  expect(listed?.changed_at).toBeGreaterThanOrEqual(before - 1_000);
});

test('says that the customer is suspended, and that somebody else has closed the obligation', async () => {
  const { customer_id, payment_id, read } = await owing(2);
  const suspension = { customer_id, status: 'suspended', reason: 'fraud' } as const;
  const changed = { changed: true, recoveries: [payment_id] };
  expect(await setCustomerStatus(graph, testHeader(), suspension)).toMatchObject(changed);
  expect(await setCustomerStatus(graph, testHeader(), suspension)).toMatchObject({ recoveries: [] });
  expect(await read()).toMatchObject({ customer_status: 'suspended' });
  await close(payment_id, { outcome: 'cancelled', rule: 'cancelled' });
  expect(await read()).toMatchObject({ closed: { outcome: 'cancelled' } });
});
