import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { daysLeft } from '../../domain/expiry/calendar.ts';
import type { ExpiryScan } from '../../domain/expiry/candidates.ts';
import type { OnboardingRequest } from '../../domain/onboarding-types.ts';
import { readPolicy } from '../../platform/policy.ts';
import { onboardingRequest, randomEmail, randomToken, testGraph, testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import { advanceCardExpiry } from '../expiry/index.ts';
import {
  type ExpiringCard,
  type ExpiryCursor,
  findConnectedCustomers,
  findCustomersByDeviceFingerprint,
  findCustomersByUsage,
  getAllDefaultPaymentMethods,
  getCustomer,
  getDigitalIdentifiers,
  getDevices,
  getExpiringPaymentMethods,
  getObligations,
  getPaymentMethodToken,
  onboard,
  removePaymentMethod,
  updateDeviceTrustScore,
  updatePaymentMethod,
  type Usage,
} from '../index.ts';
import { openRecovery } from '../recovery/index.ts';

const policy = readPolicy();
const graph = await testGraph();

const onboardWith = (change: Partial<OnboardingRequest>) =>
  onboard(graph, testHeader(), { request: onboardingRequest(change), policy });
/** A text that is in no other run's data. */
const randomWord = () => randomUUID().replaceAll('-', '');
const addressIn = (state: string, street1 = randomWord()) => ({
  street1,
  city: 'New York',
  zip_code: '10001',
  state,
  country: 'US',
  type: 'shipping' as const,
});

interface Person {
  brand?: string;
  agent?: string;
  score?: number;
  state?: string;
  shipped?: string;
}

/** A customer who used a card on a device and had something shipped. */
async function person({ brand, agent = 'iPhone', score = 0.9, state, shipped }: Person): Promise<string> {
  const onboarded = await onboardWith({
    occurred_at: shipped ?? '2026-03-01T00:00:00Z',
    payment_method_details: { type: 'card', token: randomToken(), brand },
    device_details: {
      fingerprint: randomUUID(),
      user_agent: `Mozilla/5.0 (${agent}; like Mac)`,
      trust_score: score,
    },
    ...(state === undefined ? {} : { address_details: addressIn(state) }),
  });
  return onboarded.customer_id;
}

/** All results, in pages of two, to test paging as well. */
async function search(usage: Usage): Promise<string[]> {
  const found: string[] = [];
  for (let after: Parameters<typeof findCustomersByUsage>[1]['after']; ; ) {
    const page = await findCustomersByUsage(graph, { usage, limit: 2, after });
    found.push(...page.customers.map(({ customer_id }) => customer_id));
    if (page.next === undefined) return found;
    after = page.next;
  }
}

test('finds who used an Amex on a trusted iPhone and shipped to New York in the last six months', async () => {
  const [brand, state] = [`Amex${randomWord()}`, `NY${randomWord()}`];
  const wanted = await Promise.all([
    person({ brand, state }),
    person({ brand: brand.toLowerCase(), state }),
    person({ brand: brand.toUpperCase(), agent: 'IPHONE', state: state.toUpperCase() }),
  ]);
  const nonMatching = {
    otherBrand: await person({ brand: 'visa', state }),
    otherAgent: await person({ brand, state, agent: 'Android' }),
    untrusted: await person({ brand, state, score: 0.1 }),
    elsewhere: await person({ brand, state: `CA${randomWord()}` }),
    longAgo: await person({ brand, state, shipped: '2025-01-01T00:00:00Z' }),
    nowhere: await person({ brand }),
  };
  const all: Usage = {
    brand,
    trusted: { ...policy.trust, now: Date.now() },
    user_agent: 'iphone',
    state,
    country: 'US',
    since: '2025-10-01T00:00:00Z',
  };
  expect((await search(all)).sort()).toEqual(wanted.toSorted());
  const without = async (...conditions: (keyof Usage)[]) => {
    const rest = { ...all };
    for (const condition of conditions) delete rest[condition];
    return (await search(rest)).filter((id) => !wanted.includes(id)).sort();
  };
  expect(await without('brand')).toEqual([nonMatching.otherBrand]);
  expect(await without('user_agent')).toEqual([nonMatching.otherAgent]);
  expect(await without('trusted')).toEqual([nonMatching.untrusted]);
  expect(await without('since')).toEqual([nonMatching.longAgo]);
  expect(await without('trusted', 'user_agent')).toEqual(
    [nonMatching.otherAgent, nonMatching.untrusted].sort(),
  );
  // Without a place, `since` applies to the use.
  expect(await without('state')).toEqual([nonMatching.elsewhere]);
  expect(await without('state', 'country')).toEqual([nonMatching.elsewhere, nonMatching.nowhere].sort());
});

test('a customer with several matching cards and addresses is found once', async () => {
  const [brand, state] = [randomWord(), `ny${randomWord()}`];
  const customer_id = await person({ brand, state });
  for (const spelling of [state, state.toUpperCase()])
    await onboardWith({
      customer_id,
      payment_method_details: { type: 'card', token: randomToken(), brand: brand.toUpperCase() },
      device_details: { fingerprint: randomUUID(), user_agent: 'iPhone' },
      address_details: addressIn(spelling),
    });
  expect(await search({ state })).toEqual([customer_id]);
  expect(await search({ brand })).toEqual([customer_id]);
  expect(await search({ brand, user_agent: randomWord() })).toEqual([]);
});

test('the search starts at the rarer condition, with the same result, and later pages continue there', async () => {
  const [rare, common, state] = [randomWord(), randomWord(), randomWord()];
  const people = [
    ...Array.from({ length: 3 }, () => person({ brand: rare, state })),
    ...Array.from({ length: 4 }, () => person({ brand: common, state })),
    ...Array.from({ length: 4 }, () => person({ brand: common })),
    person({ brand: rare }),
  ];
  const ids = await Promise.all(people);
  const startOf = async (usage: Usage) =>
    (await findCustomersByUsage(graph, { usage, limit: 1 })).next?.start;
  expect(await startOf({ brand: rare, state })).toBe('brand');
  expect((await search({ brand: rare, state })).sort()).toEqual(ids.slice(0, 3).sort());
  expect(await startOf({ brand: common, state })).toBe('state');
  expect((await search({ brand: common, state })).sort()).toEqual(ids.slice(3, 7).sort());
});

test('unproven data finds no customer', async () => {
  const [brand, state, value] = [randomWord(), randomWord(), randomEmail()];
  await onboardWith({ digital_identifiers: [{ type: 'email', value }] });
  const unproven = await onboardWith({
    digital_identifiers: [{ type: 'email', value }],
    payment_method_details: { type: 'card', token: randomToken(), brand },
    address_details: addressIn(state),
  });
  expect(unproven.match.proven).toBe(false);
  expect(await search({ brand })).toEqual([]);
  expect(await search({ state })).toEqual([]);
});

test('customers who share a device, card or address are found with the evidence, strongest first', async () => {
  const [fingerprint, street] = [randomUUID(), randomWord()];
  const cardFingerprint = `card-${randomWord()}`;
  const one = await customerWithCards(graph, policy, { cards: 1, fingerprints: [cardFingerprint] });
  const two = await customerWithCards(graph, policy, { cards: 1, fingerprints: [cardFingerprint] });
  const device_details = { fingerprint };
  const { device_id } = await onboardWith({
    customer_id: one.customer_id,
    device_details,
    address_details: addressIn('NY', `1 ${street} St.`),
  });
  const three = await onboardWith({
    device_details,
    address_details: addressIn('NY', `1  ${street.toUpperCase()} st`),
  });
  await onboardWith({ address_details: addressIn('NY', `2 ${street} St.`) });
  const connected = await findConnectedCustomers(graph, {
    customer_id: one.customer_id,
    crowd: 25,
    limit: 10,
  });
  expect(connected).toEqual([
    {
      customer_id: three.customer_id,
      evidence: expect.arrayContaining([
        { kind: 'device', id: device_id },
        { kind: 'address', id: expect.any(String) },
      ]),
    },
    { customer_id: two.customer_id, evidence: [{ kind: 'instrument', id: one.methods[0] }] },
  ]);
  const alone = await findConnectedCustomers(graph, { customer_id: one.customer_id, crowd: 1, limit: 10 });
  expect(alone).toEqual([]);
});

test('a device’s customers are found, up to a limit', async () => {
  const fingerprint = randomUUID();
  const [first, second] = [
    await onboardWith({ device_details: { fingerprint } }),
    await onboardWith({ device_details: { fingerprint } }),
  ];
  const found = await findCustomersByDeviceFingerprint(graph, { fingerprint, policy });
  expect(found).toMatchObject({ device_id: first.device_id, linked_customers: 2 });
  expect(found?.customers.map(({ customer_id }) => customer_id).sort()).toEqual(
    [first.customer_id, second.customer_id].sort(),
  );
  expect(
    await findCustomersByDeviceFingerprint(graph, { fingerprint: randomUUID(), policy }),
  ).toBeUndefined();
  expect(await findCustomersByDeviceFingerprint(graph, { fingerprint: '0000', policy })).toBeUndefined();
});

test('expiring cards are found once each, page by page, with their customers', async () => {
  // A month in the far future in which no other test's cards expire, of a year without a 29 February.
  const year = 2101 + 4 * Math.floor(Math.random() * 22);
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 3 });
  for (const payment_method_id of methods)
    await updatePaymentMethod(graph, testHeader(), {
      customer_id,
      payment_method_id,
      details: { expiry_month: 2, expiry_year: year },
      by: 'service',
    });
  const scanOf = (frequent_use_count: number, to = `${year}-03-15`): ExpiryScan => {
    const now = Date.now();
    return { now, stages: [daysLeft(to, now)], frequent_use_count };
  };
  const read = async (scan: ExpiryScan) => {
    const found: ExpiringCard[] = [];
    let scanned = 0;
    let after: ExpiryCursor | undefined = { expires_on: `${year}-01-31`, payment_method_id: '' };
    while (after !== undefined) {
      const page: Awaited<ReturnType<typeof getExpiringPaymentMethods>> = await getExpiringPaymentMethods(
        graph,
        { scan, limit: 1, after },
      );
      expect(page.cards.length).toBeLessThanOrEqual(1);
      found.push(...page.cards);
      scanned += page.scanned;
      after = page.next;
    }
    return { found, scanned };
  };
  const scan = async (frequent_use_count: number, to?: string) =>
    (await read(scanOf(frequent_use_count, to))).found;
  const idsOf = (cards: ExpiringCard[]) => cards.map(({ payment_method_id }) => payment_method_id);
  const frequent = await scan(1);
  expect(idsOf(frequent)).toEqual(methods.toSorted());
  expect(frequent.every(({ qualifies, expires_on }) => qualifies && expires_on === `${year}-02-28`)).toBe(
    true,
  );
  expect(frequent).toMatchObject(
    methods.map(() => ({ customer_id, customer_status: 'active', noticed: null })),
  );
  expect(idsOf((await scan(5)).filter(({ qualifies }) => qualifies))).toEqual([methods[0]]);
  expect(await scan(1, `${year}-02-27`)).toEqual([]);

  const [, second = ''] = methods;
  const removal = { customer_id, payment_method_id: second, by: 'service' } as const;
  await removePaymentMethod(graph, testHeader(), removal);
  expect(idsOf(await scan(1))).toEqual(methods.filter((id) => id !== second).toSorted());

  // The default's notice for this stage is already decided: it is counted, and nothing more is read of it.
  const [first = '', , third = ''] = methods;
  const token = (await getPaymentMethodToken(graph, { customer_id, payment_method_id: first })).reveal();
  const expires_on = `${year}-02-28`;
  await advanceCardExpiry(graph, testHeader(), {
    ...{ customer_id, payment_method_id: first, expires_on, scan: scanOf(1) },
    found: { token, type: 'card', gateway_customer_ref: `cus_${customer_id}` },
  });
  expect(await read(scanOf(1))).toMatchObject({ found: [{ payment_method_id: third }], scanned: 2 });
  const later = {
    ...scanOf(1),
    stages: [1, daysLeft(expires_on, Date.now()), daysLeft(`${year}-03-15`, Date.now())],
  };
  expect(idsOf((await read(later)).found)).toEqual([first, third].toSorted());
});

