import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { OnboardingRequest } from '../../domain/onboarding-types.ts';
import type { Policy } from '../../domain/policy.ts';
import { randomToken, testGraph, testHeader } from '../../test/test-graph.ts';
import { getPaymentMethods } from '../queries/payment-methods.ts';
import { updatePaymentMethodStatus } from '../wallet/edit-payment-method.ts';
import { card, sendOnboarding, policy, recordAttached } from './onboarding-fixtures.ts';

const graph = await testGraph();

const onboardWith = (change: Partial<OnboardingRequest> = {}, changed?: Policy) =>
  sendOnboarding(graph, change, changed);

describe('the payment method', () => {
  test('is not linked if it belongs to another customer; the onboarding succeeds without it', async () => {
    const token = randomToken();
    const owner = await onboardWith({ payment_method_details: card(token) });
    const other = await onboardWith({ payment_method_details: card(token) });
    expect(other).toMatchObject({ created: true, warnings: ['token_belongs_to_other_customer'] });
    expect(other.payment_method_id).toBeUndefined();
    const rows = await graph.read(
      'MATCH (c:Customer)-[:HAS_PAYMENT_METHOD]->(:PaymentMethod {id: $id}) RETURN c.id AS id',
      { id: owner.payment_method_id },
    );
    expect(rows).toEqual([{ id: owner.customer_id }]);
  });

  test('may be added by several customers if its token is one of the gateway’s test tokens', async () => {
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => onboardWith({ payment_method_details: card('pm_card_visa') })),
    );
    expect(answers.map((answer) => answer.payment_method_status)).toEqual(Array(5).fill('unverified'));
    for (const { customer_id, payment_method_id } of answers) {
      const token = randomToken();
      await recordAttached(graph, customer_id, String(payment_method_id), token);
      const again = await onboardWith({ customer_id, payment_method_details: card(token) });
      expect(again).toMatchObject({ payment_method_id, payment_method_status: 'active' });
    }
  });

  test('has one owner if twenty customers add it concurrently', async () => {
    const token = randomToken();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => onboardWith({ payment_method_details: card(token) })),
    );
    expect(answers.filter((answer) => answer.payment_method_id !== undefined)).toHaveLength(1);
    expect(answers.filter((answer) => answer.warnings.length === 1)).toHaveLength(19);
  });

  test('is used again if it is known, and an older use does not move last_used back', async () => {
    const [token, customer_id] = [randomToken(), randomUUID()];
    const first = await onboardWith({
      customer_id,
      payment_method_details: { ...card(token), off_session_consent: true },
      occurred_at: '2026-05-05T00:00:00.000Z',
    });
    const again = await onboardWith({
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

  test('keeps its id if it was inactive, and has to be verified by the gateway again', async () => {
    const [token, customer_id] = [randomToken(), randomUUID()];
    const first = await onboardWith({
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
    expect(await onboardWith({ customer_id, payment_method_details: card(token) })).toMatchObject({
      payment_method_id,
      payment_method_status: 'unverified',
    });
    expect(await getPaymentMethods(graph, { customer_id })).toMatchObject([
      { payment_method_id, status: 'unverified', off_session_consent: false },
    ]);
  });

  test('remains compromised', async () => {
    const [token, customer_id] = [randomToken(), randomUUID()];
    const { payment_method_id } = await onboardWith({ customer_id, payment_method_details: card(token) });
    await updatePaymentMethodStatus(graph, testHeader(), {
      customer_id,
      payment_method_id: String(payment_method_id),
      status: 'compromised',
      reason: 'test',
    });
    expect(await onboardWith({ customer_id, payment_method_details: card(token) })).toMatchObject({
      payment_method_status: 'compromised',
    });
  });
});

test('the same address in any spelling is recorded as another shipment', async () => {
  const customer_id = randomUUID();
  const address = { street1: 'Main St 1', city: 'Boston', state: 'MA', zip_code: '02101', country: 'US' };
  await onboardWith({ customer_id, address_details: { ...address, type: 'shipping' } });
  await onboardWith({
    customer_id,
    address_details: { ...address, type: 'shipping', street1: 'MAIN  st 1', is_verified: true },
  });
  await onboardWith({ customer_id, address_details: { ...address, type: 'billing' } });
  await onboardWith({ customer_id, address_details: { ...address, type: 'shipping', street2: 'Apt 2' } });
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

test('a known device keeps its score and records its latest sighting', async () => {
  const fingerprint = randomUUID();
  const first = await onboardWith({
    device_details: { fingerprint, user_agent: 'A' },
    occurred_at: '2026-01-02T00:00:00Z',
  });
  await onboardWith({
    device_details: { fingerprint, user_agent: 'B', trust_score: 1 },
    occurred_at: '2026-01-03T00:00:00Z',
  });
  await onboardWith({
    device_details: { fingerprint, user_agent: 'C' },
    occurred_at: '2026-01-01T00:00:00Z',
  });
  const [row] = await graph.read(
    'MATCH (d:Device {id: $id}) RETURN d.trust_score AS score, d.last_seen_user_agent AS agent, d.version AS version',
    { id: first.device_id },
  );
  expect(row).toEqual({ score: policy.trust.initial, agent: 'B', version: 2 });
});
