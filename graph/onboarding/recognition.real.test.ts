/** Recognition of customers who share devices and identifiers, on a real graph. */

import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OnboardingRequest } from '../../domain/onboarding-types.ts';
import type { Policy } from '../../domain/policy.ts';
import { readPolicy } from '../../platform/policy.ts';
import {
  excludeFromVerification,
  verifyAndClose,
  openTestGraph,
  randomEmail,
  randomPhone,
  randomToken,
  runCypher,
  testHeader,
} from '../../test/test-graph.ts';
import { setCustomerStatus } from '../customers/set-customer-status.ts';
import type { Graph } from '../graph.ts';
import { getCustomerContext } from '../queries/customer-context.ts';
import { getCustomerProfile } from '../queries/customer-profile.ts';
import { getPaymentMethods } from '../queries/payment-methods.ts';
import { verifyCustomer } from '../replay/verify.ts';
import { sendOnboarding } from './onboarding-fixtures.ts';

const defaultPolicy = readPolicy();
const attachPolicy: Policy = {
  ...defaultPolicy,
  onboarding: { ...defaultPolicy.onboarding, deviceMatch: 'attach' },
};
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(async () => {
  await verifyAndClose(graph);
});

const onboardWith = (change: Partial<OnboardingRequest>, policy = defaultPolicy, viaGraph = graph) =>
  sendOnboarding(viaGraph, change, policy);
const email = (is_verified = false, value = randomEmail()) => ({
  type: 'email' as const,
  value,
  is_verified,
});
const phone = (is_verified = false, value = randomPhone()) => ({
  type: 'phone_number' as const,
  value,
  is_verified,
});
const card = () => ({ type: 'card' as const, token: randomToken() });
const suggestionsOf = (customerId: string) =>
  graph.read<{ id: string; score: number; evidence: string[] }>(
    `MATCH (:Customer {id: $customerId})-[s:POSSIBLY_SAME_AS {status: 'suggested'}]->(o:Customer)
     RETURN o.id AS id, s.score AS score, s.evidence AS evidence ORDER BY s.score DESC, id`,
    { customerId },
  );
const walletOf = async (customer_id: string) =>
  (await getPaymentMethods(graph, { customer_id })).map((method) => method.payment_method_id);
const ids = (answers: { customer_id: string }[]) => new Set(answers.map((answer) => answer.customer_id));

describe('a shared tablet', () => {
  test('leads to separate customers, each with their own wallet', async () => {
    const tablet = { device_details: { fingerprint: randomUUID(), trust_score: 0.9 } };
    const people = Array.from({ length: 4 }, () => ({
      ...tablet,
      digital_identifiers: [email(true)],
      payment_method_details: card(),
    }));
    const first = [];
    for (const person of people) first.push(await onboardWith(person));
    expect(ids(first).size).toBe(4);
    expect(first.map((answer) => answer.match.suggested_customer_ids.length)).toEqual([0, 1, 2, 3]);
    for (const [n, { customer_id, payment_method_id }] of first.entries()) {
      expect(await walletOf(customer_id)).toEqual([payment_method_id]);
      expect(await suggestionsOf(customer_id)).toHaveLength(n);
      // The tablet is trusted for each of its users; sharing it does not merge customers.
      const context = await getCustomerContext(graph, { customer_id, policy: defaultPolicy });
      expect(context.trusted_devices).toHaveLength(1);
    }
    // Next time each is recognised by their own e-mail address, and no customer is suggested again.
    for (const [n, person] of people.entries()) {
      const again = await onboardWith({ ...person, payment_method_details: undefined });
      expect(again).toMatchObject({
        customer_id: first[n]?.customer_id,
        match: { rule: 'email', proven: true, suggested_customer_ids: [] },
      });
    }
    expect(await suggestionsOf(String(first[3]?.customer_id))).toEqual(
      first.slice(0, 3).map(({ customer_id }) => ({ id: customer_id, score: 0.3, evidence: ['device'] })),
    );
  });

  test('links a guest without identifiers to its last user by policy, unproven', async () => {
    const fingerprint = randomUUID();
    const tablet = { device_details: { fingerprint } };
    await onboardWith({ ...tablet, digital_identifiers: [email(true)], occurred_at: '2026-01-01T00:00:00Z' });
    const last = await onboardWith({
      ...tablet,
      digital_identifiers: [email(true)],
      occurred_at: '2026-01-02T00:00:00Z',
    });
    const { customer_id } = last;
    const guest = await onboardWith(
      { ...tablet, payment_method_details: { ...card(), off_session_consent: true } },
      attachPolicy,
    );
    expect(guest).toMatchObject({ customer_id, match: { rule: 'device', proven: false } });
    expect(await walletOf(customer_id)).toEqual([]);
    expect(await suggestionsOf(customer_id)).toHaveLength(1);
    expect(await verifyCustomer(graph, customer_id)).toEqual([]);
  });
});

