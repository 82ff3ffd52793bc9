import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { EventType } from '../../domain/events/event.ts';
import { readPolicy } from '../../platform/policy.ts';
import {
  onboardingRequest,
  randomEmail,
  randomPhone,
  randomToken,
  testGraph,
  testHeader,
} from '../../test/test-graph.ts';
import {
  addDigitalIdentifier,
  createCustomer,
  findCustomerByDigitalId,
  getAddresses,
  getCustomerProfile,
  getPaymentMethods,
  onboard,
  recordVerification,
  removeDigitalIdentifier,
  updateCustomer,
  updateNodeProperty,
  verifyDigitalIdentifier,
} from '../index.ts';

const policy = readPolicy();
const graph = await testGraph();

const by = 'customer' as const;
const newCustomer = async () => (await createCustomer(graph, testHeader(), {})).customer_id;
const add = (customer_id: string, value: string, type: 'email' | 'phone_number' = 'email') =>
  addDigitalIdentifier(graph, testHeader(), { customer_id, type, value, by, policy });
const identifiersOf = async (customer_id: string) =>
  (await getCustomerProfile(graph, { customer_id })).identifiers.map(({ type, value, is_verified }) => ({
    type,
    value,
    is_verified,
  }));

test('an identifier belongs to one customer, in any spelling, until it is removed', async () => {
  const [first, second] = [await newCustomer(), await newCustomer()];
  const email = randomEmail();
  const { identifier_id } = await add(first, email.toUpperCase());
  expect(await add(first, ` ${email} `)).toMatchObject({ identifier_id, added: false });
  await expect(add(second, email)).rejects.toMatchObject({ type: 'identifier_belongs_to_other_customer' });
  await expect(add(second, 'test@shop.example')).rejects.toMatchObject({ type: 'invalid_argument' });
  await expect(add(second, 'no address')).rejects.toMatchObject({ type: 'invalid_argument' });
  await removeDigitalIdentifier(graph, testHeader(), { customer_id: first, identifier_id, by });
  expect(await add(second, email)).toMatchObject({ added: true });
  expect(await identifiersOf(second)).toEqual([{ type: 'email', value: email, is_verified: false }]);
  await expect(
    verifyDigitalIdentifier(graph, testHeader(), { customer_id: first, identifier_id, by }),
  ).rejects.toMatchObject({ type: 'identifier_not_found' });
});

test('of customers who add the same number concurrently, one gets it', async () => {
  const phone = randomPhone();
  const customers = await Promise.all(Array.from({ length: 6 }, newCustomer));
  const results = await Promise.allSettled(customers.map((id) => add(id, phone, 'phone_number')));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('what was onboarded through an unverified identifier becomes proven when it is verified', async () => {
  const customer_id = await newCustomer();
  const value = randomEmail();
  const { identifier_id } = await add(customer_id, value);
  const request = onboardingRequest({
    digital_identifiers: [{ type: 'email', value }],
    device_details: { fingerprint: randomUUID() },
    payment_method_details: { type: 'card', token: randomToken() },
    address_details: { street1: 'A', city: 'B', zip_code: '1', country: 'US', type: 'shipping' },
  });
  const onboarded = await onboard(graph, testHeader(), { request, policy });
  expect(onboarded.match).toMatchObject({ rule: 'email', proven: false });
  const payment_method_id = String(onboarded.payment_method_id);
  await recordVerification(graph, testHeader(), {
    customer_id,
    payment_method_id,
    answer: { result: 'attached', method: { token: randomToken(), type: 'card' } },
  });
  expect(await getPaymentMethods(graph, { customer_id })).toEqual([]);
  expect(await getAddresses(graph, { customer_id })).toEqual([]);
  await verifyDigitalIdentifier(graph, testHeader(), {
    ...{ customer_id, identifier_id, by: 'service', evidence: 'code sent and returned' },
  });
  expect(await getPaymentMethods(graph, { customer_id })).toMatchObject([
    { payment_method_id, is_default: true },
  ]);
  expect(await getAddresses(graph, { customer_id })).toHaveLength(1);
  expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ device_count: 1 });
  const again = { customer_id, identifier_id, by };
  expect(await verifyDigitalIdentifier(graph, testHeader(), again)).toMatchObject({ changed: false });
});

test('what was onboarded through an identifier that is removed remains unproven', async () => {
  const customer_id = await newCustomer();
  const value = randomEmail();
  const { identifier_id } = await add(customer_id, value);
  const request = onboardingRequest({
    digital_identifiers: [{ type: 'email', value }],
    payment_method_details: { type: 'card', token: randomToken() },
  });
  await onboard(graph, testHeader(), { request, policy });
  await removeDigitalIdentifier(graph, testHeader(), { customer_id, identifier_id, by });
  const { identifier_id: next } = await add(customer_id, value);
  await verifyDigitalIdentifier(graph, testHeader(), { customer_id, identifier_id: next, by });
  expect(await getPaymentMethods(graph, { customer_id })).toEqual([]);
});

