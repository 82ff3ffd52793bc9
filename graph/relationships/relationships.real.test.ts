import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { onboardingRequest, randomEmail, testGraph, testHeader } from '../../test/test-graph.ts';
import { customerWithCards } from '../../test/wallet-fixtures.ts';
import {
  addAddress,
  addDigitalIdentifier,
  addRelationship,
  createCustomer,
  getAddresses,
  getCustomerProfile,
  getDevices,
  getPaymentMethods,
  getRelationshipAttributes,
  onboard,
  type RelationshipRef,
  resolveIdentityMatch,
  setDefaultPaymentMethod,
  updateNodeProperty,
  updateRelationshipAttribute,
} from '../index.ts';

const policy = readPolicy();
const graph = await testGraph();

const newCustomer = async () => (await createCustomer(graph, testHeader(), {})).customer_id;
const set = (edge: RelationshipRef, attribute: string, value: string, expected_version?: number) =>
  updateRelationshipAttribute(graph, testHeader(), { ...edge, attribute, value, expected_version });
const attributesOf = async (edge: RelationshipRef) =>
  (await getRelationshipAttributes(graph, edge)).attributes;

async function walletOf(cards: number) {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards });
  const [device] = await getDevices(graph, { customer_id });
  const methodEdges = methods.map(
    (target_id): RelationshipRef => ({ source_id: customer_id, type: 'HAS_PAYMENT_METHOD', target_id }),
  );
  const [first, second] = methodEdges as [RelationshipRef, RelationshipRef];
  return { customer_id, device_id: String(device?.device_id), first, second };
}

test('an edge between existing nodes is added once', async () => {
  const { first, device_id, customer_id } = await walletOf(1);
  const other = await newCustomer();
  const login = { source_id: other, type: 'LOGGED_IN_FROM', target_id: device_id } as const;
  const header = testHeader();
  expect(await addRelationship(graph, header, login)).toMatchObject({ added: true });
  expect(await addRelationship(graph, header, login)).toMatchObject({ added: true });
  expect(await addRelationship(graph, testHeader(), login)).toMatchObject({ added: false });
  expect(await attributesOf(login)).toMatchObject({ login_count: 1, proven: true });

  const fingerprint = randomUUID();
  const request = onboardingRequest({ customer_id, device_details: { fingerprint } });
  const { device_id: tablet = '' } = await onboard(graph, testHeader(), { request, policy });
  const use = { source_id: first.target_id, type: 'USED_ON', target_id: tablet } as const;
  expect(await addRelationship(graph, testHeader(), use)).toMatchObject({ added: true });
  expect(await addRelationship(graph, testHeader(), use)).toMatchObject({ added: false });
  const unrelated = await walletOf(1);
  const foreign = { ...use, target_id: unrelated.device_id };
  await expect(addRelationship(graph, testHeader(), foreign)).rejects.toMatchObject({
    type: 'device_not_found',
  });
});

test('an edge is not added if its target has changed since the expected version', async () => {
  const { first, device_id, customer_id } = await walletOf(1);
  const version = async (edge: RelationshipRef) =>
    (await getRelationshipAttributes(graph, edge)).changed_seq ?? 0;
  const login = { source_id: customer_id, type: 'LOGGED_IN_FROM', target_id: device_id } as const;
  const [deviceVersion, other, third] = [await version(login), await newCustomer(), await newCustomer()];
  const profile = async (id: string) => (await getCustomerProfile(graph, { customer_id: id })).changed_seq;
  const edges = [
    [{ ...login, source_id: other }, deviceVersion],
    [{ ...login, source_id: first.target_id, type: 'USED_ON' }, deviceVersion],
    [{ source_id: other, type: 'POSSIBLY_SAME_AS', target_id: third }, await profile(third)],
  ] as const;
  for (const [edge, current] of edges) {
    const add = (expected_version: number) =>
      addRelationship(graph, testHeader(), { ...edge, expected_version });
    await expect(add(current + 1)).rejects.toMatchObject({ type: 'stale_version' });
    expect(await add(current)).toMatchObject({ added: edge.type !== 'USED_ON' });
  }
});

test('a match of two customers is suggested once, in either direction, and resolved once', async () => {
  const [firstId, secondId] = [await newCustomer(), await newCustomer()];
  const match = { source_id: firstId, type: 'POSSIBLY_SAME_AS', target_id: secondId } as const;
  await addRelationship(graph, testHeader(), match);
  const reversed = { ...match, source_id: secondId, target_id: firstId };
  expect(await addRelationship(graph, testHeader(), reversed)).toMatchObject({ added: false });
  expect(await attributesOf(match)).toMatchObject({
    status: 'suggested',
    score: 0.5,
    evidence: ['reported'],
  });
  const decide = (status: 'confirmed' | 'rejected') =>
    resolveIdentityMatch(graph, testHeader(), {
      customer_id: secondId,
      other_customer_id: firstId,
      status,
      reason: 'test',
    });
  expect(await decide('rejected')).toMatchObject({ changed: true });
  expect(await decide('rejected')).toMatchObject({ changed: false });
  await expect(decide('confirmed')).rejects.toMatchObject({ type: 'illegal_transition' });
  await expect(set(match, 'status', 'confirmed')).rejects.toMatchObject({ type: 'illegal_transition' });
  expect(await addRelationship(graph, testHeader(), match)).toMatchObject({ added: false });
  await expect(addRelationship(graph, testHeader(), { ...match, target_id: firstId })).rejects.toMatchObject({
    type: 'invalid_argument',
  });
});

