/** What is checked last, after the claim and immediately before a charge is sent. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { attemptKey } from '../../domain/workflow-contracts.ts';
import { readPolicy } from '../../platform/policy.ts';
import { testGraph, testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import {
  recordDispute,
  removePaymentMethod,
  setCustomerStatus,
  setOffSessionConsent,
  updatePaymentMethodStatus,
} from '../index.ts';
import { claimAttempt, getChargeOrder, openRecovery } from './index.ts';

const policy = readPolicy();
const graph = await testGraph();

interface Ids {
  customer_id: string;
  payment_method_id: string;
}

/** A charge that is claimed and not sent yet. */
async function claimed(instrument_fingerprint = `fp_${randomUUID()}`) {
  const details = [{}, { instrument_fingerprint }];
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 2, details });
  const payment_method_id = methods[1] ?? '';
  const failure = failureOf({ customer_id, methods });
  const { payment_id } = failure;
  const header = testHeader({ occurredAt: failure.occurred_at });
  await openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: false });
  const key = attemptKey(payment_id, payment_method_id, 1);
  const claim = { payment_id, payment_method_id, key, n: 1, policy, now: Date.now() };
  expect(await claimAttempt(graph, testHeader(), claim)).toMatchObject({ result: 'claimed' });
  const forbidden = async () => (await getChargeOrder(graph, { key, payment_id })).forbidden;
  expect(await forbidden()).toBeUndefined();
  return { customer_id, payment_method_id, forbidden };
}

const setMethodStatus = (status: 'failed' | 'inactive' | 'compromised') => (ids: Ids) =>
  updatePaymentMethodStatus(graph, testHeader(), { ...ids, status, reason: 'test' });

test.each<[string, string, (ids: Ids) => Promise<unknown>]>([
  [
    'its customer has removed the method',
    'the method has been removed',
    (ids) => removePaymentMethod(graph, testHeader(), { ...ids, by: 'customer' }),
  ],
  [
    'the consent is withdrawn',
    'the consent to charge the method has been withdrawn',
    (ids) =>
      setOffSessionConsent(graph, testHeader(), { ...ids, off_session_consent: false, source: 'customer' }),
  ],
  [
    'a charge on the method is disputed',
    'a charge on the method is disputed',
    ({ customer_id, payment_method_id }) =>
      recordDispute(graph, testHeader(), {
        holder: { customer_id, payment_method_id, charged: true },
        dispute: { dispute_ref: `du_${randomUUID()}`, reason: 'product_not_received', state: 'open' },
      }),
  ],
  ['the method has failed', 'the method is failed', setMethodStatus('failed')],
  ['the method is inactive', 'the method is inactive', setMethodStatus('inactive')],
  ['the method is compromised', 'the method is compromised', setMethodStatus('compromised')],
  [
    'the customer is suspended',
    'the customer is suspended',
    ({ customer_id }) =>
      setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' }),
  ],
])('a claimed charge is no longer sent once %s', async (_, reason, change) => {
  const { forbidden, ...ids } = await claimed();
  await change(ids);
  expect(await forbidden()).toBe(reason);
});

test('a claimed charge is no longer sent once the card is compromised at another customer', async () => {
  const card = `fp_${randomUUID()}`;
  const details = [{ instrument_fingerprint: card }];
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 1, details });
  const { forbidden } = await claimed(card);
  await setMethodStatus('compromised')({ customer_id, payment_method_id: methods[0] ?? '' });
  expect(await forbidden()).toBe('the card is compromised');
});