test('a profile’s list of identifiers is replaced completely or not at all', async () => {
  const [customer_id, other] = [await newCustomer(), await newCustomer()];
  const [kept, gone, fresh, foreign] = [randomEmail(), randomPhone(), randomPhone(), randomEmail()];
  const { identifier_id } = await add(customer_id, kept);
  await verifyDigitalIdentifier(graph, testHeader(), { customer_id, identifier_id, by: 'service' });
  await add(customer_id, gone, 'phone_number');
  await add(other, foreign);
  const { changed_seq } = await getCustomerProfile(graph, { customer_id });
  const put = (identifiers: { type: 'email' | 'phone_number'; value: string }[], expected_version?: number) =>
    updateCustomer(graph, testHeader(), {
      customer_id,
      locale: 'de',
      identifiers,
      by,
      expected_version,
      policy,
    });
  const list = [
    { type: 'email' as const, value: kept },
    { type: 'phone_number' as const, value: fresh },
  ];
  await expect(put([...list, { type: 'email', value: foreign }])).rejects.toMatchObject({
    type: 'identifier_belongs_to_other_customer',
  });
  expect(await identifiersOf(customer_id)).toHaveLength(2);
  await put(list, changed_seq);
  await expect(put(list, changed_seq)).rejects.toMatchObject({ type: 'stale_version' });
  expect(await identifiersOf(customer_id)).toEqual([
    { type: 'email', value: kept, is_verified: true },
    { type: 'phone_number', value: fresh, is_verified: false },
  ]);
  expect(await put(list)).toMatchObject({ changed: false });
  expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ locale: 'de' });
});

test('a phone number without its country code is normalised to the policy’s region in every command and query', async () => {
  const german = { ...policy, onboarding: { ...policy.onboarding, phoneRegion: 'DE' } };
  const number = randomPhone();
  const local = { type: 'phone_number', value: number.replace('+49', '0'), policy: german } as const;
  const request = onboardingRequest({ digital_identifiers: [{ type: 'phone_number', value: local.value }] });
  const { customer_id } = await onboard(graph, testHeader(), { request, policy: german });
  expect(await findCustomerByDigitalId(graph, local)).toMatchObject({ customer_id });
  expect(await findCustomerByDigitalId(graph, { ...local, value: number })).toMatchObject({ customer_id });
  expect(await addDigitalIdentifier(graph, testHeader(), { customer_id, ...local, by })).toMatchObject({
    added: false,
  });
});

type Ids = { customer_id: string; identifier_id: string };
// Each edit runs concurrently with an onboarding that has the same e-mail address.
test.each<[string, EventType, (ids: Ids) => Promise<unknown>]>([
  [
    'removed',
    'DigitalIdentifierRemoved',
    (ids) => removeDigitalIdentifier(graph, testHeader(), { ...ids, by }),
  ],
  [
    'replaced',
    'DigitalIdentifierRemoved',
    ({ customer_id }) => updateCustomer(graph, testHeader(), { customer_id, identifiers: [], by, policy }),
  ],
  [
    'verified',
    'DigitalIdentifierVerified',
    (ids) => verifyDigitalIdentifier(graph, testHeader(), { ...ids, by }),
  ],
  [
    'verified manually',
    'DigitalIdentifierVerified',
    ({ identifier_id: id }) =>
      updateNodeProperty(graph, testHeader(), {
        label: 'DigitalIdentifier',
        id,
        property: 'is_verified',
        value: 'true',
      }),
  ],
])(
  'an identifier that is onboarded while it is %s is verified at most once, and never after its removal',
  async (_, edited, edit) => {
    const before = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const [customer_id, value] = [await newCustomer(), randomEmail()];
        return { value, customer_id, identifier_id: (await add(customer_id, value)).identifier_id };
      }),
    );
    await Promise.all(
      before.flatMap(({ value, ...ids }, index) => {
        const identifier = { type: 'email', value, is_verified: index % 2 === 0 } as const;
        const request = onboardingRequest({
          digital_identifiers: [identifier],
          ...(index % 2 === 0 ? { customer_id: ids.customer_id } : {}),
          payment_method_details: { type: 'card', token: randomToken() },
        });
        return [edit(ids), onboard(graph, testHeader(), { request, policy })];
      }),
    );
    for (const { customer_id } of before) {
      const [row] = await graph.read<{ types: string[] }>(
        `MATCH (e:PersonaEvent {stream_id: $customer_id}) WITH e ORDER BY e.seq
       RETURN [type IN collect(e.type) WHERE type STARTS WITH 'DigitalIdentifier'] AS types`,
        { customer_id },
      );
      const types = row?.types ?? [];
      expect(types).toEqual(expect.arrayContaining(['DigitalIdentifierAdded', edited]));
      expect(types.filter((type) => type === 'DigitalIdentifierVerified').length).toBeLessThanOrEqual(1);
      const gone = types.indexOf('DigitalIdentifierRemoved');
      if (gone >= 0) expect(types.slice(gone)).not.toContain('DigitalIdentifierVerified');
    }
  },
);