test('an in-store tablet leads to at most five suggestions, and to none beyond the policy’s limit', async () => {
  const fingerprint = randomUUID();
  const suggested: number[] = [];
  const answers = [];
  for (let n = 0; n < 50; n += 1) {
    const answer = await onboardWith({
      device_details: { fingerprint },
      digital_identifiers: [email(true)],
      payment_method_details: card(),
    });
    suggested.push(answer.match.suggested_customer_ids.length);
    answers.push(answer);
  }
  expect(ids(answers).size).toBe(50);
  const { device: limit } = defaultPolicy.onboarding.limits;
  // At most five are suggested; beyond the limit the device is no evidence, not even with `attach`.
  expect(suggested).toEqual(Array.from({ length: 50 }, (_, n) => (n <= limit ? Math.min(n, 5) : 0)));
  expect(await onboardWith({ device_details: { fingerprint } }, attachPolicy)).toMatchObject({
    created: true,
    match: { rule: 'none', suggested_customer_ids: [] },
  });
  const [device] = await graph.read('MATCH (d:Device {id: $id}) RETURN d.version AS version', {
    id: answers[0]?.device_id,
  });
  expect(device).toEqual({ version: 1 });
});

describe('a phone number with a new owner', () => {
  test('does not add the new owner’s card to any wallet', async () => {
    const number = randomPhone();
    const before = await onboardWith({
      digital_identifiers: [email(true), phone(true, number)],
      payment_method_details: card(),
    });
    const own = email(true);
    const now = await onboardWith({
      digital_identifiers: [own, phone(true, number)],
      payment_method_details: { ...card(), off_session_consent: true },
      device_details: { fingerprint: randomUUID(), trust_score: 1 },
    });
    expect(now).toMatchObject({
      customer_id: before.customer_id,
      match: { rule: 'phone_number', proven: false, suggested_customer_ids: [] },
      warnings: ['email_not_linked'],
    });
    expect(await walletOf(before.customer_id)).toEqual([before.payment_method_id]);
    const { identifiers } = await getCustomerProfile(graph, before);
    expect(identifiers.map((identifier) => identifier.value)).not.toContain(own.value);

    // With the e-mail address alone this is a separate customer, and remains so when the number is added.
    const alone = await onboardWith({ digital_identifiers: [own] });
    expect(alone).toMatchObject({ created: true, match: { proven: true } });
    const both = await onboardWith({ digital_identifiers: [phone(true, number), own] });
    expect(both).toMatchObject({
      customer_id: alone.customer_id,
      match: { rule: 'email', proven: true, suggested_customer_ids: [before.customer_id] },
      warnings: ['phone_number_belongs_to_other_customer'],
    });
  });

  test('does not add the new owner’s card to any wallet if it is sent unverified', async () => {
    const number = randomPhone();
    const before = await onboardWith({ digital_identifiers: [phone(true, number)] });
    await onboardWith({ digital_identifiers: [phone(false, number)], payment_method_details: card() });
    expect(await walletOf(before.customer_id)).toEqual([]);
  });
});

