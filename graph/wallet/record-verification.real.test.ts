/** How the gateway's result for a new method is recorded. */

import { expect, test } from 'vitest';
import type { AttachAnswer } from '../../domain/ports.ts';
import { randomToken, testHeader } from '../../test/test-graph.ts';
import { readPolicy } from '../../platform/policy.ts';
import { claimedObligation } from '../../test/obligation-fixtures.ts';
import { getGatewayCustomer, getPaymentMethod, getPaymentMethodToken } from '../queries/payment-methods.ts';
import { verifyCustomer } from '../replay/verify.ts';
import { recordVerification } from './record-verification.ts';
import { attachedAnswer, walletCommands } from './wallet-fixtures.ts';

const { graph, newCustomer, add, verify, active, setStatus, defaultOf } = await walletCommands();

test('a verification stores the gateway’s details and reference, and makes the first method the default', async () => {
  const id = await newCustomer();
  const { payment_method_id } = await add(id, {
    brand: 'mc',
    last_four: '1111',
    expiry_month: 1,
    expiry_year: 2030,
  });
  const verified = await recordVerification(graph, testHeader(), {
    customer_id: id,
    payment_method_id,
    gateway_customer_ref: 'cus_9',
    answer: {
      result: 'attached',
      method: {
        token: randomToken(),
        type: 'card',
        brand: 'visa',
        network: 'visa',
        last_four: '4242',
        expiry_month: 12,
        expiry_year: 2031,
        funding: 'credit',
        country: 'US',
        instrument_fingerprint: 'card-1',
      },
    },
  });
  expect(verified).toMatchObject({ payment_method_status: 'active', is_default: true, version: 6 });
  const [row] = await graph.read(
    `MATCH (c:Customer {id: $id})-[h:HAS_PAYMENT_METHOD]->(p)
     RETURN c.gateway_customer_ref AS reference, h.is_default AS is_default,
       p {.brand, .network, .last_four, .expiry_month, .expires_on, .funding, .country, .instrument_fingerprint} AS p`,
    { id },
  );
  expect(row).toEqual({
    reference: 'cus_9',
    is_default: true,
    p: {
      brand: 'visa',
      network: 'visa',
      last_four: '4242',
      expiry_month: 12,
      expires_on: '2031-12-31',
      funding: 'credit',
      country: 'US',
      instrument_fingerprint: 'card-1',
    },
  });
});

// The type decides how the gateway is asked to charge the method.
test.each([
  ['card', 'bank_account', 'bank_account'],
  ['bank_account', 'card', 'card'],
  ['card', 'digital_wallet', 'digital_wallet'],
  ['digital_wallet', 'card', 'digital_wallet'],
  ['digital_wallet', 'bank_account', 'bank_account'],
] as const)(
  'a method added as %s that is a %s at the gateway becomes a %s',
  async (type, known, expected) => {
    const id = await newCustomer();
    const { payment_method_id } = await add(id, { type });
    await verify(id, payment_method_id, {
      result: 'attached',
      method: { token: randomToken(), type: known },
    });
    expect(await getPaymentMethod(graph, { customer_id: id, payment_method_id })).toMatchObject({
      type: expected,
    });
    expect(await verifyCustomer(graph, id)).toEqual([]);
  },
);

test('a second card does not replace the first as the default', async () => {
  const id = await newCustomer();
  const first = await active(id);
  await active(id);
  expect(await defaultOf(id)).toEqual([first]);
});

test('a refused method fails, an expired one expires, and neither is the default', async () => {
  const id = await newCustomer();
  const refused = await add(id);
  expect(
    await verify(id, refused.payment_method_id, { result: 'refused', reason: 'declined', codes: {} }),
  ).toMatchObject({ payment_method_status: 'failed', is_default: false });
  const old = await add(id);
  expect(
    await verify(id, old.payment_method_id, {
      result: 'attached',
      method: { token: randomToken(), type: 'card', expiry_month: 1, expiry_year: 2020 },
    }),
  ).toMatchObject({ payment_method_status: 'expired', is_default: false });
  expect(await defaultOf(id)).toEqual([]);
});

test('a method takes the token that the gateway assigned; the old token becomes available again', async () => {
  const [first, second] = [await newCustomer(), await newCustomer()];
  const [alias, own] = [randomToken(), randomToken()];
  const { payment_method_id } = await add(first, { token: alias });
  expect(await verify(first, payment_method_id, attachedAnswer(own))).toMatchObject({
    payment_method_status: 'active',
  });
  const secret = await getPaymentMethodToken(graph, { customer_id: first, payment_method_id });
  expect(secret.reveal()).toBe(own);
  await expect(add(second, { token: own })).rejects.toMatchObject({
    type: 'token_belongs_to_other_customer',
  });
  expect(await add(second, { token: alias })).toMatchObject({ added: true });
  expect(await add(first, { token: own })).toMatchObject({ payment_method_id, added: false });
  expect(await verifyCustomer(graph, first)).toEqual([]);
});

