import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OnboardingRequest } from '../../domain/onboarding-types.ts';
import type { Policy } from '../../domain/policy.ts';
import { readPolicy } from '../../platform/policy.ts';
import { createBlindIndex } from '../../security/blind-index.ts';
import { createKeyRing } from '../../security/key-ring.ts';
import {
  changedByHand,
  closeVerified,
  onboardingRequest,
  openTestGraph,
  randomEmail,
  randomPhone,
  randomToken,
  testHeader,
} from '../../test/graph.ts';
import { setCustomerStatus } from '../customers/set-customer-status.ts';
import type { Graph } from '../graph.ts';
import { getCustomerContext } from '../queries/customer-context.ts';
import { getCustomerProfile } from '../queries/customer-profile.ts';
import { getNoticeRecipients } from '../queries/notice-recipients.ts';
import { getPaymentMethods } from '../queries/payment-methods.ts';
import { updatePaymentMethodStatus } from '../wallet/edit-payment-method.ts';
import { recordVerification } from '../wallet/record-verification.ts';
import { onboard } from './onboard.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(async () => {
  await closeVerified(graph);
});

const meet = (change: Partial<OnboardingRequest> = {}, changedPolicy: Policy = policy) => {
  const request = onboardingRequest(change);
  return onboard(graph, testHeader({ idempotencyKey: request.transaction_id }), {
    request,
    policy: changedPolicy,
  });
};
const blindKey = (id: string) => ({ id, key: randomBytes(32) });
const email = (value = randomEmail(), is_verified = false) => ({
  type: 'email' as const,
  value,
  is_verified,
});
const phone = (value = randomPhone(), is_verified = false) => ({
  type: 'phone_number' as const,
  value,
  is_verified,
});
const card = (token = randomToken()) => ({ type: 'card' as const, token, brand: 'visa', last_four: '4242' });
const device = (fingerprint: string = randomUUID()) => ({
  fingerprint,
  ip: '203.0.113.7',
  user_agent: 'Firefox/140',
});
const verify = (customer_id: string, payment_method_id: string, token: string) =>
  recordVerification(graph, testHeader(), {
    customer_id,
    payment_method_id,
    gateway_customer_ref: `cus_${customer_id}`,
    answer: { result: 'attached', method: { token, type: 'card' } },
  });
const typesOf = async (streamId: string) =>
  (
    await graph.read<{ type: string }>(
      'MATCH (e:PersonaEvent {stream_id: $id}) RETURN e.type AS type ORDER BY e.seq',
      { id: streamId },
    )
  ).map((row) => row.type);
const suggestionsOf = (customerId: string) =>
  graph.read<{ id: string; score: number; evidence: string[]; status: string }>(
    `MATCH (:Customer {id: $customerId})-[s:POSSIBLY_SAME_AS]->(o:Customer)
     RETURN o.id AS id, s.score AS score, s.evidence AS evidence, s.status AS status ORDER BY id`,
    { customerId },
  );

