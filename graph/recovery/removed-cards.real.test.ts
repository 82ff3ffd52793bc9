/** Reports on a card after its customer has removed it. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { fraudReport } from '../../test/fraud-fixtures.ts';
import { randomToken, testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../../test/wallet-fixtures.ts';
import {
  addPaymentMethod,
  applyFraudOutcome,
  getPaymentMethods,
  readWallet,
  recordVerification,
  removePaymentMethod,
} from '../index.ts';
import { recoveryCommands } from './recovery-fixtures.ts';

const { graph, policy, claim, open, opened, log } = await recoveryCommands();

interface Removed extends TestWallet {
  payment_method_id: string;
  token: string;
  number: string;
}

const NETWORK = 'mastercard';

/** The customer's card, by this token: active, with consent, and out of the wallet again. */
async function removedCard(): Promise<Removed> {
  const customer = await customerWithCards(graph, policy, { cards: 2, network: NETWORK });
  const [token, number] = [randomToken(), randomUUID()];
  const payment_method_id = await add(customer, token, number);
  await remove({ ...customer, payment_method_id });
  return { ...customer, payment_method_id, token, number };
}

async function add(
  { customer_id }: TestWallet,
  token: string,
  instrument_fingerprint: string,
  added_by: 'customer' | 'service' = 'customer',
): Promise<string> {
  const method = { type: 'card' as const, token, off_session_consent: true };
  const added = await addPaymentMethod(graph, testHeader(), { customer_id, method, added_by });
  const { payment_method_id } = added;
  if (added.payment_method_status !== 'unverified') return payment_method_id;
  await recordVerification(graph, testHeader(), {
    ...{ customer_id, payment_method_id, gateway_customer_ref: `cus_${customer_id}` },
    answer: { result: 'attached', method: { token, type: 'card', network: NETWORK, instrument_fingerprint } },
  });
  return payment_method_id;
}

const remove = ({ customer_id, payment_method_id }: Pick<Removed, 'customer_id' | 'payment_method_id'>) =>
  removePaymentMethod(graph, testHeader(), { customer_id, payment_method_id, by: 'customer' });

const methodOf = async ({ customer_id, payment_method_id }: Removed) =>
  (await readWallet(graph, customer_id)).find((one) => one.payment_method_id === payment_method_id);

const report = (card: Removed, codes: { decline_code?: string; network_code?: string; reason?: string }) =>
  open(failureOf(card, { payment_method_id: card.payment_method_id, decline_code: undefined, ...codes }));

test.each([
  ['stolen', { decline_code: 'stolen_card' }],
  ['lost', { network_code: '41' }],
  ['stolen, in words', { reason: 'Stolen Card' }],
])('a removed card reported %s is compromised, and stays so when it is added again', async (_, codes) => {
  const card = await removedCard();
  await report(card, codes);
  expect(await methodOf(card)).toMatchObject({ status: 'compromised', removed_at: expect.any(String) });
  expect(await add(card, card.token, card.number)).toBe(card.payment_method_id);
  expect(await methodOf(card)).toMatchObject({ status: 'compromised', is_default: false });
  const { customer_id } = card;
  expect((await getPaymentMethods(graph, { customer_id })).map((one) => one.payment_method_id)).not.toContain(
    card.payment_method_id,
  );
  // Neither can it be charged through another token.
  const twin = await add(card, randomToken(), card.number);
  const { payment_id, alternatives } = await opened(failureOf(card));
  expect(alternatives).not.toContain(twin);
  expect(await claim(payment_id, card.payment_method_id)).toMatchObject({ result: 'refused' });
  expect(await claim(payment_id, twin)).toMatchObject({
    result: 'refused',
    rule: expect.stringContaining('never_again:'),
  });
});

test.each([
  ['closed', { network_code: '14' }, 'never_again:mastercard:14'],
  ['not permitted', { network_code: '57' }, undefined],
  ['incorrectly entered', { decline_code: 'incorrect_cvc' }, undefined],
])('a removed card reported %s stays inactive until its customer adds it again', async (_, codes, rule) => {
  const card = await removedCard();
  const before = (await log(card)).length;
  await report(card, codes);
  expect(await methodOf(card)).toMatchObject({ status: 'inactive' });
  expect((await log(card)).slice(before).map(({ type }) => type)).toEqual([
    'RecoveryOpened',
    'RecoveryAttempted',
  ]);
  expect(await add(card, card.token, card.number)).toBe(card.payment_method_id);
  expect(await methodOf(card)).toMatchObject({ status: 'active' });
  const { payment_id } = await opened(failureOf(card));
  expect(await claim(payment_id, card.payment_method_id)).toMatchObject(
    rule ? { result: 'refused', rule } : { result: 'claimed' },
  );
});

test('a revocation persists: only the customer, and no service, renews the consent by adding the card again', async () => {
  const card = await removedCard();
  await report(card, { decline_code: 'revocation_of_authorization' });
  expect(await methodOf(card)).toMatchObject({
    status: 'inactive',
    off_session_consent: false,
    consent_source: 'network_revocation',
  });
  await add(card, card.token, card.number, 'service');
  expect(await methodOf(card)).toMatchObject({ status: 'active', off_session_consent: false });
  await remove(card);
  await add(card, card.token, card.number, 'customer');
  expect(await methodOf(card)).toMatchObject({ off_session_consent: true, consent_source: 'customer' });
});

test('fraud confirmed by Chimera compromises a removed card, and clearing the case restores its status', async () => {
  const card = await removedCard();
  const { customer_id, payment_method_id } = card;
  const fraud = { case_id: randomUUID(), customer_id, payment_method_id };
  await applyFraudOutcome(graph, testHeader(), fraudReport({ ...fraud, outcome: 'confirmed_fraud' }));
  expect(await methodOf(card)).toMatchObject({ status: 'compromised' });
  await applyFraudOutcome(graph, testHeader(), fraudReport({ ...fraud, outcome: 'cleared' }));
  expect(await methodOf(card)).toMatchObject({ status: 'inactive', removed_at: expect.any(String) });
});

test('clearing a fraud case does not restore a card that was reported stolen meanwhile', async () => {
  const customer = await customerWithCards(graph, policy, { cards: 2, network: NETWORK });
  const { customer_id, methods } = customer;
  const card = { ...customer, payment_method_id: methods[1] as string, token: '', number: '' };
  const { payment_method_id } = card;
  const fraud = { case_id: randomUUID(), customer_id, payment_method_id };
  await applyFraudOutcome(graph, testHeader(), fraudReport({ ...fraud, outcome: 'confirmed_fraud' }));
  await report(card, { decline_code: 'stolen_card' });
  await applyFraudOutcome(graph, testHeader(), fraudReport({ ...fraud, outcome: 'cleared' }));
  expect(await methodOf(card)).toMatchObject({ status: 'compromised' });
});
