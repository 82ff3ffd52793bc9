import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { OnboardingRequest } from '../../domain/onboarding-types.ts';
import type { Policy } from '../../domain/policy.ts';
import {
  excludeFromVerification,
  randomEmail,
  randomToken,
  testGraph,
  testHeader,
} from '../../test/test-graph.ts';
import { setCustomerStatus } from '../customers/set-customer-status.ts';
import { getCustomerContext } from '../queries/customer-context.ts';
import { getCustomerProfile } from '../queries/customer-profile.ts';
import { getNoticeRecipients } from '../queries/notice-recipients.ts';
import { getPaymentMethods } from '../queries/payment-methods.ts';
import { updateRelationshipAttribute } from '../relationships/update-relationship-attribute.ts';
import { setOffSessionConsent } from '../wallet/edit-payment-method.ts';
import {
  card,
  device,
  email,
  sendOnboarding,
  phone,
  policy,
  readEventTypes,
  recordAttached,
} from './onboarding-fixtures.ts';

const graph = await testGraph();

const onboardWith = (change: Partial<OnboardingRequest> = {}, changed?: Policy) =>
  sendOnboarding(graph, change, changed);
const verify = (customer_id: string, payment_method_id: string, token: string) =>
  recordAttached(graph, customer_id, payment_method_id, token);
const eventTypesOf = (streamId: string) => readEventTypes(graph, streamId);
const suggestionsOf = (customerId: string) =>
  graph.read<{ id: string; score: number; evidence: string[]; status: string }>(
    `MATCH (:Customer {id: $customerId})-[s:POSSIBLY_SAME_AS]->(o:Customer)
     RETURN o.id AS id, s.score AS score, s.evidence AS evidence, s.status AS status ORDER BY id`,
    { customerId },
  );