describe('a new customer', () => {
  test('is written whole, in one go', async () => {
    const occurred_at = '2026-03-04T05:06:07.000Z';
    const token = randomToken();
    const answer = await meet({
      occurred_at,
      gateway_customer_ref: 'cus_1',
      customer_metadata: { segment: 'VIP', locale: 'de-DE', ltv: '12.50' },
      payment_method_details: {
        ...card(token),
        expiry_month: 2,
        expiry_year: 2031,
        off_session_consent: true,
      },
      device_details: { ...device(), trust_score: 0.9 },
      address_details: {
        street1: 'Hauptstr. 1',
        city: 'Berlin',
        zip_code: '10115',
        country: 'DE',
        type: 'shipping',
        is_verified: true,
      },
      digital_identifiers: [email('Kim.Lee@Shop.example', true), phone()],
    });
    const { customer_id: id } = answer;
    expect(answer).toMatchObject({
      created: true,
      match: { rule: 'none', proven: true, suggested_customer_ids: [] },
      payment_method_status: 'unverified',
      warnings: [],
    });
    expect(await typesOf(id)).toEqual([
      'CustomerCreated',
      'DigitalIdentifierAdded',
      'DigitalIdentifierAdded',
      'DeviceLinked',
      'PaymentMethodAdded',
      'AddressAdded',
    ]);
    expect(await typesOf(String(answer.device_id))).toEqual(['DeviceRegistered']);
    expect(answer.version).toBe(6);

    const [row] = await graph.read(
      `MATCH (c:Customer {id: $id})
       MATCH (c)-[h:HAS_PAYMENT_METHOD]->(p)-[u:USED_ON]->(d)<-[l:LOGGED_IN_FROM]-(c)
       MATCH (c)-[s:SHIPPED_TO]->(a)
       RETURN c {.segment, .locale, .ltv_minor, .status, .gateway_customer_ref, .acquisition_date, .version} AS customer,
         p {.type, .status, .brand, .last_four, .expires_on} AS method,
         h {.first_used, .last_used, .use_count, .is_default, .off_session_consent, .consent_at, .consent_source, .added_by, .proven} AS edge,
         d {.trust_score, .last_seen_user_agent, .version} AS device, l {.login_count, .last_login, .proven} AS login,
         u {.first_use, .last_use} AS use, a {.city, .zip_code, .country, .is_default, .is_verified} AS address,
         s {.first_shipped, .last_shipped} AS shipment`,
      { id },
    );
    expect(row).toEqual({
      customer: {
        segment: 'VIP',
        locale: 'de-DE',
        ltv_minor: 1250,
        status: 'active',
        gateway_customer_ref: 'cus_1',
        acquisition_date: occurred_at,
        version: 6,
      },
      method: {
        type: 'card',
        status: 'unverified',
        brand: 'visa',
        last_four: '4242',
        expires_on: '2031-02-28',
      },
      edge: {
        first_used: occurred_at,
        last_used: occurred_at,
        use_count: 1,
        is_default: false,
        off_session_consent: true,
        consent_at: occurred_at,
        consent_source: 'service',
        added_by: 'service',
        proven: true,
      },
      device: { trust_score: 0.9, last_seen_user_agent: 'Firefox/140', version: 1 },
      login: { login_count: 1, last_login: occurred_at, proven: true },
      use: { first_use: occurred_at, last_use: occurred_at },
      address: { city: 'Berlin', zip_code: '10115', country: 'DE', is_default: true, is_verified: true },
      shipment: { first_shipped: occurred_at, last_shipped: occurred_at },
    });
  });

  test('takes the id that the request gives', async () => {
    const customer_id = randomUUID();
    expect(await meet({ customer_id })).toMatchObject({
      customer_id,
      created: true,
      match: { rule: 'none' },
    });
    expect(await meet({ customer_id })).toMatchObject({
      customer_id,
      created: false,
      match: { rule: 'customer_id', proven: true },
    });
  });

  test('is one, however many connections bring the same person at once', async () => {
    const identifiers = [email(), phone()];
    const fingerprint = randomUUID();
    const token = randomToken();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        meet({
          // Every request brings something that another one brings, none brings the same.
          digital_identifiers: [identifiers[n % 2] ?? email(), ...(n % 5 === 0 ? identifiers : [])],
          device_details: device(fingerprint),
          ...(n % 3 === 0 ? { payment_method_details: card(token) } : {}),
        }),
      ),
    );
    // E-mail and phone meet in the first request that brings both; before it, either could be a customer of its own.
    const customers = new Set(answers.map((answer) => answer.customer_id));
    expect(customers.size).toBeLessThanOrEqual(2);

    const same = await Promise.all(
      Array.from({ length: 20 }, () =>
        meet({ digital_identifiers: [{ ...identifiers[0]!, value: `same.${fingerprint}@shop.example` }] }),
      ),
    );
    expect(new Set(same.map((answer) => answer.customer_id)).size).toBe(1);
    expect(same.filter((answer) => answer.created)).toHaveLength(1);
  });

  test('is one while the blind index changes its key, and some processes write with the old one', async () => {
    const [a, b] = [blindKey('a'), blindKey('b')];
    const { keyRing } = graph;
    const graphs = await Promise.all(
      [
        [a, b],
        [b, a],
      ].map((keys) => openTestGraph({ keyRing, blindIndex: createBlindIndex(createKeyRing(keys)) })),
    );
    const own = email();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        onboard(graphs[n % 2] ?? graph, testHeader(), {
          request: onboardingRequest({ digital_identifiers: [own] }),
          policy,
        }),
      ),
    );
    expect(new Set(answers.map((answer) => answer.customer_id)).size).toBe(1);
    await Promise.all(graphs.map((each) => closeVerified(each)));
  });

  test('is one for twenty connections that bring nothing but the same given id', async () => {
    const customer_id = randomUUID();
    const answers = await Promise.all(Array.from({ length: 20 }, () => meet({ customer_id })));
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
  });

  test('is refused with every problem named, and nothing is written', async () => {
    const request = onboardingRequest({
      digital_identifiers: [email('nobody@-'), phone('12')],
      customer_metadata: { ltv: '1.234' },
    });
    await expect(onboard(graph, testHeader(), { request, policy })).rejects.toMatchObject({
      type: 'invalid_argument',
      problems: [
        { field: 'digital_identifiers[0].value' },
        { field: 'digital_identifiers[1].value' },
        { field: 'customer_metadata.ltv' },
      ],
    });
  });
});

