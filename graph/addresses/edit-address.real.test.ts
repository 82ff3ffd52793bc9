import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { onboardingRequest, testGraph, testHeader } from '../../test/test-graph.ts';
import {
  addAddress,
  createCustomer,
  getAddress,
  getAddresses,
  onboard,
  removeAddress,
  setCustomerStatus,
  updateAddress,
} from '../index.ts';

const policy = readPolicy();
const graph = await testGraph();

const home = {
  street1: '1 Main Street',
  city: 'Springfield',
  zip_code: '12345',
  state: 'NY',
  country: 'US',
  type: 'shipping' as const,
};
const by = 'customer' as const;
const newCustomer = async () => (await createCustomer(graph, testHeader(), {})).customer_id;
const add = async (customer_id: string, change: Partial<typeof home> = {}, is_default?: boolean) =>
  (await addAddress(graph, testHeader(), { customer_id, address: { ...home, ...change }, is_default, by }))
    .address_id;
const defaults = async (customer_id: string) =>
  (await getAddresses(graph, { customer_id }))
    .filter((entry) => entry.is_default)
    .map((entry) => entry.address_id);

test('the first address of a type is the default until another is chosen, or the default is removed', async () => {
  const customer_id = await newCustomer();
  const first = await add(customer_id);
  const second = await add(customer_id, { street1: '2 Main Street' });
  const billing = await addAddress(graph, testHeader(), {
    customer_id,
    address: { ...home, type: 'billing' },
    by,
  });
  expect(await defaults(customer_id)).toEqual(expect.arrayContaining([first, billing.address_id]));
  const third = await add(customer_id, { street1: '3 Main Street' }, true);
  expect(await defaults(customer_id)).toEqual(expect.arrayContaining([third, billing.address_id]));
  await removeAddress(graph, testHeader(), { customer_id, address_id: third, by });
  const [shipping] = (await getAddresses(graph, { customer_id })).filter(
    (entry) => entry.type === 'shipping',
  );
  expect([first, second]).toContain(shipping?.address_id);
  expect(await defaults(customer_id)).toHaveLength(2);
});

test('an address with new details becomes unverified; the same details change nothing', async () => {
  const customer_id = await newCustomer();
  const address = { ...home, is_verified: true };
  const { address_id } = await addAddress(graph, testHeader(), { customer_id, address, by: 'service' });
  const put = (change: Partial<typeof home>) =>
    updateAddress(graph, testHeader(), { customer_id, address_id, address: { ...home, ...change }, by });
  expect(await put({})).toMatchObject({ changed: false });
  expect(await put({ street1: '9 Side Street', city: 'Shelbyville' })).toMatchObject({ changed: true });
  const moved = await getAddress(graph, { customer_id, address_id });
  expect(moved).toMatchObject({
    street1: '9 Side Street',
    city: 'Shelbyville',
    is_verified: false,
    state: 'NY',
  });
});

test('a stale version, another customer’s address and a suspended customer’s request are refused', async () => {
  const [customer_id, other] = [await newCustomer(), await newCustomer()];
  const address_id = await add(customer_id);
  const ref = { address_id, by, address: home };
  await expect(
    updateAddress(graph, testHeader(), { ...ref, customer_id, expected_version: 99 }),
  ).rejects.toMatchObject({ type: 'stale_version' });
  await expect(removeAddress(graph, testHeader(), { ...ref, customer_id: other })).rejects.toMatchObject({
    type: 'address_not_found',
  });
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  await expect(removeAddress(graph, testHeader(), { ...ref, customer_id })).rejects.toMatchObject({
    type: 'customer_suspended',
  });
});

test('a login does not make an edit stale, and a repeated command adds one address', async () => {
  const customer_id = await newCustomer();
  const header = testHeader();
  const input = { customer_id, address: home, by };
  const added = await addAddress(graph, header, input);
  expect(await addAddress(graph, header, input)).toEqual(added);
  const [address] = await getAddresses(graph, { customer_id });
  await onboard(graph, testHeader(), {
    request: onboardingRequest({ customer_id, device_details: { fingerprint: randomUUID() } }),
    policy,
  });
  const edit = { customer_id, address_id: added.address_id, by, address: { ...home, zip_code: '1' } };
  await updateAddress(graph, testHeader(), { ...edit, expected_version: address?.changed_seq });
  expect(await getAddresses(graph, { customer_id })).toHaveLength(1);
});
