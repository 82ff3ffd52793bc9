import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { fraudReport } from '../../test/fraud-fixtures.ts';
import {
  excludeFromVerification,
  onboardingRequest,
  randomToken,
  runCypher,
  testGraph,
  testHeader,
} from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import {
  addPaymentMethod,
  applyFraudOutcome,
  decideFraudReview,
  followPaymentMethod,
  getCustomerContext,
  getDevices,
  getFraudCase,
  getPaymentMethods,
  getPaymentMethodToken,
  onboard,
  readWallet,
  recordDispute,
  recordVerification,
  remindOfFraudReview,
  removePaymentMethod,
  requireFraudCase,
  setCustomerStatus,
  updateDeviceTrustScore,
  updatePaymentMethod,
  updatePaymentMethodStatus,
} from '../index.ts';
import { statementsOf } from '../migrate.ts';
import { verifyCustomer } from '../replay/verify.ts';
import { finishNotice, NOTICES_CALLER, openRecovery } from '../recovery/index.ts';
import type { FraudOutcomeReport } from '../../domain/fraud/messages.ts';

const policy = readPolicy();
const graph = await testGraph();

/** A customer with two cards, the first of which is the default, and a device with the score 0.9. */
async function suspect() {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 2 });
  const [device] = await getDevices(graph, { customer_id });
  const [payment_method_id = '', other = ''] = methods;
  const ids = { case_id: randomUUID(), customer_id, device_id: String(device?.device_id), payment_method_id };
  // The device was rated just now; reported times may be ahead by ten minutes at most.
  const started = Date.now();
  let minutes = 0;
  /** `minutes`: since the start; absent: one minute after the previous report. */
  const report = (
    outcome: FraudOutcomeReport['outcome'],
    change: Partial<FraudOutcomeReport> & { minutes?: number } = {},
  ) => {
    const { minutes: at = ++minutes, ...rest } = change;
    const occurred_at = new Date(started + at * 60_000).toISOString();
    const message = fraudReport({ ...ids, outcome, occurred_at, ...rest });
    return applyFraudOutcome(graph, testHeader({ occurredAt: occurred_at }), message);
  };
  const decide = (decision: 'suspend' | 'clear') =>
    decideFraudReview(graph, testHeader(), { case_id: ids.case_id, decision, reason: 'test' });
  const now = async () => {
    const wallet = await getPaymentMethods(graph, { customer_id });
    const context = await getCustomerContext(graph, { customer_id, policy });
    const [rated] = await getDevices(graph, { customer_id });
    return {
      method: wallet.find((one) => one.payment_method_id === payment_method_id)?.status,
      default: context.default_payment_method_id,
      customer: context.status,
      score: rated?.trust_score,
    };
  };
  return { ...ids, other, report, decide, now };
}

test('confirmed fraud changes card, customer and device, and a cleared case restores them', async () => {
  const { report, now, payment_method_id, other } = await suspect();
  const before = await now();
  expect(before).toMatchObject({
    method: 'active',
    default: payment_method_id,
    customer: 'active',
    score: 0.9,
  });
  expect(await report('challenge_failed')).toMatchObject({ applied: true, customer_status: 'active' });
  expect(await now()).toMatchObject({ method: 'failed', default: other, score: 0.9 });
  expect(await report('confirmed_fraud')).toMatchObject({
    customer_status: 'suspended',
    customer_status_changed: true,
  });
  expect(await now()).toEqual({ method: 'compromised', default: other, customer: 'suspended', score: 0 });
  await report('cleared');
  // The other card became the default and remains so: `cleared` does not change the default.
  expect(await now()).toEqual({ ...before, default: other });
});

test('changes that were overwritten since are not undone', async () => {
  const { report, decide, now, customer_id, payment_method_id, device_id } = await suspect();
  await report('suspected', { new_trust_score: 0.2 });
  const change = { customer_id, payment_method_id, reason: 'test' };
  await updatePaymentMethodStatus(graph, testHeader(), { ...change, status: 'active' });
  await updatePaymentMethodStatus(graph, testHeader(), { ...change, status: 'failed' });
  const observed_at = new Date(Date.now() + 100_000).toISOString();
  await updateDeviceTrustScore(graph, testHeader(), { device_id, trust_score: 0.4, observed_at });
  await decide('suspend');
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'active', reason: 'test' });
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  await report('cleared');
  expect(await now()).toMatchObject({ method: 'failed', customer: 'suspended', score: 0.4 });
});

