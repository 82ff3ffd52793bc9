import { expect, test } from 'vitest';
import type { PaymentMethodDetails } from '../../domain/onboarding-types.ts';
import { readPolicy } from '../../platform/policy.ts';
import { onboardingRequest, randomToken, testHeader } from '../../test/graph.ts';
import { onboard } from '../onboarding/onboard.ts';
import { updateRelationshipAttribute } from '../relationships/update-relationship-attribute.ts';
import { addPaymentMethod } from './add-payment-method.ts';
import { removePaymentMethod, setOffSessionConsent } from './edit-payment-method.ts';
import { walletCommands } from './testing.ts';
import { updatePaymentMethod } from './update-payment-method.ts';
import { readWallet } from './wallet.ts';

const { graph, newCustomer, active, eventsOf } = await walletCommands();
const policy = readPolicy();

interface Card {
  customer_id: string;
  payment_method_id: string;
  token: string;
}

async function card(off_session_consent: boolean): Promise<Card> {
  const [customer_id, token] = [await newCustomer(), randomToken()];
  return { customer_id, token, payment_method_id: await active(customer_id, { token, off_session_consent }) };
}

const setConsent = ({ customer_id, payment_method_id }: Card, off_session_consent: boolean, source: string) =>
  setOffSessionConsent(graph, testHeader(), { customer_id, payment_method_id, off_session_consent, source });

async function revoked(hadConsent = true): Promise<Card> {
  const one = await card(hadConsent);
  expect(await setConsent(one, false, 'network_revocation')).toMatchObject({ changed: true });
  return one;
}

const update = ({ customer_id, payment_method_id }: Card, by: 'service' | 'customer') =>
  updatePaymentMethod(graph, testHeader(), {
    customer_id,
    payment_method_id,
    details: {},
    off_session_consent: true,
    by,
  });

const consenting = (token: string): PaymentMethodDetails => ({
  type: 'card',
  token,
  off_session_consent: true,
  consent_source: 'checkout',
});

const onboardAgain = ({ customer_id, token }: Card) =>
  onboard(graph, testHeader(), {
    request: onboardingRequest({ customer_id, payment_method_details: consenting(token) }),
    policy,
  });

const addAgain = ({ customer_id, token }: Card, added_by: 'service' | 'customer') =>
  addPaymentMethod(graph, testHeader(), { customer_id, method: consenting(token), added_by });

const remove = ({ customer_id, payment_method_id }: Card) =>
  removePaymentMethod(graph, testHeader(), { customer_id, payment_method_id, by: 'customer' });

async function consentOf({ customer_id, payment_method_id }: Card) {
  const wallet = await readWallet(graph, customer_id);
  const method = wallet.find((one) => one.payment_method_id === payment_method_id);
  return { given: method?.off_session_consent, by: method?.consent_source };
}

const REVOKED = { given: false, by: 'network_revocation' };

test.each<[string, (one: Card) => Promise<unknown>]>([
  ['a service', (one) => setConsent(one, true, 'service')],
  ['a service that names its own source', (one) => setConsent(one, true, 'checkout')],
  ['a service that updates the method', (one) => update(one, 'service')],
  [
    'a person by hand',
    ({ customer_id: source_id, payment_method_id: target_id }) =>
      updateRelationshipAttribute(graph, testHeader(), {
        type: 'HAS_PAYMENT_METHOD',
        source_id,
        target_id,
        attribute: 'off_session_consent',
        value: 'true',
      }),
  ],
])('%s does not bring back a consent that was revoked', async (_, giveBack) => {
  const one = await revoked();
  await expect(giveBack(one)).rejects.toMatchObject({ type: 'illegal_transition' });
  expect(await consentOf(one)).toEqual(REVOKED);
});

test.each<[string, (one: Card) => Promise<unknown>]>([
  ['an onboarding', onboardAgain],
  ['a service that adds the method again', (one) => addAgain(one, 'service')],
])('%s succeeds, and leaves a revoked consent revoked', async (_, comeBack) => {
  const kept = await revoked();
  await comeBack(kept);
  expect(await consentOf(kept)).toEqual(REVOKED);

  const removed = await revoked();
  await remove(removed);
  await comeBack(removed);
  expect(await consentOf(removed)).toEqual(REVOKED);
});

test('a revocation is kept where there was no consent yet', async () => {
  const one = await revoked(false);
  await expect(setConsent(one, true, 'service')).rejects.toMatchObject({ type: 'illegal_transition' });
  expect(await setConsent(one, false, 'network_revocation')).toMatchObject({ changed: false });
  expect((await eventsOf(one.customer_id)).filter(({ type }) => type === 'ConsentChanged')).toHaveLength(1);
});

test.each<[string, (one: Card) => Promise<unknown>]>([
  ['consenting', (one) => setConsent(one, true, 'customer')],
  ['updating the method', (one) => update(one, 'customer')],
  ['adding it again', (one) => addAgain(one, 'customer')],
  ['adding it again after removing it', async (one) => (await remove(one), addAgain(one, 'customer'))],
])('the customer brings it back by %s, and from then on a service may', async (_, giveBack) => {
  const one = await revoked();
  await giveBack(one);
  expect(await consentOf(one)).toEqual({ given: true, by: 'customer' });
  await setConsent(one, false, 'service');
  expect(await setConsent(one, true, 'service')).toMatchObject({ changed: true });
});
