/** Another token of a declined card is no alternative to it. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { DeclineCodes } from '../../domain/decline/codes.ts';
import { randomToken, testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../../test/wallet-fixtures.ts';
import {
  addPaymentMethod,
  followPaymentMethod,
  recordVerification,
  removePaymentMethod,
  updatePaymentMethodStatus,
} from '../index.ts';
import { refreshRecovery } from './index.ts';
import { recoveryCommands } from './recovery-fixtures.ts';

const { graph, policy, claim, close, opened, record } = await recoveryCommands();

const SAME_CARD = { result: 'refused', rule: 'same_card' };
const LATER = { decline_code: 'insufficient_funds' };
const FIX = { decline_code: 'incorrect_cvc' };
const AUTH = { decline_code: 'authentication_required' };
const HARD = { network: 'mastercard', network_code: '57' } as const;
const UNKNOWN_TOKEN = { code: 'resource_missing' };

/** Four cards; the failed one first. `numbers` names which are one card. */
const wallet = (numbers: readonly string[]) => {
  const own = randomUUID();
  const fingerprints = numbers.map((number) => number && `${own}-${number}`);
  return customerWithCards(graph, policy, { cards: numbers.length, network: 'mastercard', fingerprints });
};

const decline = async (payment_id: string, method: string, codes: DeclineCodes, n = 1) => {
  expect(await claim(payment_id, method, n)).toMatchObject({ result: 'claimed' });
  await record(payment_id, method, { result: 'declined', gateway_ref: 'pi_1', codes }, n);
};

/** The customer, signed in, adds the card again, under a new token. */
async function reenterCard({ customer_id }: TestWallet, instrument_fingerprint: string): Promise<string> {
  const token = randomToken();
  const method = { type: 'card' as const, token, off_session_consent: true };
  const { payment_method_id } = await addPaymentMethod(graph, testHeader(), {
    customer_id,
    method,
    added_by: 'customer',
  });
  await recordVerification(graph, testHeader(), {
    ...{ customer_id, payment_method_id, gateway_customer_ref: `cus_${customer_id}` },
    answer: {
      result: 'attached',
      method: { token, type: 'card', network: 'mastercard', instrument_fingerprint },
    },
  });
  return payment_method_id;
}

const numberOf = async (method: string): Promise<string> => {
  const cypher = 'MATCH (p:PaymentMethod {id: $id}) RETURN p.instrument_fingerprint AS number';
  return String((await graph.read<{ number: string }>(cypher, { id: method }))[0]?.number);
};

/** The methods that a waiting recovery may charge. */
const found = async (payment_id: string) =>
  (await refreshRecovery(graph, { payment_id, policy, now: Date.now() })).methods.map(
    ({ payment_method_id }) => payment_method_id,
  );

test('a twin of the failed token is neither offered nor claimed', async () => {
  const customer = await wallet(['a', 'a', 'b']);
  const [failed, twin, other] = customer.methods as [string, string, string];
  const { payment_id, alternatives } = await opened(failureOf(customer));
  expect(alternatives).toEqual([other]);
  expect(await claim(payment_id, twin)).toEqual(SAME_CARD);
  // The token itself continues on its schedule.
  await decline(payment_id, failed, LATER);
  expect(await found(payment_id)).toEqual([other, failed]);
});

test.each([
  ['LATER', LATER],
  ['FIX', FIX],
  ['AUTH', AUTH],
  ['HARD', HARD],
] as const)('after an alternative was declined (%s), its twin is not the next one', async (_, codes) => {
  const customer = await wallet(['', 'b', 'b', 'c']);
  const [, twin, alternative, next] = customer.methods as [string, string, string, string];
  const { payment_id, alternatives } = await opened(failureOf(customer));
  expect(alternatives).toEqual([next, alternative, twin]);
  await decline(payment_id, alternative, codes);
  expect(await claim(payment_id, twin)).toEqual(SAME_CARD);
  expect(await found(payment_id)).not.toContain(twin);
  await decline(payment_id, next, LATER);
  // For another obligation it may be an alternative.
  const other = await opened(failureOf(customer));
  expect(await claim(other.payment_id, twin)).toMatchObject({ result: 'claimed' });
});

test('a token unknown to the gateway says nothing about its card: the twin is next', async () => {
  const customer = await wallet(['', 'b', 'b']);
  const [, twin, alternative] = customer.methods as [string, string, string];
  const { payment_id } = await opened(failureOf(customer));
  await decline(payment_id, alternative, UNKNOWN_TOKEN);
  expect(await claim(payment_id, twin)).toMatchObject({ result: 'claimed' });
});

test('cards without a known number are not taken for the same card', async () => {
  const customer = await wallet(['', '', '']);
  const [, second, third] = customer.methods as [string, string, string];
  const { payment_id, alternatives } = await opened(failureOf(customer));
  expect(alternatives).toEqual([third, second]);
  await decline(payment_id, third, LATER);
  expect(await claim(payment_id, second)).toMatchObject({ result: 'claimed' });
});