describe('recognition', () => {
  test('by an identifier that is verified at the customer and by the sender is proven', async () => {
    const own = email(undefined, true);
    const first = await onboardWith({ digital_identifiers: [own] });
    const second = await onboardWith({ digital_identifiers: [own, phone()], payment_method_details: card() });
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
    ['unverified by the sender', true, false],
    ['unverified by both', false, false],
  ])('by an identifier %s links nothing as proven', async (_, known, claimed) => {
    const value = randomEmail();
    const first = await onboardWith({ digital_identifiers: [email(value, known)] });
    const token = randomToken();
    const fingerprint = randomUUID();
    const second = await onboardWith({
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
    // Active at the gateway, but unproven: not the default, not in the wallet, and the device is not trusted.
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

  test('what was onboarded through an unverified identifier becomes proven once it is verified', async () => {
    const value = randomEmail();
    const { customer_id } = await onboardWith({ digital_identifiers: [email(value)] });
    const token = randomToken();
    const second = await onboardWith({
      digital_identifiers: [email(value)],
      payment_method_details: card(token),
      device_details: { ...device(), trust_score: 0.8 },
    });
    await verify(customer_id, String(second.payment_method_id), token);
    await onboardWith({ customer_id, digital_identifiers: [email(value, true)] });
    expect(await getPaymentMethods(graph, { customer_id })).toMatchObject([
      { is_default: true, status: 'active' },
    ]);
    const context = await getCustomerContext(graph, { customer_id, policy });
    expect(context.trusted_devices).toMatchObject([{ device_id: second.device_id }]);
    expect(await eventTypesOf(customer_id)).toContain('DigitalIdentifierVerified');
  });

  test('a card that was onboarded through an unverified identifier cannot get consent from any caller', async () => {
    const value = randomEmail();
    const { customer_id } = await onboardWith({ digital_identifiers: [email(value)] });
    const token = randomToken();
    const unproven = await onboardWith({
      digital_identifiers: [email(value)],
      payment_method_details: { ...card(token), off_session_consent: true },
    });
    const payment_method_id = String(unproven.payment_method_id);
    await verify(customer_id, payment_method_id, token);
    const consent = { off_session_consent: true, source: 'checkout' };
    await expect(
      setOffSessionConsent(graph, testHeader(), { customer_id, payment_method_id, ...consent }),
    ).rejects.toMatchObject({ type: 'illegal_transition' });
    await expect(
      updateRelationshipAttribute(graph, testHeader(), {
        source_id: customer_id,
        type: 'HAS_PAYMENT_METHOD',
        target_id: payment_method_id,
        attribute: 'off_session_consent',
        value: 'true',
      }),
    ).rejects.toMatchObject({ type: 'illegal_transition' });
    // Once the identifier is verified, the card is in the wallet, but without consent.
    await onboardWith({ customer_id, digital_identifiers: [email(value, true)] });
    expect(await getPaymentMethods(graph, { customer_id })).toMatchObject([{ off_session_consent: false }]);
  });

  test('identifiers of two customers do not merge them: the verified identifier decides', async () => {
    const [ownMail, ownPhone] = [email(), phone(undefined, true)];
    const a = await onboardWith({ digital_identifiers: [ownMail], occurred_at: '2020-01-01T00:00:00Z' });
    const b = await onboardWith({ digital_identifiers: [ownPhone] });
    const both = await onboardWith({ digital_identifiers: [ownMail, ownPhone] });
    expect(both).toMatchObject({
      customer_id: b.customer_id,
      match: { rule: 'phone_number', proven: true, suggested_customer_ids: [a.customer_id] },
      warnings: ['email_belongs_to_other_customer'],
    });
    expect(await suggestionsOf(b.customer_id)).toEqual([
      { id: a.customer_id, score: 0.6, evidence: ['email'], status: 'suggested' },
    ]);
    // The suggestion is made once, and does not change the other customer.
    await onboardWith({ digital_identifiers: [ownMail, ownPhone] });
    expect(await suggestionsOf(b.customer_id)).toHaveLength(1);
    expect(await eventTypesOf(a.customer_id)).toEqual(['CustomerCreated', 'DigitalIdentifierAdded']);
  });

  test('of two unverified identifiers the older decides', async () => {
    const [ownMail, ownPhone] = [email(), phone()];
    await onboardWith({ digital_identifiers: [ownPhone], occurred_at: '2026-02-02T00:00:00Z' });
    const older = await onboardWith({ digital_identifiers: [ownMail], occurred_at: '2026-02-01T00:00:00Z' });
    expect(await onboardWith({ digital_identifiers: [ownPhone, ownMail] })).toMatchObject({
      customer_id: older.customer_id,
      match: { rule: 'email' },
    });
  });

  test('by device leads to a suggestion by default, and to a link by policy', async () => {
    const fingerprint = randomUUID();
    const first = await onboardWith({ device_details: device(fingerprint) });
    const second = await onboardWith({ device_details: device(fingerprint), payment_method_details: card() });
    expect(second).toMatchObject({
      created: true,
      match: { rule: 'none', proven: true, suggested_customer_ids: [first.customer_id] },
    });
    expect(await suggestionsOf(second.customer_id)).toMatchObject([
      { id: first.customer_id, evidence: ['device'] },
    ]);

    const attach: Policy = { ...policy, onboarding: { ...policy.onboarding, deviceMatch: 'attach' } };
    const third = await onboardWith(
      { device_details: device(fingerprint), payment_method_details: card() },
      attach,
    );
    expect(third).toMatchObject({
      customer_id: second.customer_id,
      created: false,
      match: { rule: 'device', proven: false },
    });
    expect(await getPaymentMethods(graph, { customer_id: second.customer_id })).toHaveLength(1);
  });

  test('a device with more customers than the policy allows is no evidence', async () => {
    const fingerprint = randomUUID();
    const limited: Policy = {
      ...policy,
      onboarding: { ...policy.onboarding, limits: { ...policy.onboarding.limits, device: 2 } },
    };
    for (const expected of [0, 1, 2, 0]) {
      const { match } = await onboardWith({ device_details: device(fingerprint) }, limited);
      expect(match.suggested_customer_ids).toHaveLength(expected);
    }
  });

  test('an identifier with more customers than the policy allows is no evidence', async () => {
    const own = email();
    const first = await onboardWith({ digital_identifiers: [own] });
    const other = await onboardWith({});
    excludeFromVerification(graph, first.customer_id, other.customer_id);
    // As an import may write it: the commands never link one value twice.
    const session = graph.writeSession();
    await session.run(
      `MATCH (:Customer {id: $first})-[h:HAS_DIGITAL_IDENTIFIER]->(i) MATCH (o:Customer {id: $other})
       CREATE (o)-[:HAS_DIGITAL_IDENTIFIER {linked_at: h.linked_at}]->(i)`,
      { first: first.customer_id, other: other.customer_id },
    );
    await session.close();
    expect(await onboardWith({ digital_identifiers: [own] })).toMatchObject({
      created: true,
      match: { rule: 'none' },
      warnings: ['email_belongs_to_other_customer'],
    });
  });

  test('blocked values are ignored', async () => {
    const blocked = {
      digital_identifiers: [email('test@shop.example', true), phone('+49000000000', true)],
      device_details: device('null'),
    };
    const [first, second] = [await onboardWith(blocked), await onboardWith(blocked)];
    expect(second.customer_id).not.toBe(first.customer_id);
    expect(second.device_id).toBeUndefined();
    expect(second.warnings).toEqual(['email_blocked', 'phone_number_blocked', 'device_blocked']);
    expect((await getCustomerProfile(graph, second)).identifiers).toEqual([]);
  });

  test('a suspended customer remains suspended', async () => {
    const own = email(undefined, true);
    const { customer_id } = await onboardWith({ digital_identifiers: [own] });
    await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
    expect(await onboardWith({ digital_identifiers: [own] })).toMatchObject({ customer_id });
    expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ status: 'suspended' });
  });

  test('never lowers the segment or lifetime value, and sets a missing locale', async () => {
    const own = email(undefined, true);
    const { customer_id } = await onboardWith({
      digital_identifiers: [own],
      customer_metadata: { segment: 'VIP', ltv: '100.00' },
    });
    await onboardWith({
      digital_identifiers: [own],
      customer_metadata: { segment: 'NEW', ltv: '5.00', locale: 'fr' },
    });
    expect(await getCustomerContext(graph, { customer_id, policy })).toMatchObject({
      segment: 'VIP',
      ltv_minor: 10_000,
      is_vip: true,
    });
    expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ locale: 'fr' });
    await onboardWith({ digital_identifiers: [own], customer_metadata: { ltv: '100.01', locale: 'it' } });
    expect(await getCustomerContext(graph, { customer_id, policy })).toMatchObject({ ltv_minor: 10_001 });
    expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ locale: 'fr' });
  });
});
