/** What a decline establishes holds for the card, that is, its number, across tokens and customers. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { GatewayPaymentMethod } from '../../domain/ports.ts';
import { attemptKey } from '../../domain/workflow-contracts.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import { randomToken, testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../../test/wallet-fixtures.ts';
import {
  addPaymentMethod,
  followPaymentMethod,
  readWallet,
  recordVerification,
  removePaymentMethod,
  updatePaymentMethod,
} from '../index.ts';
import { verifyCustomer } from '../replay/verify.ts';
import { getUnresolvedCharge } from './index.ts';
import { recoveryCommands } from './recovery-fixtures.ts';

const { graph, policy, claim, open, opened, record } = await recoveryCommands();

/** Forbids the card permanently, but leaves a method that newer details make active again. */
const EXPIRED_FOR_EVER = { decline_code: 'expired_card', advice_code: 'do_not_try_again' };
const NEVER = 'never_again:advice:do_not_try_again';
const LATER_DATE = { expiry_month: 12, expiry_year: 2060 };

type Found = Partial<GatewayPaymentMethod>;
type MethodIds = { customer_id: string; payment_method_id: string };

const follow = (ids: MethodIds, found: Found) =>
  followPaymentMethod(graph, testHeader(), {
    ...ids,
    found: { token: 'pm_1', type: 'card', gateway_customer_ref: `cus_${ids.customer_id}`, ...found },
  });
const verify = (ids: MethodIds, found: Found) =>
  recordVerification(graph, testHeader(), {
    ...ids,
    gateway_customer_ref: `cus_${ids.customer_id}`,
    answer: { result: 'attached', method: { token: randomToken(), type: 'card', ...found } },
  });
const update = (ids: MethodIds, details: Found) =>
  updatePaymentMethod(graph, testHeader(), { ...ids, details, by: 'customer' });

/** Every way in which a method's fingerprint becomes known or changes. */
const WAYS: [string, (ids: MethodIds, found: Found) => Promise<unknown>][] = [
  ['followed at the gateway', follow],
  ['verified', verify],
  ['updated', update],
];

const nth = ({ customer_id, methods }: TestWallet, index: number): MethodIds => ({
  customer_id,
  payment_method_id: methods[index] as string,
});

/** A failure of this method of the wallet. */
const failed = (wallet: TestWallet, index: number, codes: Partial<PaymentFailed>) =>
  failureOf(wallet, {
    payment_method_id: wallet.methods[index] as string,
    ...{ decline_code: undefined, ...codes },
  });

/** The result of claiming this method for a new obligation that failed on the wallet's first one. */
async function claimOf(wallet: TestWallet, index: number) {
  const { payment_id } = await opened(failureOf(wallet));
  const answer = await claim(payment_id, wallet.methods[index] as string);
  // The next obligation's claim must not wait for this one's charge.
  if (answer.result === 'claimed')
    await record(payment_id, wallet.methods[index] as string, { result: 'not_sent', reason: 'test' });
  return answer;
}

/** A customer whose second card has this number. */
const holder = (number: string, network = 'visa') =>
  customerWithCards(graph, policy, { cards: 2, network, fingerprints: ['', number] });

const attemptsOf = ({ payment_method_id }: MethodIds) =>
  graph.read<{ key: string; card: string | null }>(
    'MATCH (a:ChargeAttempt {payment_method_id: $id}) RETURN a.key AS key, a.instrument_fingerprint AS card',
    { id: payment_method_id },
  );

test.each(WAYS)(
  'a card whose new number is %s has a new history; the old number stays forbidden',
  async (_, learn) => {
    const [old, replaced] = [randomUUID(), randomUUID()];
    const customer = await holder(old);
    await open(failed(customer, 1, EXPIRED_FOR_EVER));
    await follow(nth(customer, 1), { instrument_fingerprint: old, ...LATER_DATE });
    expect(await claimOf(customer, 1)).toMatchObject({ result: 'refused', rule: NEVER });
    await learn(nth(customer, 1), { instrument_fingerprint: replaced });
    expect(await claimOf(customer, 1)).toMatchObject({ result: 'claimed' });
    expect(await claimOf(await holder(old), 1)).toMatchObject({ result: 'refused', rule: NEVER });
    expect(await verifyCustomer(graph, customer.customer_id)).toEqual([]);
  },
);

test('a new number starts with new ceilings', async () => {
  const customer = await holder(randomUUID(), 'mastercard');
  for (let decline = 1; decline <= 10; decline++)
    await open(failed(customer, 1, { decline_code: 'insufficient_funds' }));
  expect(await claimOf(customer, 1)).toMatchObject({
    result: 'refused',
    rule: expect.stringContaining('ceiling:mastercard'),
  });
  await follow(nth(customer, 1), { instrument_fingerprint: randomUUID() });
  expect(await claimOf(customer, 1)).toMatchObject({ result: 'claimed' });
});

test('an unresolved charge blocks its token, also after the token has another number', async () => {
  const customer = await holder(randomUUID());
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, customer.methods[1] as string);
  await record(payment_id, customer.methods[1] as string, { result: 'unknown', reason: 'timeout' });
  await follow(nth(customer, 1), { instrument_fingerprint: randomUUID() });
  expect(await claimOf(customer, 1)).toMatchObject({
    result: 'blocked',
    by: payment_id,
    what: 'instrument',
  });
});