test('a time attribute only moves forward, and its target node counts as changed', async () => {
  const { first, device_id, customer_id } = await walletOf(1);
  const login = { source_id: customer_id, type: 'LOGGED_IN_FROM', target_id: device_id } as const;
  for (const [edge, attribute] of [
    [first, 'last_used'],
    [login, 'last_login'],
  ] as const) {
    expect(await set(edge, attribute, '2033-01-01T01:00:00+01:00')).toMatchObject({ changed: true });
    expect(await set(edge, attribute, '2032-12-31T23:59:59Z')).toMatchObject({ changed: false });
    expect(await attributesOf(edge)).toMatchObject({ [attribute]: '2033-01-01T00:00:00.000Z' });
  }
  const [method] = await getPaymentMethods(graph, { customer_id });
  const { changed_seq } = await getRelationshipAttributes(graph, first);
  expect(method?.changed_seq).toBe(changed_seq);
  await expect(set(first, 'last_used', '2034-01-01T00:00:00Z', 1)).rejects.toMatchObject({
    type: 'stale_version',
  });
});

test('default and consent change according to the wallet’s rules', async () => {
  const { first, second, customer_id } = await walletOf(2);
  await set(second, 'is_default', 'true');
  expect(await attributesOf(first)).toMatchObject({ is_default: false });
  expect(await attributesOf(second)).toMatchObject({ is_default: true });
  await expect(set(second, 'is_default', 'false')).rejects.toMatchObject({ type: 'invalid_argument' });
  expect(await set(first, 'off_session_consent', 'false')).toMatchObject({ changed: true });
  expect(await attributesOf(first)).toMatchObject({ off_session_consent: false, consent_source: 'service' });
  const chosen = { customer_id, payment_method_id: first.target_id, by: 'customer' as const };
  await setDefaultPaymentMethod(graph, testHeader(), chosen);
  expect(await attributesOf(first)).toMatchObject({ is_default: true });
});

test('an attribute that is not editable, an invalid value and an unknown edge are refused', async () => {
  const { first, customer_id } = await walletOf(1);
  for (const [attribute, value] of [
    ['proven', 'true'],
    ['use_count', '7'],
    ['customer_id', randomUUID()],
    ['last_used', 'yesterday'],
    ['is_default', 'yes'],
  ] as const)
    await expect(set(first, attribute, value)).rejects.toMatchObject({ type: 'invalid_argument' });
  const owes = { source_id: customer_id, type: 'OWES', target_id: 'invoice-1' } as const;
  await expect(set(owes, 'state', 'x')).rejects.toMatchObject({ type: 'invalid_argument' });
  await expect(getRelationshipAttributes(graph, owes)).rejects.toMatchObject({
    type: 'relationship_not_found',
  });
  const unrelated = { ...first, source_id: await newCustomer() };
  await expect(set(unrelated, 'is_default', 'true')).rejects.toMatchObject({
    type: 'relationship_not_found',
  });
});

test('the editable properties change, with their consequences', async () => {
  const { first, customer_id } = await walletOf(1);
  const change =
    (label: 'Customer' | 'PaymentMethod' | 'Address' | 'DigitalIdentifier', id: string) =>
    (property: string, value: string, expected_version?: number) =>
      updateNodeProperty(graph, testHeader(), { label, id, property, value, expected_version });
  const customer = change('Customer', customer_id);
  expect(await customer('segment', 'vip')).toMatchObject({ changed: true });
  expect(await customer('segment', 'VIP')).toMatchObject({ changed: false });
  await customer('locale', 'de_AT');
  expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ segment: 'VIP', locale: 'de-AT' });
  await expect(customer('segment', 'no way')).rejects.toMatchObject({ type: 'invalid_argument' });
  await expect(customer('locale', 'en', 1)).rejects.toMatchObject({ type: 'stale_version' });

  await change('PaymentMethod', first.target_id)('brand', 'amex');
  expect(await getPaymentMethods(graph, { customer_id })).toMatchObject([{ brand: 'amex' }]);
  const brand = change('PaymentMethod', first.target_id);
  await expect(brand('brand', '4242 4242 4242 4242')).rejects.toMatchObject({ type: 'card_number_refused' });
  for (const property of ['token', 'id', 'token_hash', 'status', 'version'])
    await expect(brand(property, 'x')).rejects.toMatchObject({ type: 'invalid_argument' });

  const address = { street1: 'A', city: 'B', zip_code: '1', country: 'US', type: 'shipping' as const };
  const add = () => addAddress(graph, testHeader(), { customer_id, address, by: 'service' });
  const [, second] = [await add(), await add()];
  await change('Address', second.address_id)('is_default', 'true');
  await change('Address', second.address_id)('is_verified', 'true');
  expect(await getAddresses(graph, { customer_id })).toMatchObject([
    { address_id: second.address_id, is_default: true, is_verified: true },
    { is_default: false },
  ]);

  const value = randomEmail();
  const input = { customer_id, type: 'email' as const, value, by: 'service' as const, policy };
  const { identifier_id } = await addDigitalIdentifier(graph, testHeader(), input);
  const verified = async () =>
    (await getCustomerProfile(graph, { customer_id })).identifiers.map(({ is_verified }) => is_verified);
  await change('DigitalIdentifier', identifier_id)('is_verified', 'true');
  expect(await verified()).toEqual([true]);
  await change('DigitalIdentifier', identifier_id)('is_verified', 'false');
  expect(await verified()).toEqual([false]);
  await expect(change('Address', randomUUID())('is_verified', 'true')).rejects.toMatchObject({
    type: 'address_not_found',
  });
});