describe('concurrent requests of the same person', () => {
  test('over sixty connections of three processes lead to one customer with all the data', async () => {
    const processes = await Promise.all(
      Array.from({ length: 3 }, () =>
        openTestGraph({ keyRing: graph.keyRing, blindIndex: graph.blindIndex }),
      ),
    );
    const [mail, number] = [email(true), phone(true)];
    const fingerprint = randomUUID();
    const tokens = [card(), card(), card()];
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        onboardWith(
          {
            digital_identifiers: [mail, number],
            device_details: { fingerprint },
            payment_method_details: tokens[n % 3],
            address_details: {
              street1: 'Main St 1',
              city: 'Boston',
              zip_code: '02101',
              country: 'US',
              type: 'shipping',
            },
          },
          defaultPolicy,
          processes[n % 3],
        ),
      ),
    );
    await Promise.all(processes.map((each) => verifyAndClose(each)));
    expect(ids(answers).size).toBe(1);
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
    const customer_id = String(answers[0]?.customer_id);
    expect(new Set(await walletOf(customer_id))).toEqual(
      new Set(answers.map((answer) => answer.payment_method_id)),
    );
    expect(await walletOf(customer_id)).toHaveLength(3);
    const [row] = await graph.read(
      `MATCH (c:Customer {id: $customer_id})
       RETURN COUNT { (c)-[:HAS_DIGITAL_IDENTIFIER]->() } AS identifiers, COUNT { (c)-[:SHIPPED_TO]->() } AS addresses,
         [(c)-[l:LOGGED_IN_FROM]->() | l.login_count] AS logins`,
      { customer_id },
    );
    expect(row).toEqual({ identifiers: 2, addresses: 1, logins: [60] });
    expect(await verifyCustomer(graph, customer_id)).toEqual([]);
  });

  test('with different identifiers in each request link no identifier twice', async () => {
    const [mail, number] = [email(true), phone(true)];
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        onboardWith({ digital_identifiers: [[mail], [number], [mail, number]][n % 3] }),
      ),
    );
    // The first request with only one of them creates a customer; the other is then suggested, never merged.
    expect(ids(answers).size).toBeLessThanOrEqual(2);
    const rows = await graph.read<{ holders: number }>(
      `MATCH (c:Customer)-[:HAS_DIGITAL_IDENTIFIER]->(i:DigitalIdentifier) WHERE c.id IN $ids
       RETURN i.id AS id, count(c) AS holders`,
      { ids: [...ids(answers)] },
    );
    expect(rows.map((row) => row.holders)).toEqual([1, 1]);
    for (const id of ids(answers)) expect(await verifyCustomer(graph, id)).toEqual([]);
  });
});

describe('two identifiers of two customers', () => {
  test.each([
    ['the verified one', [email(), phone(true)], 1],
    ['the older of two verified ones', [email(true), phone(true)], 0],
    ['the older of two unverified ones', [email(), phone()], 0],
  ] as const)(
    '%s decides; the other customer is suggested and does not change',
    async (_, identifiers, winner) => {
      const owners = [];
      for (const [n, identifier] of identifiers.entries()) {
        owners.push(
          await onboardWith({
            digital_identifiers: [identifier],
            payment_method_details: card(),
            occurred_at: `2026-01-0${n + 1}T00:00:00Z`,
          }),
        );
      }
      const [won, lost] = [owners[winner], owners[1 - winner]];
      const before = await getCustomerContext(graph, {
        customer_id: String(lost?.customer_id),
        policy: defaultPolicy,
      });
      const both = await onboardWith({
        digital_identifiers: [...identifiers],
        payment_method_details: card(),
      });
      expect(both).toMatchObject({
        customer_id: won?.customer_id,
        created: false,
        match: { suggested_customer_ids: [lost?.customer_id] },
      });
      expect(await suggestionsOf(both.customer_id)).toMatchObject([{ id: lost?.customer_id }]);
      const after = await getCustomerContext(graph, {
        customer_id: String(lost?.customer_id),
        policy: defaultPolicy,
      });
      expect({ ...after, as_of: '' }).toEqual({ ...before, as_of: '' });
    },
  );

  test('and the customer id of a third lead to two suggestions', async () => {
    const [mail, number] = [email(true), phone()];
    const a = await onboardWith({ digital_identifiers: [mail] });
    const b = await onboardWith({ digital_identifiers: [number] });
    for (const customer_id of [randomUUID(), (await onboardWith({})).customer_id]) {
      const named = await onboardWith({ customer_id, digital_identifiers: [mail, number] });
      expect(named.customer_id).toBe(customer_id);
      expect(await suggestionsOf(customer_id)).toEqual([
        { id: a.customer_id, score: 0.9, evidence: ['email'] },
        { id: b.customer_id, score: 0.6, evidence: ['phone_number'] },
      ]);
    }
  });
});