test('a token that another customer has is never linked', async () => {
  const [owner, otherCustomer] = [await newCustomer(), await newCustomer()];
  const own = randomToken();
  await add(owner, { token: own });
  const { payment_method_id } = await add(otherCustomer);
  expect(await verify(otherCustomer, payment_method_id, attachedAnswer(own))).toMatchObject({
    payment_method_status: 'failed',
    refused: 'token_belongs_to_other_customer',
    is_default: false,
  });
  expect(await verifyCustomer(graph, otherCustomer)).toEqual([]);
});

test('of twenty customers to whom the gateway assigns one token concurrently, one gets it', async () => {
  const own = randomToken();
  const verified = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const id = await newCustomer();
      const { payment_method_id } = await add(id);
      return verify(id, payment_method_id, attachedAnswer(own));
    }),
  );
  expect(verified.filter((result) => result.payment_method_status === 'active')).toHaveLength(1);
  expect(verified.filter((result) => result.refused !== undefined)).toHaveLength(19);
});

test('a method that is another method of the same customer at the gateway becomes inactive', async () => {
  const id = await newCustomer();
  const own = randomToken();
  const first = await active(id, { token: own });
  const { payment_method_id } = await add(id);
  const again = await verify(id, payment_method_id, attachedAnswer(own));
  expect(again).toMatchObject({ payment_method_status: 'inactive', default_payment_method_id: first });
  expect(again.refused).toBeUndefined();
});

test('a refusal by the gateway is too late for a method that became inactive meanwhile', async () => {
  const id = await newCustomer();
  const { payment_method_id } = await add(id);
  await setStatus(id, payment_method_id, 'inactive');
  const refused: AttachAnswer = { result: 'refused', reason: 'declined', codes: {} };
  expect(await verify(id, payment_method_id, refused)).toMatchObject({ payment_method_status: 'inactive' });
});

/** A verification of another method under this reference at the gateway. */
async function attachAs(customer_id: string, gateway_customer_ref: string, instead_of?: string) {
  const { payment_method_id } = await add(customer_id);
  const reference = { gateway_customer_ref, instead_of };
  const input = { customer_id, payment_method_id, ...reference, answer: attachedAnswer() };
  return recordVerification(graph, testHeader(), input);
}
const referenceOf = async (customer_id: string) =>
  (await getGatewayCustomer(graph, { customer_id })).gateway_customer_ref;

test.each(['failed', 'inactive'] as const)(
  'a success at the gateway is too late for a method that became %s meanwhile',
  async (status) => {
    const id = await newCustomer();
    const { payment_method_id } = await add(id);
    await setStatus(id, payment_method_id, status);
    expect(await verify(id, payment_method_id)).toMatchObject({
      payment_method_status: status,
      is_default: false,
      ...(status === 'failed' && { refused: 'payment_method_declined' }),
    });
    expect(await defaultOf(id)).toEqual([]);
  },
);

test('a reference is replaced only by one that was created in its place', async () => {
  const id = await newCustomer({ gateway_customer_ref: 'cus_named' });
  await attachAs(id, 'cus_other');
  await attachAs(id, 'cus_other', 'cus_older');
  expect(await referenceOf(id)).toBe('cus_named');
  await attachAs(id, 'cus_made', 'cus_named');
  expect(await referenceOf(id)).toBe('cus_made');
});

test('a method attached to a reference that is no longer the customer’s cannot be charged', async () => {
  const id = await newCustomer({ gateway_customer_ref: 'cus_named' });
  const refused = { payment_method_status: 'failed', refused: 'token_belongs_to_other_customer' };
  expect(await attachAs(id, 'cus_made')).toMatchObject({ ...refused, is_default: false });
  expect(await attachAs(id, 'cus_made', 'cus_older')).toMatchObject(refused);
  expect(await attachAs(id, 'cus_named')).toMatchObject({
    payment_method_status: 'active',
    is_default: true,
  });
  expect(await attachAs(id, 'cus_new', 'cus_named')).toMatchObject({ payment_method_status: 'active' });
});

test('a reference is not replaced while a charge is searched among its payments', async () => {
  const { customer_id, record } = await claimedObligation(graph, readPolicy());
  const named = `cus_${customer_id}`;
  for (const outcome of [undefined, { result: 'unknown', reason: 'timeout' } as const]) {
    if (outcome) await record(outcome);
    await expect(attachAs(customer_id, 'cus_made', named)).rejects.toMatchObject({
      type: 'charge_unresolved',
    });
    expect(await referenceOf(customer_id)).toBe(named);
  }
  await record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  await attachAs(customer_id, 'cus_made', named);
  expect(await referenceOf(customer_id)).toBe('cus_made');
});