describe('the same request', () => {
  test('gives the first answer, also with another time; another body under its id is refused', async () => {
    const request = onboardingRequest({ digital_identifiers: [email()], payment_method_details: card() });
    const header = testHeader({ idempotencyKey: request.transaction_id });
    const first = await onboard(graph, header, { request, policy });
    const before = await typesOf(first.customer_id);
    const again = { ...request, occurred_at: '2020-01-01T00:00:00Z' };
    expect(await onboard(graph, header, { request: again, policy })).toEqual(first);
    expect(await typesOf(first.customer_id)).toEqual(before);
    const other = { ...request, gateway_customer_ref: 'cus_other' };
    await expect(onboard(graph, header, { request: other, policy })).rejects.toMatchObject({
      type: 'idempotency_key_reused',
    });
  });
});

describe('recognition', () => {
  test('by an identifier verified on both sides is proven', async () => {
    const own = email(undefined, true);
    const first = await meet({ digital_identifiers: [own] });
    const second = await meet({ digital_identifiers: [own, phone()], payment_method_details: card() });
    expect(second).toMatchObject({
      customer_id: first.customer_id,
      created: false,
      match: { rule: 'email', proven: true, suggested_customer_ids: [] },
    });
    const profile = await getCustomerProfile(graph, { customer_id: first.customer_id });
    expect(profile.identifiers).toHaveLength(2);
    expect(profile.payment_method_count).toBe(1);
  });

  test.each([
    ['unverified at the customer', false, true],
    ['unverified at the sender', true, false],
    ['unverified on both sides', false, false],
  ])('by an identifier %s links nothing as proven', async (_, known, claimed) => {
    const value = randomEmail();
    const first = await meet({ digital_identifiers: [email(value, known)] });
    const token = randomToken();
    const fingerprint = randomUUID();
    const second = await meet({
      digital_identifiers: [email(value, claimed), phone()],
      payment_method_details: { ...card(token), off_session_consent: true },
      device_details: { ...device(fingerprint), trust_score: 1 },
      address_details: {
        street1: 'X 1',
        city: 'Y',
        zip_code: '1',
        country: 'DE',
        type: 'shipping',
        is_verified: true,
      },
    });
    const { customer_id } = first;
    expect(second).toMatchObject({
      customer_id,
      created: false,
      match: { rule: 'email', proven: false, suggested_customer_ids: [] },
      payment_method_status: 'unverified',
      warnings: ['phone_number_not_linked'],
    });
    // Active at the gateway, and still not the customer's: no default, not shown, no trust.
    const verified = await verify(customer_id, String(second.payment_method_id), token);
    expect(verified).toMatchObject({ payment_method_status: 'active', is_default: false });
    expect(await getPaymentMethods(graph, { customer_id })).toEqual([]);
    expect(await getCustomerContext(graph, { customer_id, policy })).toMatchObject({
      trusted_devices: [],
      payment_method_count: 0,
      verified_shipping_address_count: 0,
    });
    expect(await getNoticeRecipients(graph, { customer_id })).toMatchObject({ usual: { to: value } });
    const [edge] = await graph.read(
      'MATCH (:Customer {id: $id})-[h:HAS_PAYMENT_METHOD]->() RETURN h.proven AS proven, h.off_session_consent AS consent',
      { id: customer_id },
    );
    expect(edge).toEqual({ proven: false, consent: false });
  });

  test('what came through an unverified identifier is proven once the identifier is', async () => {
    const value = randomEmail();
    const { customer_id } = await meet({ digital_identifiers: [email(value)] });
    const token = randomToken();
    const second = await meet({
      digital_identifiers: [email(value)],
      payment_method_details: card(token),
      device_details: { ...device(), trust_score: 0.8 },
    });
    await verify(customer_id, String(second.payment_method_id), token);
    await meet({ customer_id, digital_identifiers: [email(value, true)] });
    expect(await getPaymentMethods(graph, { customer_id })).toMatchObject([
      { is_default: true, status: 'active' },
    ]);
    const context = await getCustomerContext(graph, { customer_id, policy });
    expect(context.trusted_devices).toMatchObject([{ device_id: second.device_id }]);
    expect(await typesOf(customer_id)).toContain('DigitalIdentifierVerified');
  });

  test('two identifiers of two customers never merge them: the verified one wins', async () => {
    const [ownMail, ownPhone] = [email(), phone(undefined, true)];
    const a = await meet({ digital_identifiers: [ownMail], occurred_at: '2020-01-01T00:00:00Z' });
    const b = await meet({ digital_identifiers: [ownPhone] });
    const both = await meet({ digital_identifiers: [ownMail, ownPhone] });
    expect(both).toMatchObject({
      customer_id: b.customer_id,
      match: { rule: 'phone_number', proven: true, suggested_customer_ids: [a.customer_id] },
      warnings: ['email_belongs_to_other_customer'],
    });
    expect(await suggestionsOf(b.customer_id)).toEqual([
      { id: a.customer_id, score: 0.6, evidence: ['email'], status: 'suggested' },
    ]);
    // The suggestion is made once, and changes nothing of the other customer.
    await meet({ digital_identifiers: [ownMail, ownPhone] });
    expect(await suggestionsOf(b.customer_id)).toHaveLength(1);
    expect(await typesOf(a.customer_id)).toEqual(['CustomerCreated', 'DigitalIdentifierAdded']);
  });

  test('of two unverified ones the older wins', async () => {
    const [ownMail, ownPhone] = [email(), phone()];
    await meet({ digital_identifiers: [ownPhone], occurred_at: '2026-02-02T00:00:00Z' });
    const older = await meet({ digital_identifiers: [ownMail], occurred_at: '2026-02-01T00:00:00Z' });
    expect(await meet({ digital_identifiers: [ownPhone, ownMail] })).toMatchObject({
      customer_id: older.customer_id,
      match: { rule: 'email' },
    });
  });

  test('by device is a suggestion by default, and a link by policy', async () => {
    const fingerprint = randomUUID();
    const first = await meet({ device_details: device(fingerprint) });
    const second = await meet({ device_details: device(fingerprint), payment_method_details: card() });
    expect(second).toMatchObject({
      created: true,
      match: { rule: 'none', proven: true, suggested_customer_ids: [first.customer_id] },
    });
    expect(await suggestionsOf(second.customer_id)).toMatchObject([
      { id: first.customer_id, evidence: ['device'] },
    ]);

    const attach: Policy = { ...policy, onboarding: { ...policy.onboarding, deviceMatch: 'attach' } };
    const third = await meet({ device_details: device(fingerprint), payment_method_details: card() }, attach);
    expect(third).toMatchObject({
      customer_id: second.customer_id,
      created: false,
      match: { rule: 'device', proven: false },
    });
    expect(await getPaymentMethods(graph, { customer_id: second.customer_id })).toHaveLength(1);
  });

  test('a device of more customers than the policy allows says nothing', async () => {
    const fingerprint = randomUUID();
    const limited: Policy = {
      ...policy,
      onboarding: { ...policy.onboarding, limits: { ...policy.onboarding.limits, device: 2 } },
    };
    for (const expected of [0, 1, 2, 0]) {
      const { match } = await meet({ device_details: device(fingerprint) }, limited);
      expect(match.suggested_customer_ids).toHaveLength(expected);
    }
  });

  test('an identifier of more customers than the policy allows says nothing', async () => {
    const own = email();
    const first = await meet({ digital_identifiers: [own] });
    const other = await meet({});
    changedByHand(graph, first.customer_id, other.customer_id);
    // As an import may leave it: the commands never link one value twice.
    const session = graph.writeSession();
    await session.run(
      `MATCH (:Customer {id: $first})-[h:HAS_DIGITAL_IDENTIFIER]->(i) MATCH (o:Customer {id: $other})
       CREATE (o)-[:HAS_DIGITAL_IDENTIFIER {linked_at: h.linked_at}]->(i)`,
      { first: first.customer_id, other: other.customer_id },
    );
    await session.close();
    expect(await meet({ digital_identifiers: [own] })).toMatchObject({
      created: true,
      match: { rule: 'none' },
      warnings: ['email_belongs_to_other_customer'],
    });
  });

  test('blocked values identify nobody', async () => {
    const blocked = {
      digital_identifiers: [email('test@shop.example', true), phone('+49000000000', true)],
      device_details: device('null'),
    };
    const [first, second] = [await meet(blocked), await meet(blocked)];
    expect(second.customer_id).not.toBe(first.customer_id);
    expect(second.device_id).toBeUndefined();
    expect(second.warnings).toEqual(['email_blocked', 'phone_number_blocked', 'device_blocked']);
    expect((await getCustomerProfile(graph, second)).identifiers).toEqual([]);
  });

  test('a suspended customer stays suspended', async () => {
    const own = email(undefined, true);
    const { customer_id } = await meet({ digital_identifiers: [own] });
    await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
    expect(await meet({ digital_identifiers: [own] })).toMatchObject({ customer_id });
    expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ status: 'suspended' });
  });

  test('never lowers segment or value, and sets what is missing', async () => {
    const own = email(undefined, true);
    const { customer_id } = await meet({
      digital_identifiers: [own],
      customer_metadata: { segment: 'VIP', ltv: '100.00' },
    });
    await meet({
      digital_identifiers: [own],
      customer_metadata: { segment: 'NEW', ltv: '5.00', locale: 'fr' },
    });
    expect(await getCustomerContext(graph, { customer_id, policy })).toMatchObject({
      segment: 'VIP',
      ltv_minor: 10_000,
      is_vip: true,
    });
    expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ locale: 'fr' });
    await meet({ digital_identifiers: [own], customer_metadata: { ltv: '100.01', locale: 'it' } });
    expect(await getCustomerContext(graph, { customer_id, policy })).toMatchObject({ ltv_minor: 10_001 });
    expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ locale: 'fr' });
  });
});

