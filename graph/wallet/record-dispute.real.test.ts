import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GatewayDispute } from '../../domain/ports.ts';
import { attemptKey } from '../../domain/workflow-contracts.ts';
import { readPolicy } from '../../platform/policy.ts';
import { verifyAndClose, openTestGraph, randomToken, testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../../test/wallet-fixtures.ts';
import {
  addPaymentMethod,
  getAlternativePaymentMethods,
  findCardHolders,
  followPaymentMethod,
  type Graph,
  getPaymentMethodToken,
  readWallet,
  recordDispute,
  recordVerification,
  removePaymentMethod,
  setDefaultPaymentMethod,
  updatePaymentMethod,
} from '../index.ts';
import { claimAttempt, getObligation, openRecovery } from '../recovery/index.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => verifyAndClose(graph));

const fingerprint = () => `fp_${randomUUID()}`;

/** Two different cards; the second was used last, and the first is the default. */
async function newCustomer(cardFingerprint = fingerprint()) {
  const wallet = await customerWithCards(graph, policy, {
    cards: 2,
    fingerprints: [cardFingerprint, fingerprint()],
  });
  const [first = '', second = ''] = wallet.methods;
  return { ...wallet, first, second, cardFingerprint };
}

const methodOf = async ({ customer_id }: { customer_id: string }, id: string) => {
  const found = (await readWallet(graph, customer_id)).find(
    (candidate) => candidate.payment_method_id === id,
  );
  if (!found) throw new Error(`payment method ${id} not found`);
  return found;
};

async function disputeOn(
  { customer_id }: Pick<TestWallet, 'customer_id'>,
  payment_method_id: string,
  changes: Partial<GatewayDispute> = {},
): Promise<GatewayDispute> {
  const token = (await getPaymentMethodToken(graph, { customer_id, payment_method_id })).reveal();
  return {
    dispute_ref: `du_${randomUUID()}`,
    reason: 'general',
    state: 'open',
    ...{ token, gateway_customer_ref: `cus_${customer_id}` },
    ...changes,
  };
}

/** Records it for every holder of the card, as the process that follows the gateway does. */
async function record(dispute: GatewayDispute) {
  const holders = await findCardHolders(graph, dispute);
  return Promise.all(holders.map((holder) => recordDispute(graph, testHeader(), { holder, dispute })));
}

test('a dispute takes the default away in the same transaction; a repeat or an older state changes nothing more', async () => {
  const owner = await newCustomer();
  const dispute = await disputeOn(owner, owner.first);
  expect(await record(dispute)).toEqual([{ changed: true, suspected: [], ended: [] }]);
  expect(await methodOf(owner, owner.first)).toMatchObject({
    disputed: true,
    is_default: false,
    status: 'active',
  });
  expect(await methodOf(owner, owner.second)).toMatchObject({ is_default: true });
  expect(await record(dispute)).toEqual([{ changed: false, suspected: [], ended: [] }]);
  await record({ ...dispute, state: 'won' });
  expect(await methodOf(owner, owner.first)).toMatchObject({ disputed: false, is_default: false });
});

test('a dispute on the only card leaves no default, and restores it when it is over', async () => {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 1 });
  const [onlyMethod = ''] = methods;
  const dispute = await disputeOn({ customer_id }, onlyMethod);
  await record(dispute);
  expect(await methodOf({ customer_id }, onlyMethod)).toMatchObject({ is_default: false });
  await record({ ...dispute, state: 'warning_closed' });
  expect(await methodOf({ customer_id }, onlyMethod)).toMatchObject({ is_default: true });
});

test('a disputed card is refused as the default, whichever of two concurrent commands is first', async () => {
  for (let round = 0; round < 5; round++) {
    const owner = await newCustomer();
    const { customer_id, second } = owner;
    const chosen = { customer_id, payment_method_id: second, by: 'customer' } as const;
    const dispute = await disputeOn(owner, second);
    await Promise.allSettled([
      record(dispute),
      setDefaultPaymentMethod(graph, testHeader(), chosen),
      setDefaultPaymentMethod(graph, testHeader(), chosen),
    ]);
    expect(await methodOf(owner, second)).toMatchObject({ disputed: true, is_default: false });
    expect(await methodOf(owner, owner.first)).toMatchObject({ is_default: true });
    await expect(setDefaultPaymentMethod(graph, testHeader(), chosen)).rejects.toMatchObject({
      type: 'illegal_transition',
      message: expect.stringContaining('it is disputed'),
    });
  }
});

