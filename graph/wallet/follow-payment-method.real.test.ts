import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import type { GatewayPaymentMethod } from '../../domain/ports.ts';
import { readPolicy } from '../../platform/policy.ts';
import {
  verifyAndClose,
  onboardingRequest,
  openTestGraph,
  randomToken,
  testHeader,
} from '../../test/test-graph.ts';
import { customerWithCards } from '../../test/wallet-fixtures.ts';
import {
  followPaymentMethod,
  type Graph,
  onboard,
  readWallet,
  removePaymentMethod,
  setCustomerStatus,
  updatePaymentMethodStatus,
} from '../index.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => verifyAndClose(graph));

interface CardRef {
  customer_id: string;
  payment_method_id: string;
}

async function newCard(): Promise<CardRef> {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 1 });
  return { customer_id, payment_method_id: methods[0] ?? '' };
}

const follow = (cardRef: CardRef, found: Partial<GatewayPaymentMethod>, header = testHeader()) =>
  followPaymentMethod(graph, header, {
    ...cardRef,
    found: { token: 'pm_1', type: 'card', gateway_customer_ref: `cus_${cardRef.customer_id}`, ...found },
  });
const attachedTo = (gateway_customer_ref: string | undefined) =>
  ({ gateway_customer_ref }) as Partial<GatewayPaymentMethod>;
const readMethod = async ({ customer_id, payment_method_id }: CardRef) =>
  (await readWallet(graph, customer_id)).find(
    (candidate) => candidate.payment_method_id === payment_method_id,
  );
const setStatus = (cardRef: CardRef, status: PaymentMethodStatus) =>
  updatePaymentMethodStatus(graph, testHeader(), { ...cardRef, status, reason: 'test' });

test.each([
  ['a new expiry', { expiry_month: 5, expiry_year: 2060 }, 'active'],
  ['a new number', { last_four: '4321' }, 'active'],
  ['a new fingerprint', { instrument_fingerprint: 'fp_2' }, 'active'],
  ['only a country that was unknown', { country: 'DE', funding: 'credit' }, 'failed'],
  ['an expiry in the past', { expiry_month: 5, expiry_year: 2020 }, 'expired'],
])(
  'a failed card that has %s at the gateway gets the status that follows',
  async (_, found, payment_method_status) => {
    const cardRef = await newCard();
    await setStatus(cardRef, 'failed');
    expect(await follow(cardRef, found)).toEqual({ change: 'updated', payment_method_status });
    expect(await readMethod(cardRef)).toMatchObject({ ...found, status: payment_method_status });
  },
);

test.each(['inactive', 'compromised'] as const)(
  'a card that is %s stays so, whatever its new details',
  async (status) => {
    const cardRef = await newCard();
    await setStatus(cardRef, status);
    expect(await follow(cardRef, { expiry_month: 5, expiry_year: 2060 })).toEqual({
      change: 'updated',
      payment_method_status: status,
    });
  },
);

test('the details of a suspended customer’s card are updated as well', async () => {
  const cardRef = await newCard();
  const { customer_id } = cardRef;
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  expect(await follow(cardRef, { last_four: '4321' })).toMatchObject({ change: 'updated' });
});

test.each([
  ['no customer', undefined, undefined],
  ['another customer', 'cus_other', 'token_belongs_to_other_customer'],
])(
  'a card that is attached to %s is removed, and later updates change nothing',
  async (_, holder, refused) => {
    const cardRef = await newCard();
    const expected = { change: 'removed', ...(refused && { refused }) };
    expect(await follow(cardRef, { ...attachedTo(holder), last_four: '9999' })).toEqual(expected);
    expect(await readMethod(cardRef)).toMatchObject({
      status: 'inactive',
      last_four: null,
      is_default: false,
    });
    expect(await follow(cardRef, { last_four: '1111' })).toEqual({ change: 'none' });
    expect(await readMethod(cardRef)).toMatchObject({ last_four: null });
  },
);

test('a method that its customer has removed, or that is not the customer’s, is left unchanged', async () => {
  const cardRef = await newCard();
  await removePaymentMethod(graph, testHeader(), { ...cardRef, by: 'customer' });
  const before = await readMethod(cardRef);
  expect(await follow(cardRef, { last_four: '4321' })).toEqual({ change: 'none' });
  expect(await follow(cardRef, attachedTo(undefined))).toEqual({ change: 'none' });
  expect(await readMethod(cardRef)).toEqual(before);
  const { customer_id } = await newCard();
  expect(await follow({ ...cardRef, customer_id }, { last_four: '4321' })).toEqual({ change: 'none' });
});

test('a method that is being verified is left to its verification', async () => {
  const request = onboardingRequest({ payment_method_details: { type: 'card', token: randomToken() } });
  const { customer_id, payment_method_id = '' } = await onboard(graph, testHeader(), { request, policy });
  const fresh = { customer_id, payment_method_id };
  const untouched = { change: 'none', payment_method_status: 'unverified' };
  for (const holder of [undefined, 'cus_other'])
    expect(await follow(fresh, attachedTo(holder))).toEqual(untouched);

  const known = await newCard();
  const second = { ...request, ...onboardingRequest(), customer_id: known.customer_id };
  const added = await onboard(graph, testHeader(), {
    request: { ...second, payment_method_details: { type: 'card', token: randomToken() } },
    policy,
  });
  const waiting = { ...known, payment_method_id: added.payment_method_id ?? '' };
  for (const holder of [undefined, 'cus_other'])
    expect(await follow(waiting, attachedTo(holder))).toEqual(untouched);
});

test('a repeated reading returns the first result, although it has found something else', async () => {
  const cardRef = await newCard();
  const header = testHeader();
  const first = await follow(cardRef, { last_four: '1000' }, header);
  expect(first).toEqual({ change: 'updated', payment_method_status: 'active' });
  expect(await follow(cardRef, { last_four: '2000' }, header)).toEqual(first);
  expect(await readMethod(cardRef)).toMatchObject({ last_four: '1000' });
});