test('a card that was compromised before the case remains so, whatever the outcome', async () => {
  const { report, now, customer_id, payment_method_id } = await suspect();
  const stolen = { customer_id, payment_method_id, status: 'compromised' as const, reason: 'stolen' };
  await updatePaymentMethodStatus(graph, testHeader(), stolen);
  await report('confirmed_fraud');
  await report('cleared');
  expect(await now()).toMatchObject({ method: 'compromised', customer: 'active' });
});

test('an outcome older than the last one of its case changes nothing; a repeated outcome is applied once', async () => {
  const { report, now, case_id, customer_id } = await suspect();
  await report('confirmed_fraud', { minutes: 9 });
  expect(await report('cleared', { minutes: 8 })).toMatchObject({
    applied: false,
    customer_status: 'suspended',
  });
  expect(await now()).toMatchObject({ method: 'compromised', customer: 'suspended' });
  const occurred_at = new Date(Date.now() + 9.5 * 60_000).toISOString();
  const header = testHeader({ occurredAt: occurred_at });
  const again = fraudReport({ case_id, customer_id, outcome: 'cleared', occurred_at });
  const first = await applyFraudOutcome(graph, header, again);
  expect(await applyFraudOutcome(graph, header, again)).toEqual(first);
  expect(await now()).toMatchObject({ method: 'active', customer: 'active', score: 0.9 });
});

test('a case belongs to one customer, and names only that customer’s methods', async () => {
  const { report, ...one } = await suspect();
  const other = await suspect();
  await report('challenge_passed', { new_trust_score: 0.8 });
  await expect(other.report('suspected', { case_id: one.case_id })).rejects.toMatchObject({
    type: 'invalid_argument',
  });
  const foreign = { payment_method_id: other.payment_method_id };
  await expect(report('confirmed_fraud', foreign)).rejects.toMatchObject({
    type: 'payment_method_not_found',
  });
  await expect(report('suspected', { new_trust_score: 1.1 })).rejects.toMatchObject({
    type: 'invalid_argument',
  });
  expect(await one.now()).toMatchObject({ method: 'active', customer: 'active', score: 0.8 });
});

test('a suspension returns the recoveries to signal, and so does lifting it', async () => {
  const { report, customer_id, payment_method_id, other } = await suspect();
  const failure = failureOf({ customer_id, methods: [payment_method_id, other] });
  const opening = { failure, policy, now: Date.now(), claim_first: false };
  await openRecovery(graph, testHeader({ occurredAt: failure.occurred_at }), opening);
  expect(await report('challenge_failed')).toMatchObject({ recoveries: [] });
  expect(await report('confirmed_fraud')).toMatchObject({ recoveries: [failure.payment_id] });
  expect(await report('confirmed_fraud')).toMatchObject({ recoveries: [] });
  const cleared = { recoveries: [failure.payment_id], restored: [payment_method_id] };
  expect(await report('cleared')).toMatchObject(cleared);
});

test('a suspected case is reviewed by an operator, who suspends the customer or undoes the case’s changes', async () => {
  const { report, decide, now, case_id, customer_id } = await suspect();
  const before = await now();
  await report('suspected', { new_trust_score: 0.3 });
  expect(await now()).toMatchObject({ method: 'failed', customer: 'active', score: 0.3 });
  expect(await getFraudCase(graph, case_id)).toMatchObject({
    ...{ customer_id, outcome: 'suspected', review: { reminded: false } },
  });
  expect(await decide('clear')).toMatchObject({ applied: true, customer_status: 'active' });
  expect(await now()).toMatchObject({ method: 'active', score: 0.9 });
  await report('suspected');
  await remindOfFraudReview(graph, testHeader(), { case_id });
  expect((await getFraudCase(graph, case_id))?.review).toMatchObject({ reminded: true });
  expect(await decide('suspend')).toMatchObject({ applied: true, customer_status: 'suspended' });
  expect(await getFraudCase(graph, case_id)).toEqual({
    ...{ customer_id, customer_status: 'suspended', outcome: 'suspended_in_review' },
    notice_due: `fraud:${case_id}:account_suspended:1`,
  });
  // A review is decided once, and Persona's clock does not determine the order of Chimera's outcomes.
  expect(await decide('clear')).toMatchObject({ applied: false, customer_status: 'suspended' });
  expect(await report('cleared')).toMatchObject({ applied: true, customer_status: 'active' });
  expect(await now()).toEqual({ ...before, default: expect.any(String) });
});