test('a disputed card cannot be claimed and is no alternative, until the dispute is over', async () => {
  const owner = await newCustomer();
  const { customer_id, first, second } = owner;
  const failure = failureOf({ ...owner, methods: [first] });
  const { payment_id } = failure;
  const now = Date.now();
  await openRecovery(graph, testHeader(), { failure, policy, now, claim_first: false });
  const dispute = await disputeOn(owner, second);
  await record(dispute);
  const query = { customer_id, failed_payment_method_id: first, policy, now };
  expect(await getAlternativePaymentMethods(graph, query)).toEqual([]);
  const key = attemptKey(payment_id, second, 1);
  const claim = { payment_id, payment_method_id: second, key, n: 1, policy, now };
  expect(await claimAttempt(graph, testHeader(), claim)).toEqual({
    result: 'refused',
    rule: 'method_disputed',
  });
  await record({ ...dispute, state: 'lost' });
  expect(await claimAttempt(graph, testHeader(), claim)).toMatchObject({ rule: 'method_disputed' });
  await record({ ...dispute, state: 'won' });
  expect(await getAlternativePaymentMethods(graph, query)).toEqual([second]);
  expect(await claimAttempt(graph, testHeader(), claim)).toMatchObject({ result: 'claimed' });
});

describe('the disputed card', () => {
  test('is disputed under each token that its customer has, and under one that is added meanwhile', async () => {
    const cardFingerprint = fingerprint();
    const { customer_id, methods } = await customerWithCards(graph, policy, {
      ...{ cards: 2, fingerprints: [cardFingerprint, cardFingerprint] },
    });
    const [first = '', secondToken = ''] = methods;
    const dispute = await disputeOn({ customer_id }, first, { instrument_fingerprint: cardFingerprint });
    await record(dispute);
    expect(await methodOf({ customer_id }, secondToken)).toMatchObject({ disputed: true });

    const token = randomToken();
    const method = { type: 'card', token } as const;
    const { payment_method_id } = await addPaymentMethod(graph, testHeader(), {
      ...{ customer_id, method, added_by: 'customer' },
    });
    const found = { ...method, instrument_fingerprint: cardFingerprint };
    await recordVerification(graph, testHeader(), {
      ...{ customer_id, payment_method_id, answer: { result: 'attached', method: found } },
    });
    expect(await methodOf({ customer_id }, payment_method_id)).toMatchObject({
      ...{ disputed: true, is_default: false, status: 'active' },
    });
    await record({ ...dispute, state: 'won' });
    for (const id of [first, secondToken, payment_method_id])
      expect(await methodOf({ customer_id }, id)).toMatchObject({ disputed: false });
  });

  test('is found under the customer’s own token if it was charged under a token that no wallet has', async () => {
    const owner = await newCustomer();
    const dispute = await disputeOn(owner, owner.first, {
      token: randomToken(),
      instrument_fingerprint: owner.cardFingerprint,
    });
    await record(dispute);
    expect(await methodOf(owner, owner.first)).toMatchObject({ disputed: true });
    expect(await methodOf(owner, owner.second)).toMatchObject({ disputed: false });
  });

  test('is changed at another customer only by known fraud', async () => {
    const owner = await newCustomer();
    const other = await newCustomer(owner.cardFingerprint);
    const dispute = await disputeOn(owner, owner.first, { instrument_fingerprint: owner.cardFingerprint });
    await record(dispute);
    expect(await methodOf(other, other.first)).toMatchObject({ disputed: false, status: 'active' });
    await record({ ...dispute, dispute_ref: `du_${randomUUID()}`, reason: 'fraudulent' });
    expect(await methodOf(owner, owner.first)).toMatchObject({ disputed: true, status: 'compromised' });
    expect(await methodOf(other, other.first)).toMatchObject({ disputed: false, status: 'compromised' });
    expect(await methodOf(other, other.second)).toMatchObject({ status: 'active', is_default: true });
  });

  test('may have another number since: the token stays disputed, and the new number is not compromised', async () => {
    const owner = await newCustomer();
    const { customer_id, first, cardFingerprint } = owner;
    await updatePaymentMethod(graph, testHeader(), {
      ...{ customer_id, payment_method_id: first, by: 'service' },
      details: { instrument_fingerprint: fingerprint() },
    });
    const fraud = { reason: 'fraudulent', instrument_fingerprint: cardFingerprint };
    expect(await record(await disputeOn(owner, first, fraud))).toMatchObject([{ suspected: [] }]);
    expect(await methodOf(owner, first)).toMatchObject({ disputed: true, status: 'active' });
  });
});