describe('the payment method', () => {
  test('of another customer is never linked; the onboarding succeeds without it', async () => {
    const token = randomToken();
    const owner = await meet({ payment_method_details: card(token) });
    const other = await meet({ payment_method_details: card(token) });
    expect(other).toMatchObject({ created: true, warnings: ['token_belongs_to_other_customer'] });
    expect(other.payment_method_id).toBeUndefined();
    const rows = await graph.read(
      'MATCH (c:Customer)-[:HAS_PAYMENT_METHOD]->(:PaymentMethod {id: $id}) RETURN c.id AS id',
      { id: owner.payment_method_id },
    );
    expect(rows).toEqual([{ id: owner.customer_id }]);
  });

  test('brought by twenty strangers at once has one owner', async () => {
    const token = randomToken();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => meet({ payment_method_details: card(token) })),
    );
    expect(answers.filter((answer) => answer.payment_method_id !== undefined)).toHaveLength(1);
    expect(answers.filter((answer) => answer.warnings.length === 1)).toHaveLength(19);
  });

  test('known already is used once more, and an older use does not move its last one back', async () => {
    const [token, customer_id] = [randomToken(), randomUUID()];
    const first = await meet({
      customer_id,
      payment_method_details: { ...card(token), off_session_consent: true },
      occurred_at: '2026-05-05T00:00:00.000Z',
    });
    const again = await meet({
      customer_id,
      payment_method_details: card(token),
      occurred_at: '2026-04-04T00:00:00.000Z',
    });
    expect(again.payment_method_id).toBe(first.payment_method_id);
    const [edge] = await graph.read(
      `MATCH (:Customer {id: $customer_id})-[h:HAS_PAYMENT_METHOD]->()
       RETURN h.use_count AS uses, h.last_used AS last, h.off_session_consent AS consent`,
      { customer_id },
    );
    expect(edge).toEqual({ uses: 2, last: '2026-05-05T00:00:00.000Z', consent: true });
  });

  test('put aside before comes back under its id, and waits for the gateway again', async () => {
    const [token, customer_id] = [randomToken(), randomUUID()];
    const first = await meet({
      customer_id,
      payment_method_details: { ...card(token), off_session_consent: true },
    });
    const payment_method_id = String(first.payment_method_id);
    await updatePaymentMethodStatus(graph, testHeader(), {
      customer_id,
      payment_method_id,
      status: 'inactive',
      reason: 'test',
    });
    expect(await meet({ customer_id, payment_method_details: card(token) })).toMatchObject({
      payment_method_id,
      payment_method_status: 'unverified',
    });
    expect(await getPaymentMethods(graph, { customer_id })).toMatchObject([
      { payment_method_id, status: 'unverified', off_session_consent: false },
    ]);
  });

  test('compromised stays so', async () => {
    const [token, customer_id] = [randomToken(), randomUUID()];
    const { payment_method_id } = await meet({ customer_id, payment_method_details: card(token) });
    await updatePaymentMethodStatus(graph, testHeader(), {
      customer_id,
      payment_method_id: String(payment_method_id),
      status: 'compromised',
      reason: 'test',
    });
    expect(await meet({ customer_id, payment_method_details: card(token) })).toMatchObject({
      payment_method_status: 'compromised',
    });
  });
});