test('a review decision does not affect the order of Chimera’s outcomes', async () => {
  const { report, decide } = await suspect();
  await report('suspected', { minutes: -2 });
  await decide('clear');
  expect(await report('confirmed_fraud', { minutes: -1 })).toMatchObject({
    applied: true,
    customer_status: 'suspended',
  });
});

test('a later outcome ends the review, an older one does not', async () => {
  const { report, decide, case_id } = await suspect();
  await report('suspected', { minutes: 5 });
  expect(await report('challenge_passed', { minutes: 4 })).toMatchObject({ applied: false });
  expect(await getFraudCase(graph, case_id)).toHaveProperty('review');
  await report('challenge_passed', { minutes: 6 });
  expect(await getFraudCase(graph, case_id)).not.toHaveProperty('review');
  expect(await decide('suspend')).toMatchObject({ applied: false, customer_status: 'active' });
});

test('a change that two cases hold is undone once neither holds it', async () => {
  const one = await suspect();
  const { report, now } = one;
  const before = await now();
  const other_case = randomUUID();
  for (const case_id of [one.case_id, other_case]) await report('confirmed_fraud', { case_id });
  const stillHeld = { method: 'compromised', customer: 'suspended' };
  await report('cleared');
  expect(await now()).toMatchObject(stillHeld);
  // Confirmed again, and cleared in the other order.
  await report('confirmed_fraud');
  await report('cleared', { case_id: other_case });
  expect(await now()).toMatchObject(stillHeld);
  await report('cleared');
  expect(await now()).toMatchObject({ method: before.method, customer: 'active' });
});

test('fraud that is confirmed after it was cleared suspends again, and notifies the customer once', async () => {
  const { report, now, case_id, customer_id } = await suspect();
  await report('confirmed_fraud');
  const { notice_due: notification_id = '' } = await requireFraudCase(graph, case_id);
  const notice = { notification_id, customer_id, case_id, template: 'account_suspended', channel: 'email' };
  await finishNotice(graph, testHeader({ caller: NOTICES_CALLER }), notice);
  expect(await getFraudCase(graph, case_id)).not.toHaveProperty('notice_due');
  await report('cleared');
  expect(await now()).toMatchObject({ method: 'active', customer: 'active' });
  await report('confirmed_fraud');
  expect(await now()).toMatchObject({ method: 'compromised', customer: 'suspended' });
  expect(await getFraudCase(graph, case_id)).not.toHaveProperty('notice_due');
});

test('a card that its customer removed while it was compromised may be added again once that is cleared', async () => {
  const { report, customer_id, payment_method_id } = await suspect();
  const token = (await getPaymentMethodToken(graph, { customer_id, payment_method_id })).reveal();
  await report('confirmed_fraud');
  await removePaymentMethod(graph, testHeader(), { customer_id, payment_method_id, by: 'service' });
  expect(await report('cleared')).toMatchObject({ customer_status: 'active', restored: [] });
  const added = { customer_id, method: { type: 'card' as const, token }, added_by: 'customer' as const };
  expect(await addPaymentMethod(graph, testHeader(), added)).toMatchObject({
    ...{ payment_method_id, added: true, payment_method_status: 'unverified' },
  });
});

test('the migration corrects what an earlier release wrote when a compromised card was removed', async () => {
  const { report, customer_id, payment_method_id } = await suspect();
  await report('confirmed_fraud');
  const header = testHeader();
  const { version } = await removePaymentMethod(graph, header, {
    customer_id,
    payment_method_id,
    by: 'service',
  });
  excludeFromVerification(graph, customer_id);
  await runCypher(graph, 'MATCH (p:PaymentMethod {id: $payment_method_id}) SET p.status_seq = $version', {
    ...{ payment_method_id, version },
  });
  const file = new URL('../migrations/0014_wallets_of_the_gateway.cypher', import.meta.url);
  for (const statement of statementsOf(await readFile(file, 'utf8'))) await runCypher(graph, statement);
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);
});