test.each([
  ...WAYS,
  [
    'supplied when the card is added again',
    async (ids: MethodIds, { instrument_fingerprint }: Found) => {
      const token = randomToken();
      const method = { type: 'card' as const, token };
      // The token with which it is added again must be known.
      await verify(ids, { token });
      await removePaymentMethod(graph, testHeader(), { ...ids, by: 'customer' });
      const { customer_id } = ids;
      const added = await addPaymentMethod(graph, testHeader(), {
        customer_id,
        method: { ...method, instrument_fingerprint },
        added_by: 'customer',
      });
      expect(added).toMatchObject({ payment_method_id: ids.payment_method_id, added: true });
    },
  ] satisfies (typeof WAYS)[number],
])('attempts made before the number was known are joined to it when it is %s', async (_, learn) => {
  const number = randomUUID();
  const customer = await customerWithCards(graph, policy, { cards: 2 });
  await open(failed(customer, 1, EXPIRED_FOR_EVER));
  await open(failed(customer, 1, { decline_code: 'insufficient_funds' }));
  await learn(nth(customer, 1), { instrument_fingerprint: number });
  expect(await claimOf(await holder(number), 1)).toMatchObject({ result: 'refused', rule: NEVER });
  const cards = (await attemptsOf(nth(customer, 1))).map(({ card }) => card);
  expect(cards).toEqual([number, number]);
  // They stay with that number when the method gets another one.
  await follow(nth(customer, 1), { instrument_fingerprint: randomUUID() });
  expect((await attemptsOf(nth(customer, 1))).map(({ card }) => card)).toEqual(cards);
  expect(await verifyCustomer(graph, customer.customer_id)).toEqual([]);
});

test.each([
  ['mastercard', { network_code: '43' }, 'mastercard:43'],
  ['amex', { network_code: '14' }, 'amex:14'],
  ['discover', { network_code: '46' }, 'discover:46'],
  ['mastercard', { decline_code: 'lost_card' }, 'stripe:lost_card'],
  ['amex', { reason: 'Stolen Card' }, 'text:stolen_card'],
] satisfies [string, Partial<PaymentFailed>, string][])(
  'a dead card is dead through every token: %s %j',
  async (network, codes, named) => {
    const number = randomUUID();
    const rule = `never_again:${named}`;
    const customer = await customerWithCards(graph, policy, {
      cards: 3,
      network,
      fingerprints: ['', number, number],
    });
    const other = await holder(number, network);
    const wallet = (await readWallet(graph, other.customer_id)).map(({ status }) => status);
    await open(failed(customer, 1, codes));
    // The customer's own twin, another customer's token, and one that is added afterwards.
    expect(await claimOf(customer, 2)).toMatchObject({ result: 'refused', rule });
    expect(await claimOf(other, 1)).toMatchObject({ result: 'refused', rule });
    expect(await claimOf(await holder(number, network), 1)).toMatchObject({ result: 'refused', rule });
    // Nothing that another customer owns has changed.
    expect((await readWallet(graph, other.customer_id)).map(({ status }) => status)).toEqual(wallet);
    expect(await opened(failureOf(customer))).toMatchObject({ alternatives: [] });
    expect(await opened(failureOf(other))).toMatchObject({ alternatives: [] });
  },
);

test('a suspicion, or details that can be corrected, forbid no other token', async () => {
  const number = randomUUID();
  const fingerprints = ['', number, number];
  const customer = await customerWithCards(graph, policy, { network: 'mastercard', fingerprints });
  await open(failed(customer, 1, { decline_code: 'fraudulent' }));
  await open(failed(customer, 1, { decline_code: 'incorrect_cvc' }));
  expect(await claimOf(customer, 2)).toMatchObject({ result: 'claimed' });
});

test('a decline of Persona’s charge forbids the card as well, until the charge turns out to have succeeded', async () => {
  const number = randomUUID();
  const customer = await holder(number, 'mastercard');
  const other = await holder(number, 'mastercard');
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, customer.methods[1] as string);
  const codes = { network: 'mastercard', network_code: '14' };
  await record(payment_id, customer.methods[1] as string, { result: 'declined', codes });
  expect(await claimOf(other, 1)).toMatchObject({ rule: 'never_again:mastercard:14' });
  const late = { result: 'approved', gateway_ref: 'pi_1', charge_ref: `ch_${randomUUID()}` } as const;
  await record(payment_id, customer.methods[1] as string, late);
  expect(await claimOf(other, 1)).toMatchObject({ result: 'claimed' });
});

test('a request that never arrived is not sent again on a card that is dead meanwhile', async () => {
  const number = randomUUID();
  const customer = await holder(number, 'mastercard');
  const [, payment_method_id] = customer.methods as [string, string];
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, payment_method_id);
  const key = attemptKey(payment_id, payment_method_id, 1);
  const eligible = async () => (await getUnresolvedCharge(graph, { key, policy, now: Date.now() })).eligible;
  expect(await eligible()).toBe(true);
  await open(failed(await holder(number, 'mastercard'), 1, { decline_code: 'stolen_card' }));
  expect(await eligible()).toBe(false);
});
