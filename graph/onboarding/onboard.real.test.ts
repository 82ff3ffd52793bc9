import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { OnboardingRequest } from '../../domain/onboarding-types.ts';
import type { Policy } from '../../domain/policy.ts';
import { createBlindIndex } from '../../security/blind-index.ts';
import { createKeyRing } from '../../security/key-ring.ts';
import {
  verifyAndClose,
  onboardingRequest,
  openTestGraph,
  randomToken,
  testGraph,
  testHeader,
} from '../../test/test-graph.ts';
import { onboard } from './onboard.ts';
import { card, device, email, sendOnboarding, phone, policy, readEventTypes } from './onboarding-fixtures.ts';

const graph = await testGraph();

const onboardWith = (change: Partial<OnboardingRequest> = {}, changed?: Policy) =>
  sendOnboarding(graph, change, changed);
const eventTypesOf = (streamId: string) => readEventTypes(graph, streamId);
const blindKey = (id: string) => ({ id, key: randomBytes(32) });

describe('a new customer', () => {
  test('is written completely in one command', async () => {
    const occurred_at = '2026-03-04T05:06:07.000Z';
    const token = randomToken();
    const answer = await onboardWith({
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
    expect(await eventTypesOf(id)).toEqual([
      'CustomerCreated',
      'DigitalIdentifierAdded',
      'DigitalIdentifierAdded',
      'DeviceLinked',
      'PaymentMethodAdded',
      'AddressAdded',
    ]);
    expect(await eventTypesOf(String(answer.device_id))).toEqual(['DeviceRegistered']);
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

  test('gets the id in the request', async () => {
    const customer_id = randomUUID();
    expect(await onboardWith({ customer_id })).toMatchObject({
      customer_id,
      created: true,
      match: { rule: 'none' },
    });
    expect(await onboardWith({ customer_id })).toMatchObject({
      customer_id,
      created: false,
      match: { rule: 'customer_id', proven: true },
    });
  });

  test('is created once if the same person onboards over many connections concurrently', async () => {
    const identifiers = [email(), phone()];
    const fingerprint = randomUUID();
    const token = randomToken();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        onboardWith({
          // Every request shares some data with another one, and none are equal.
          digital_identifiers: [identifiers[n % 2] ?? email(), ...(n % 5 === 0 ? identifiers : [])],
          device_details: device(fingerprint),
          ...(n % 3 === 0 ? { payment_method_details: card(token) } : {}),
        }),
      ),
    );
    // The first request with both e-mail and phone connects them; before it, each could belong to a separate customer.
    const customers = new Set(answers.map((answer) => answer.customer_id));
    expect(customers.size).toBeLessThanOrEqual(2);

    const same = await Promise.all(
      Array.from({ length: 20 }, () =>
        onboardWith({
          digital_identifiers: [{ ...identifiers[0]!, value: `same.${fingerprint}@shop.example` }],
        }),
      ),
    );
    expect(new Set(same.map((answer) => answer.customer_id)).size).toBe(1);
    expect(same.filter((answer) => answer.created)).toHaveLength(1);
  });

  test('is created once during a change of the blind index key, while some processes write with the old one', async () => {
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
    await Promise.all(graphs.map((each) => verifyAndClose(each)));
  });

  test('is created once by twenty concurrent requests with only the same customer id', async () => {
    const customer_id = randomUUID();
    const answers = await Promise.all(Array.from({ length: 20 }, () => onboardWith({ customer_id })));
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
  });

  test('is refused with all problems, and nothing is written', async () => {
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
  test('returns the first result, even with a different time; a different body under its id is refused', async () => {
    const request = onboardingRequest({ digital_identifiers: [email()], payment_method_details: card() });
    const header = testHeader({ idempotencyKey: request.transaction_id });
    const first = await onboard(graph, header, { request, policy });
    const before = await eventTypesOf(first.customer_id);
    const again = { ...request, occurred_at: '2020-01-01T00:00:00Z' };
    expect(await onboard(graph, header, { request: again, policy })).toEqual(first);
    expect(await eventTypesOf(first.customer_id)).toEqual(before);
    const other = { ...request, gateway_customer_ref: 'cus_other' };
    await expect(onboard(graph, header, { request: other, policy })).rejects.toMatchObject({
      type: 'idempotency_key_reused',
    });
  });
});