test('a card that its customer removed remains compromised while another case holds it', async () => {
  const { report, customer_id, payment_method_id } = await suspect();
  const other_case = randomUUID();
  await report('confirmed_fraud');
  await report('confirmed_fraud', { case_id: other_case });
  await removePaymentMethod(graph, testHeader(), { customer_id, payment_method_id, by: 'service' });
  const status = async () =>
    (await readWallet(graph, customer_id)).find((one) => one.payment_method_id === payment_method_id)?.status;
  await report('cleared');
  expect(await status()).toBe('compromised');
  await report('cleared', { case_id: other_case });
  expect(await status()).toBe('inactive');
});

test('a card that is suspected during its verification remains failed, and is active once the case is cleared', async () => {
  const { report, customer_id } = await suspect();
  const token = randomToken();
  const { payment_method_id } = await addPaymentMethod(graph, testHeader(), {
    ...{ customer_id, method: { type: 'card', token }, added_by: 'customer' },
  });
  await report('challenge_failed', { payment_method_id });
  const verified = await recordVerification(graph, testHeader(), {
    ...{ customer_id, payment_method_id },
    answer: { result: 'attached', method: { token, type: 'card', gateway_type: 'card' } },
  });
  expect(verified).toMatchObject({ payment_method_status: 'failed', refused: 'payment_method_declined' });
  expect(await report('cleared')).toMatchObject({ restored: [payment_method_id] });
  const wallet = await getPaymentMethods(graph, { customer_id });
  expect(wallet.find((one) => one.payment_method_id === payment_method_id)).toMatchObject({
    status: 'active',
  });
});

test('a new expiry date does not lift a suspicion, and is used once the suspicion is cleared', async () => {
  const { report, now, customer_id, payment_method_id, other } = await suspect();
  const ids = { customer_id, payment_method_id };
  const setExpiry = (expiry_year: number) =>
    updatePaymentMethod(graph, testHeader(), {
      ...{ ...ids, by: 'customer', details: { expiry_month: 5, expiry_year } },
    });
  await report('suspected');
  expect(await setExpiry(2061)).toMatchObject({ changed: true, payment_method_status: 'failed' });
  // Nor do newer details at the gateway, nor a past date followed by a future one.
  const found = { token: 't', type: 'card', gateway_customer_ref: `cus_${customer_id}` } as const;
  const newer = { ...ids, found: { ...found, expiry_month: 5, expiry_year: 2020 } };
  expect(await followPaymentMethod(graph, testHeader(), newer)).toMatchObject({
    ...{ change: 'updated', payment_method_status: 'failed' },
  });
  expect(await setExpiry(2062)).toMatchObject({ payment_method_status: 'failed' });
  expect(await now()).toMatchObject({ default: other });
  expect(await report('cleared')).toMatchObject({ restored: [payment_method_id] });
  expect(await now()).toMatchObject({ method: 'active' });
});

test('a suspected card is not reactivated by removing and adding it again, nor by another token', async () => {
  const { report, now, decide, customer_id, payment_method_id, other } = await suspect();
  const statusOnceVerified = async (token: string) => {
    const method = { type: 'card', token } as const;
    const added = await addPaymentMethod(graph, testHeader(), { customer_id, method, added_by: 'customer' });
    const { payment_method_status } = await recordVerification(graph, testHeader(), {
      ...{ customer_id, payment_method_id: added.payment_method_id },
      answer: { result: 'attached', method: { ...method, instrument_fingerprint: 'suspected-card' } },
    });
    return payment_method_status;
  };
  const token = (await getPaymentMethodToken(graph, { customer_id, payment_method_id })).reveal();
  await report('suspected');
  await removePaymentMethod(graph, testHeader(), { customer_id, payment_method_id, by: 'customer' });
  expect(await statusOnceVerified(token)).toBe('failed');
  expect(await statusOnceVerified(randomToken())).toBe('failed');
  expect(await now()).toMatchObject({ method: 'failed', default: other });
  await decide('clear');
  expect(await statusOnceVerified(randomToken())).toBe('active');
});

