import { expect, test } from 'vitest';
import type { PaymentMethodDetails } from '../../domain/onboarding/types.ts';
import { readPolicy } from '../../platform/policy.ts';
import { onboardingRequest, randomToken, testHeader } from '../../test/test-graph.ts';
import { onboard } from '../onboarding/onboard.ts';
import { updateRelationshipAttribute } from '../relationships/update-relationship-attribute.ts';
import { addPaymentMethod } from './add-payment-method.ts';
import { removePaymentMethod, setOffSessionConsent } from './edit-payment-method.ts';
import { updatePaymentMethod } from './update-payment-method.ts';
import { walletCommands } from './wallet-fixtures.ts';
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
  const method = await card(hadConsent);
  expect(await setConsent(method, false, 'network_revocation')).toMatchObject({ changed: true });
  return method;
}

const update = ({ customer_id, payment_method_id }: Card, by: 'service' | 'customer') =>
  updatePaymentMethod(graph, testHeader(), {
    customer_id,
    payment_method_id,
    details: {},
    off_session_consent: true,
    by,
  });

const consenting = (token: string, consent_source = 'checkout'): PaymentMethodDetails => ({
  type: 'card',
  token,
  off_session_consent: true,
  consent_source,
});

const onboardAgain = ({ customer_id, token }: Card, source?: string) =>
  onboard(graph, testHeader(), {
    request: onboardingRequest({ customer_id, payment_method_details: consenting(token, source) }),
    policy,
  });

const addAgain = ({ customer_id, token }: Card, added_by: 'service' | 'customer', source?: string) =>
  addPaymentMethod(graph, testHeader(), { customer_id, method: consenting(token, source), added_by });

const remove = ({ customer_id, payment_method_id }: Card) =>
  removePaymentMethod(graph, testHeader(), { customer_id, payment_method_id, by: 'customer' });

async function consentOf({ customer_id, payment_method_id }: Card) {
  const wallet = await readWallet(graph, customer_id);
  const method = wallet.find((method) => method.payment_method_id === payment_method_id);
  return { given: method?.off_session_consent, by: method?.consent_source };
}

const REVOKED = { given: false, by: 'network_revocation' };

test.each<[string, (method: Card) => Promise<unknown>]>([
  ['a service', (method) => setConsent(method, true, 'service')],
  ['a service that names its own source', (method) => setConsent(method, true, 'checkout')],
  ['a service that updates the method', (method) => update(method, 'service')],
  [
    'an operator',
    ({ customer_id: source_id, payment_method_id: target_id }) =>
      updateRelationshipAttribute(graph, testHeader(), {
        type: 'HAS_PAYMENT_METHOD',
        source_id,
        target_id,
        attribute: 'off_session_consent',
        value: 'true',
      }),
  ],
])('%s does not restore a revoked consent', async (_, restoreConsent) => {
  const method = await revoked();
  await expect(restoreConsent(method)).rejects.toMatchObject({ type: 'illegal_transition' });
  expect(await consentOf(method)).toEqual(REVOKED);
});

test.each<[string, (method: Card) => Promise<unknown>]>([
  ['an onboarding', (method) => onboardAgain(method)],
  ['an onboarding that names the customer as its source', (method) => onboardAgain(method, 'customer')],
  ['an onboarding that names a revocation', (method) => onboardAgain(method, 'network_revocation')],
  ['a service that adds the method again', (method) => addAgain(method, 'service')],
  ['a service that adds it and names the customer', (method) => addAgain(method, 'service', 'customer')],
])('%s succeeds and leaves a revoked consent revoked', async (_, addBack) => {
  const inWallet = await revoked();
  await addBack(inWallet);
  expect(await consentOf(inWallet)).toEqual(REVOKED);

  const removed = await revoked();
  await remove(removed);
  await addBack(removed);
  expect(await consentOf(removed)).toEqual(REVOKED);
});

test.each(['customer', 'network_revocation'])(
  'what a service calls %s is the consent of a service',
  async (source) => {
    const token = randomToken();
    const { customer_id, payment_method_id = '' } = await onboard(graph, testHeader(), {
      request: onboardingRequest({ payment_method_details: consenting(token, source) }),
      policy,
    });
    expect(await consentOf({ customer_id, payment_method_id, token })).toEqual({
      given: true,
      by: 'service',
    });
  },
);

test('a revocation is stored even without an earlier consent', async () => {
  const method = await revoked(false);
  await expect(setConsent(method, true, 'service')).rejects.toMatchObject({ type: 'illegal_transition' });
  expect(await setConsent(method, false, 'network_revocation')).toMatchObject({ changed: false });
  expect((await eventsOf(method.customer_id)).filter(({ type }) => type === 'ConsentChanged')).toHaveLength(
    1,
  );
});

test.each<[string, (method: Card) => Promise<unknown>]>([
  ['consenting', (method) => setConsent(method, true, 'customer')],
  ['updating the method', (method) => update(method, 'customer')],
  ['adding it again', (method) => addAgain(method, 'customer')],
  [
    'adding it again after removing it',
    async (method) => (await remove(method), addAgain(method, 'customer')),
  ],
])(
  'the customer restores a revoked consent by %s, and from then on a service may',
  async (_, restoreConsent) => {
    const method = await revoked();
    await restoreConsent(method);
    expect(await consentOf(method)).toEqual({ given: true, by: 'customer' });
    await setConsent(method, false, 'service');
    expect(await setConsent(method, true, 'service')).toMatchObject({ changed: true });
  },
);