describe('customers who are not active', () => {
  test.each(['erased', 'merged'])(
    'a customer who was %s is never recognised, by any data',
    async (status) => {
      const [mail, fingerprint] = [email(true), randomUUID()];
      const gone = await onboardWith({ digital_identifiers: [mail], device_details: { fingerprint } });
      excludeFromVerification(graph, gone.customer_id);
      await runCypher(graph, 'MATCH (c:Customer {id: $id}) SET c.status = $status', {
        id: gone.customer_id,
        status,
      });
      await expect(onboardWith({ customer_id: gone.customer_id })).rejects.toMatchObject({
        type: 'customer_not_found',
      });
      const byDevice = await onboardWith({ device_details: { fingerprint } }, attachPolicy);
      expect(byDevice).toMatchObject({ created: true, match: { rule: 'none', suggested_customer_ids: [] } });
      const byMail = await onboardWith({ digital_identifiers: [mail], payment_method_details: card() });
      expect(byMail).toMatchObject({
        created: true,
        match: { rule: 'none' },
        warnings: ['email_belongs_to_other_customer'],
      });
      expect(byMail.customer_id).not.toBe(gone.customer_id);
    },
  );

  test('a suspended customer is recognised, and remains suspended', async () => {
    const mail = email(true);
    const { customer_id } = await onboardWith({ digital_identifiers: [mail] });
    await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
    expect(await onboardWith({ digital_identifiers: [mail], payment_method_details: card() })).toMatchObject({
      customer_id,
      match: { proven: true },
    });
    expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ status: 'suspended' });
  });
});

describe('partial requests', () => {
  test.each<[string, Partial<OnboardingRequest>, object]>([
    ['only the transaction', {}, {}],
    [
      'a digital wallet without a device',
      { payment_method_details: { type: 'digital_wallet', token: randomToken() } },
      { payment_method_status: 'unverified' },
    ],
    [
      'a bank account',
      { payment_method_details: { type: 'bank_account', token: randomToken() } },
      { payment_method_status: 'unverified' },
    ],
    ['only a device', { device_details: { fingerprint: randomUUID() } }, { device_id: expect.any(String) }],
    [
      'three e-mail addresses and two phone numbers',
      { digital_identifiers: [email(), email(), email(), phone(), phone()] },
      {},
    ],
  ])('are accepted: %s', async (_, change, expected) => {
    const answer = await onboardWith(change);
    expect(answer).toMatchObject({
      created: true,
      warnings: [],
      match: { rule: 'none', proven: true },
      ...expected,
    });
    const { customer_id } = answer;
    const { identifiers } = await getCustomerProfile(graph, { customer_id });
    expect(identifiers).toHaveLength(change.digital_identifiers?.length ?? 0);
    expect(await verifyCustomer(graph, customer_id)).toEqual([]);
  });

  test('with one known identifier are enough for recognition, and the other identifiers are added', async () => {
    const [first, second, third] = [email(true), email(true), phone(true)];
    const { customer_id } = await onboardWith({ digital_identifiers: [first] });
    expect(await onboardWith({ digital_identifiers: [second, third, first] })).toMatchObject({ customer_id });
    expect(await onboardWith({ digital_identifiers: [third] })).toMatchObject({ customer_id });
  });
});

type Spelling = (digits: string) => string;
const address = (country: string) => ({
  address_details: { street1: 'X 1', city: 'Y', zip_code: '1', type: 'billing' as const, country },
});

test.each<[string, 'email' | 'phone_number', Spelling, Spelling, Partial<OnboardingRequest>]>([
  [
    'in upper case with a Unicode domain',
    'email',
    (n) => `K.${n}@Bücher.EXAMPLE `,
    (n) => `k.${n}@xn--bcher-kva.example`,
    {},
  ],
  [
    'with decomposed characters',
    'email',
    (n) => `rene\u0301${n}@shop.example`,
    (n) => `ren\u00e9${n}@shop.example`,
    {},
  ],
  ['without its country code', 'phone_number', (n) => `(415) ${n}`, (n) => `+1 415-${n}`, address('US')],
  [
    'without its country code, in the policy’s region',
    'phone_number',
    (n) => `(0151) 2${n}`,
    (n) => `+491512${n}`,
    {},
  ],
])('an identifier written %s is recognised as the same', async (_, type, one, other, change) => {
  const policy = { ...defaultPolicy, onboarding: { ...defaultPolicy.onboarding, phoneRegion: 'DE' } };
  const digits = `2${String(randomInt(1_000_000)).padStart(6, '0')}`;
  const first = await onboardWith({ digital_identifiers: [{ type, value: one(digits) }], ...change }, policy);
  const second = await onboardWith({ digital_identifiers: [{ type, value: other(digits) }] }, policy);
  expect(second).toMatchObject({ customer_id: first.customer_id, match: { rule: type } });
});