test.each<[string, 'failed' | 'active', { expiry_month: number; expiry_year: number } | undefined]>([
  ['had been declined', 'failed', undefined],
  ['had expired', 'active', { expiry_month: 5, expiry_year: 2020 }],
])(
  'a card that %s before it was suspected is not reactivated by a new expiry date',
  async (_, afterwards, pastExpiry) => {
    const { report, now, customer_id, payment_method_id } = await suspect();
    const ids = { customer_id, payment_method_id };
    const setExpiry = (details: { expiry_month: number; expiry_year: number }) =>
      updatePaymentMethod(graph, testHeader(), { ...ids, by: 'customer', details });
    if (pastExpiry) await setExpiry(pastExpiry);
    else await updatePaymentMethodStatus(graph, testHeader(), { ...ids, status: 'failed', reason: 'test' });
    const { method: before } = await now();
    await report('suspected');
    await setExpiry({ expiry_month: 5, expiry_year: 2062 });
    expect(await now()).toMatchObject({ method: before });
    await report('cleared');
    expect(await now()).toMatchObject({ method: afterwards });
  },
);

test('an early fraud warning by the issuer outlasts a cleared case', async () => {
  const { report, now, customer_id, payment_method_id } = await suspect();
  await report('confirmed_fraud');
  await recordDispute(graph, testHeader(), {
    holder: { customer_id, payment_method_id, charged: true },
    dispute: {
      dispute_ref: `issfr_${randomUUID()}`,
      reason: 'unauthorized_use_of_card',
      state: 'early_warning',
    },
  });
  expect(await report('cleared')).toMatchObject({ customer_status: 'active', restored: [] });
  expect(await now()).toMatchObject({ method: 'compromised', customer: 'active' });
});

test('an outcome with a future time is refused, because every later one would appear older', async () => {
  const { report } = await suspect();
  await expect(report('cleared', { minutes: 11 })).rejects.toMatchObject({
    type: 'invalid_argument',
    problems: [{ field: 'occurred_at', message: 'must not be in the future' }],
  });
});

test('concurrent outcomes of many cases have the same result as consecutive ones', async () => {
  const { report, now, customer_id } = await suspect();
  const cases = Array.from({ length: 8 }, () => randomUUID());
  await Promise.all(cases.map((case_id) => report('confirmed_fraud', { case_id, minutes: 1 })));
  expect(await now()).toMatchObject({ method: 'compromised', customer: 'suspended' });
  await Promise.all(cases.map((case_id) => report('cleared', { case_id, minutes: 2 })));
  expect(await now()).toMatchObject({ method: 'active', customer: 'active' });
  const changes = await graph.read(
    `MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.type = 'CustomerStatusChanged' RETURN e.seq AS seq`,
    { customer_id },
  );
  expect(changes).toHaveLength(2);
});

test('a device shared by hundreds is rated by one event, and the other customers are neither written nor locked', async () => {
  const fingerprint = randomUUID();
  const sharers: string[] = [];
  // All of them contend for the device's lock: as many concurrently as a busy machine can process in time.
  for (let n = 0; n < 300; n += 10)
    sharers.push(
      ...(await Promise.all(
        Array.from({ length: 10 }, async () => {
          const request = onboardingRequest({ device_details: { fingerprint } });
          return (await onboard(graph, testHeader(), { request, policy })).customer_id;
        }),
      )),
    );
  const [customer_id = '', ...others] = sharers;
  const [device] = await getDevices(graph, { customer_id });
  const device_id = String(device?.device_id);
  const versions = () =>
    graph.read<{ id: string; version: number }>(
      'MATCH (c:Customer) WHERE c.id IN $others RETURN c.id AS id, c.version AS version ORDER BY id',
      { others },
    );
  const before = await versions();
  // A command that locked the other customers would wait for this transaction indefinitely.
  const lockSession = graph.writeSession();
  const transaction = await lockSession.beginTransaction();
  await transaction.run('UNWIND $others AS id MATCH (c:Customer {id: id}) SET c.locked = true', { others });
  const report = fraudReport({ customer_id, device_id, outcome: 'confirmed_fraud' });
  await applyFraudOutcome(graph, testHeader({ occurredAt: report.occurred_at }), report);
  await transaction.rollback();
  await lockSession.close();
  expect(await versions()).toEqual(before);
  const scoreEvents = await graph.read<{ data: string }>(
    `MATCH (e:PersonaEvent {stream_id: $device_id}) WHERE e.type = 'DeviceTrustScoreUpdated' RETURN e.data AS data`,
    { device_id },
  );
  expect(scoreEvents).toHaveLength(1);
  const { linked_customers, customer_ids } = JSON.parse(String(scoreEvents[0]?.data));
  expect({ linked_customers, named: customer_ids.length }).toEqual({ linked_customers: 300, named: 25 });
});