test.each([
  ['FIX', true, FIX],
  ['AUTH', true, AUTH],
  ['LATER', false, LATER],
  ['HARD', false, HARD],
] as const)('the failed card (%s), entered again, is charged: %s', async (_, charged, codes) => {
  const customer = await wallet(['a', 'b']);
  const failure = failureOf(customer, { decline_code: undefined, ...codes });
  const { payment_id } = await opened(failure);
  const reentered = await reenterCard(customer, await numberOf(customer.methods[0] as string));
  expect((await found(payment_id)).includes(reentered)).toBe(charged);
  expect(await claim(payment_id, reentered)).toMatchObject(charged ? { result: 'claimed' } : SAME_CARD);
});

test('after another decline of the card, the newer token continues and the older one does not', async () => {
  const customer = await wallet(['a', 'a']);
  const [failed] = customer.methods as [string];
  const { payment_id } = await opened(failureOf(customer, FIX));
  const reentered = await reenterCard(customer, await numberOf(failed));
  await decline(payment_id, reentered, LATER);
  expect(await claim(payment_id, reentered, 2)).toMatchObject({ result: 'claimed' });
});

test('if the scheduled token has left the wallet, the card entered again takes its place', async () => {
  const customer = await wallet(['a', 'a']);
  const [failed, before] = customer.methods as [string, string];
  const { payment_id } = await opened(failureOf(customer, LATER));
  const reentered = await reenterCard(customer, await numberOf(failed));
  expect(await claim(payment_id, reentered)).toEqual(SAME_CARD);
  const { customer_id } = customer;
  await removePaymentMethod(graph, testHeader(), { customer_id, payment_method_id: failed, by: 'customer' });
  expect(await found(payment_id)).toEqual([reentered]);
  expect(await claim(payment_id, before)).toEqual(SAME_CARD);
  expect(await claim(payment_id, reentered)).toMatchObject({ result: 'claimed' });
});

test('a forbidden card is not charged, however often its customer enters it', async () => {
  const customer = await wallet(['a', 'b']);
  const codes = { decline_code: 'expired_card', advice_code: 'do_not_try_again' };
  const { payment_id } = await opened(failureOf(customer, codes));
  const reentered = await reenterCard(customer, await numberOf(customer.methods[0] as string));
  expect(await claim(payment_id, reentered)).toMatchObject({
    result: 'refused',
    rule: expect.stringContaining('never_again:'),
  });
});

test('the failed card is the one behind the token at the time: its twin stays a twin when the token has a new number', async () => {
  const customer = await wallet(['a', 'a']);
  const [failed, twin] = customer.methods as [string, string];
  const { payment_id } = await opened(failureOf(customer));
  const { customer_id } = customer;
  await followPaymentMethod(graph, testHeader(), {
    ...{ customer_id, payment_method_id: failed },
    found: {
      token: 'pm_1',
      type: 'card',
      gateway_customer_ref: `cus_${customer_id}`,
      instrument_fingerprint: randomUUID(),
    },
  });
  expect(await claim(payment_id, twin)).toEqual(SAME_CARD);
  expect(await claim(payment_id, failed)).toMatchObject({ result: 'claimed' });
});

test('a decline before the obligation was reopened does not exclude the card’s twin', async () => {
  const customer = await wallet(['', 'b', 'b', 'c']);
  const [, twin, alternative, fourth] = customer.methods as [string, string, string, string];
  const failure = failureOf(customer);
  const { payment_id } = await opened(failure);
  await decline(payment_id, alternative, LATER);
  await close(payment_id, { outcome: 'exhausted', rule: 'window_over' });
  const occurred_at = new Date(Date.now() + 1_000).toISOString();
  const newer = { ...failure, event_id: randomUUID(), payment_method_id: fourth, occurred_at };
  expect((await opened(newer)).alternatives).toContain(twin);
  expect(await claim(payment_id, twin)).toMatchObject({ result: 'claimed' });
});

test('a card compromised under another token is not charged, even that of another customer', async () => {
  const fingerprints = ['', randomUUID()];
  const holder = await customerWithCards(graph, policy, { fingerprints });
  const other = await customerWithCards(graph, policy, { fingerprints });
  const [, bad = ''] = holder.methods;
  const [, twin = ''] = other.methods;
  const { payment_id } = await opened(failureOf(other));
  await updatePaymentMethodStatus(graph, testHeader(), {
    ...{ customer_id: holder.customer_id, payment_method_id: bad },
    ...{ status: 'compromised', reason: 'a fraud case' },
  });
  expect(await claim(payment_id, twin)).toEqual({ result: 'refused', rule: 'card_compromised' });
});