describe('known fraud', () => {
  test('compromises a removed card, which stays so when its customer adds it again', async () => {
    const owner = await newCustomer();
    const { customer_id, first } = owner;
    const dispute = await disputeOn(owner, first, { state: 'early_warning', reason: 'misc' });
    await removePaymentMethod(graph, testHeader(), { customer_id, payment_method_id: first, by: 'customer' });
    await record(dispute);
    expect(await methodOf(owner, first)).toMatchObject({ status: 'compromised' });
    const method = { type: 'card', token: dispute.token ?? '' } as const;
    await addPaymentMethod(graph, testHeader(), { customer_id, method, added_by: 'customer' });
    expect(await methodOf(owner, first)).toMatchObject({ status: 'compromised' });
  });

  test('ends the recoveries to be paid with the card: they claim no card, whether or not their runs are signalled', async () => {
    const owner = await newCustomer();
    const { customer_id, first, second } = owner;
    const failure = failureOf({ ...owner, methods: [first] });
    const { payment_id } = failure;
    const now = Date.now();
    await openRecovery(graph, testHeader(), { failure, policy, now, claim_first: false });
    const otherFailure = failureOf({ ...owner, methods: [second] });
    await openRecovery(graph, testHeader(), { failure: otherFailure, policy, now, claim_first: false });
    const dispute = await disputeOn(owner, first, { reason: 'fraudulent' });
    expect(await record(dispute)).toEqual([{ changed: true, suspected: [first], ended: [payment_id] }]);
    const key = attemptKey(payment_id, second, 1);
    const claim = { payment_id, payment_method_id: second, key, n: 1, policy, now };
    expect(await claimAttempt(graph, testHeader(), claim)).toEqual({
      result: 'refused',
      rule: 'fraud_known',
    });
    expect(await getObligation(graph, otherFailure.payment_id)).not.toHaveProperty('fraud_known');

    // The same dispute, later lost, adds nothing new.
    expect(await record({ ...dispute, state: 'lost' })).toEqual([
      { changed: true, suspected: [], ended: [] },
    ]);
    expect(await readWallet(graph, customer_id)).toHaveLength(2);
  });

  test('does not apply if the bank had decided otherwise before the dispute was read', async () => {
    const owner = await newCustomer();
    await record(await disputeOn(owner, owner.first, { reason: 'fraudulent', state: 'won' }));
    expect(await methodOf(owner, owner.first)).toMatchObject({
      disputed: false,
      status: 'active',
      is_default: true,
    });
  });
});

test('new details from the gateway leave the card disputed', async () => {
  const owner = await newCustomer();
  const { customer_id, first } = owner;
  await record(await disputeOn(owner, first));
  const found = { token: 'pm_1', type: 'card', gateway_customer_ref: `cus_${customer_id}` } as const;
  await followPaymentMethod(graph, testHeader(), {
    ...{ customer_id, payment_method_id: first, found: { ...found, expiry_month: 5, expiry_year: 2060 } },
  });
  expect(await methodOf(owner, first)).toMatchObject({ disputed: true, is_default: false });
});