test('the same address again is one more shipment, in whatever spelling', async () => {
  const customer_id = randomUUID();
  const address = { street1: 'Main St 1', city: 'Boston', state: 'MA', zip_code: '02101', country: 'US' };
  await meet({ customer_id, address_details: { ...address, type: 'shipping' } });
  await meet({
    customer_id,
    address_details: { ...address, type: 'shipping', street1: 'MAIN  st 1', is_verified: true },
  });
  await meet({ customer_id, address_details: { ...address, type: 'billing' } });
  await meet({ customer_id, address_details: { ...address, type: 'shipping', street2: 'Apt 2' } });
  const rows = await graph.read(
    `MATCH (:Customer {id: $customer_id})-[:SHIPPED_TO]->(a:Address)
     RETURN a.type AS type, a.is_default AS is_default, a.is_verified AS is_verified ORDER BY a.created_at`,
    { customer_id },
  );
  expect(rows).toEqual([
    { type: 'shipping', is_default: true, is_verified: true },
    { type: 'billing', is_default: true, is_verified: false },
    { type: 'shipping', is_default: false, is_verified: false },
  ]);
});

test('a known device keeps its score and shows where it was seen last', async () => {
  const fingerprint = randomUUID();
  const first = await meet({
    device_details: { fingerprint, user_agent: 'A' },
    occurred_at: '2026-01-02T00:00:00Z',
  });
  await meet({
    device_details: { fingerprint, user_agent: 'B', trust_score: 1 },
    occurred_at: '2026-01-03T00:00:00Z',
  });
  await meet({ device_details: { fingerprint, user_agent: 'C' }, occurred_at: '2026-01-01T00:00:00Z' });
  const [row] = await graph.read(
    'MATCH (d:Device {id: $id}) RETURN d.trust_score AS score, d.last_seen_user_agent AS agent, d.version AS version',
    { id: first.device_id },
  );
  expect(row).toEqual({ score: policy.trust.initial, agent: 'B', version: 2 });
});