test('the scan of defaults returns each customer’s default', async () => {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 2 });
  const [wanted = ''] = methods;
  // From just before it, because the scan covers all customers of the graph.
  const page = await getAllDefaultPaymentMethods(graph, { limit: 1, after: wanted.slice(0, -1) });
  expect(page).toMatchObject([
    { payment_method_id: wanted, customer_id, is_default: true, status: 'active' },
  ]);
});

test('a customer’s properties, identifiers, devices and obligations are read', async () => {
  const email = randomEmail();
  const wallet = await customerWithCards(graph, policy, { cards: 1, email });
  const { customer_id } = wallet;
  expect(await getCustomer(graph, { customer_id })).toMatchObject({
    segment: 'NEW',
    status: 'active',
    ltv_minor: 0,
  });
  expect(await getDigitalIdentifiers(graph, { customer_id })).toMatchObject([
    { value: email, is_verified: true },
  ]);
  const failures = [failureOf(wallet), failureOf(wallet)];
  for (const failure of failures)
    await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
  const [newest, ...rest] = await getObligations(graph, { customer_id, limit: 10 });
  expect(rest).toHaveLength(1);
  const { opened_at = '', payment_id = '' } = newest ?? {};
  expect(await getObligations(graph, { customer_id, limit: 10, before: { opened_at, payment_id } })).toEqual(
    rest,
  );
  expect(await getObligations(graph, { customer_id, limit: 10, states: ['recovered'] })).toEqual([]);
  const missing = { customer_id: randomUUID() };
  const refused = [
    getCustomer(graph, missing),
    getDigitalIdentifiers(graph, missing),
    getDevices(graph, missing),
    getObligations(graph, { ...missing, limit: 1 }),
    findConnectedCustomers(graph, { ...missing, crowd: 1, limit: 1 }),
  ].map((query) => expect(query).rejects.toMatchObject({ type: 'customer_not_found' }));
  await Promise.all(refused);
});

test('devices are paged, most recent login first, and reflect lost trust immediately', async () => {
  const { customer_id } = await onboardWith({});
  for (const day of [1, 2, 3])
    await onboardWith({
      customer_id,
      device_details: { fingerprint: randomUUID(), trust_score: 0.9 },
      occurred_at: `2026-01-0${day}T00:00:00Z`,
    });
  const [newest, second, third] = await getDevices(graph, { customer_id });
  expect(newest?.last_login).toBe('2026-01-03T00:00:00.000Z');
  const { last_login = '', device_id = '' } = newest ?? {};
  expect(await getDevices(graph, { customer_id, limit: 5, before: { last_login, device_id } })).toEqual([
    second,
    third,
  ]);
  await updateDeviceTrustScore(graph, testHeader(), {
    device_id,
    trust_score: 0,
    observed_at: '2030-01-01T00:00:00Z',
  });
  expect((await getDevices(graph, { customer_id, limit: 1 }))[0]).toMatchObject({ trust_score: 0 });
});
