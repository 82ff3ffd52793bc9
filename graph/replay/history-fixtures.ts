/** A customer with every type of event that the log can hold, written by Persona's own commands. */

import { randomUUID } from 'node:crypto';
import { startOfDay } from '../../domain/expiry/calendar.ts';
import { linkOf, removalOf } from '../../domain/contests.ts';
import type { EventType } from '../../domain/events/event.ts';
import type { Policy } from '../../domain/policy.ts';
import type { ChargeAnswer } from '../../domain/ports.ts';
import { attemptKey, settledPaymentKey } from '../../domain/workflow-contracts.ts';
import { testPersona } from '../../test/catalogue-fixtures.ts';
import { fraudReport } from '../../test/fraud-fixtures.ts';
import { CHARGE_ANSWERS } from '../../test/scenarios/charge-answers.ts';
import { paymentSettled } from '../../test/scenarios/reports.ts';
import { onboardingRequest, randomEmail, randomToken, testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import {
  addAddress,
  addDigitalIdentifier,
  addPaymentMethod,
  addRelationship,
  annotateEvent,
  contestEvent,
  decideContest,
  applyAnalyticsFeedback,
  applyFraudOutcome,
  decideFraudReview,
  type Graph,
  linkBehavioralProfile,
  onboard,
  recordDispute,
  recordVerification,
  remindOfFraudReview,
  removeAddress,
  removeDigitalIdentifier,
  removePaymentMethod,
  resolveIdentityMatch,
  setCustomerStatus,
  setDefaultPaymentMethod,
  setOffSessionConsent,
  updateNodeProperty,
  updatePaymentMethodStatus,
  updateRelationshipAttribute,
} from '../index.ts';
import { announceErasure } from '../erasure/index.ts';
import { activatePersona, deactivatePersona, putConfiguration, putPersona } from '../catalogue/index.ts';
import { advanceCardExpiry } from '../expiry/index.ts';
import {
  adoptGatewayPayment,
  claimAttempt,
  closeRecovery,
  endReview,
  finishNotice,
  flagForReview,
  followRefunds,
  getObligation,
  storeClock,
  openRecovery,
  openFromSettlement,
  recordAttempt,
  recordRefund,
  requestRefunds,
  setRecoveryPaused,
} from '../recovery/index.ts';

export interface CustomerHistory {
  customer_id: string;
  /** Recognised by an unverified e-mail address, and possibly the owner of another customer's device. */
  stranger_id: string;
  device_id: string;
  /** The first two are the wallet's, the third was added by an onboarding. */
  methods: [string, string, string];
  /** Recovered with the second method, and approved again with the first. */
  paid: string;
  /** Cancelled, and nothing of it is due. */
  closed: string;
  /** Its attempt was claimed and has no outcome yet. */
  open: string;
}

/** Creates a persona and a configuration with every type of event. */
export async function createCatalogueHistory(
  graph: Graph,
): Promise<{ persona: string; configuration: string }> {
  const name = `persona-${randomUUID()}`;
  const key = `test.${randomUUID()}`;
  const put = (system_prompt: string, context: string | null) =>
    putPersona(graph, testHeader(), {
      ...{ name, may_create: true, reason: null },
      content: testPersona({ system_prompt, context }),
    });
  await put('Route payments.', 'Cards are cheap.');
  await put('Route payments well.', null);
  const change = { name, reason: 'test' };
  await deactivatePersona(graph, testHeader(), change);
  await activatePersona(graph, testHeader(), change);
  await activatePersona(graph, testHeader(), { ...change, version: 1 });
  for (const value of ['1', '{"days":2}'])
    await putConfiguration(graph, testHeader(), { key, value, may_create: true, reason: 'test' });
  return { persona: name, configuration: key };
}

/** Creates a history of addresses, identifiers, devices, a wallet and recoveries. */
export async function createCustomerHistory(graph: Graph, policy: Policy): Promise<CustomerHistory> {
  const { customer_id, methods } = await customerWithCards(graph, policy, {
    cards: 2,
    fingerprints: [`card-${randomUUID()}`],
  });
  const [first, second] = methods as [string, string];
  const { device_id, third, stranger_id } = await onboardings(graph, policy, customer_id);
  const methodRef = (payment_method_id: string) => ({ customer_id, payment_method_id });
  const method = { token: randomToken(), type: 'card' as const, brand: 'visa', last_four: '4242' };
  await recordVerification(graph, testHeader(), {
    ...methodRef(first),
    answer: {
      result: 'attached',
      method: {
        ...method,
        expiry_month: 2,
        expiry_year: 2032,
        funding: 'debit',
        country: 'DE',
        gateway_type: 'card',
      },
    },
  });
  await expiryOf(graph, policy, methodRef(first));
  await setDefaultPaymentMethod(graph, testHeader(), { ...methodRef(second), by: 'customer' });
  await setOffSessionConsent(graph, testHeader(), {
    ...methodRef(third),
    off_session_consent: false,
    source: 'customer',
  });
  await updatePaymentMethodStatus(graph, testHeader(), {
    ...methodRef(third),
    status: 'inactive',
    reason: 'test',
  });
  await annotateEvent(graph, testHeader(), { customer_id, seq: 1, text: 'that was my sister' });
  await linkBehavioralProfile(graph, testHeader(), { customer_id, baseline_data_ref: 'baseline-1' });
  await linkBehavioralProfile(graph, testHeader(), { customer_id, baseline_data_ref: 'baseline-2' });
  const dispute = { dispute_ref: 'du_1', reason: 'general', state: 'open' } as const;
  await recordDispute(graph, testHeader(), { holder: { ...methodRef(third), charged: true }, dispute });
  const recoveries = await recoveriesOf(graph, policy, { customer_id, methods: [first, second] });
  // Attempts with the second card are joined to its number once that is known, and stay with it.
  for (const instrument_fingerprint of [`card-${randomUUID()}`, `card-${randomUUID()}`])
    await recordVerification(graph, testHeader(), {
      ...methodRef(second),
      answer: {
        result: 'attached',
        method: { token: randomToken(), type: 'card', instrument_fingerprint },
      },
    });
  await contestsOf(graph, customer_id);
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  await announceErasure(graph, { erasure_id: randomUUID(), customer_id: stranger_id });
  return { customer_id, stranger_id, device_id, methods: [first, second, third], ...recoveries };
}

/** One event of each type that restricts an edge: the first device is unlinked, and the last card stays contested. */
async function contestsOf(graph: Graph, customer_id: string): Promise<void> {
  const read = async (type: EventType) => {
    const rows = await graph.read<{ seq: number; data: string }>(
      `MATCH (e:PersonaEvent {stream_id: $customer_id, type: $type}) WHERE e.seq > 0
       RETURN e.seq AS seq, e.data AS data ORDER BY e.seq`,
      { customer_id, type },
    );
    const row = rows.at(type === 'PaymentMethodAdded' ? -1 : 0);
    if (row === undefined) throw new Error(`the history has no ${type}`);
    return { event: { customer_id, seq: row.seq }, link: linkOf(type, JSON.parse(row.data)) };
  };
  const [linked, ...others] = await Promise.all(
    (['DeviceLinked', 'LoginRecorded', 'AddressAdded', 'DigitalIdentifierAdded'] as const).map(read),
  );
  const card = await read('PaymentMethodAdded');
  for (const one of [linked, ...others, card])
    if (one) await contestEvent(graph, testHeader(), { ...one.event, reason: 'not me' });
  const decide = (one: typeof card, decision: 'upheld' | 'rejected') =>
    decideContest(graph, testHeader(), {
      ...{ ...one.event, decision, explanation: 'checked' },
      corrections: decision === 'upheld' && one.link ? [removalOf(one.link)] : [],
    });
  for (const one of others) await decide(one, 'rejected');
  if (linked) await decide(linked, 'upheld');
  await contestEvent(graph, testHeader(), { customer_id, seq: 1, reason: 'still not me' });
}

/** The card's expiry month ends: the first notice was sent, the second is due. */
async function expiryOf(
  graph: Graph,
  { expiry: { stages, frequentUseCount: frequent_use_count } }: Policy,
  card: { customer_id: string; payment_method_id: string },
): Promise<void> {
  const found = { token: 'unused', type: 'card', gateway_customer_ref: `cus_${card.customer_id}` } as const;
  const noticeOn = async (day: string) => {
    const scan = { now: startOfDay(day), stages, frequent_use_count };
    const { notice } = await advanceCardExpiry(graph, testHeader(), {
      ...card,
      expires_on: '2032-02-29',
      found,
      scan,
    });
    if (!notice) throw new Error(`there is no notice on ${day}`);
    return notice;
  };
  await finishNotice(graph, testHeader(), { ...card, ...(await noticeOn('2032-01-10')), channel: 'email' });
  await noticeOn('2032-02-10');
}

async function onboardings(graph: Graph, policy: Policy, customer_id: string) {
  const onboardWith = (change: Parameters<typeof onboardingRequest>[0]) =>
    onboard(graph, testHeader(), { request: onboardingRequest(change), policy });
  const address_details = {
    street1: '1 Main Street',
    street2: 'Flat 2',
    city: 'Berlin',
    zip_code: '10115',
    country: 'DE',
    type: 'shipping' as const,
  };
  const fingerprint = randomUUID();
  const email = { type: 'email' as const, value: randomEmail() };
  const method = { type: 'card' as const, token: randomToken(), expiry_month: 2, expiry_year: 2031 };
  // Another customer's device: a customer who uses it may be the same person.
  const owner = await onboardWith({ device_details: { fingerprint } });
  const otherCustomer = await onboardWith({
    device_details: { fingerprint, ip: '192.0.2.7', user_agent: 'Firefox/140' },
    digital_identifiers: [email],
  });
  // By an identifier that is first unverified, and then verified.
  await onboardWith({ digital_identifiers: [email], payment_method_details: method });
  await onboardWith({
    customer_id: otherCustomer.customer_id,
    digital_identifiers: [{ ...email, is_verified: true }],
    payment_method_details: method,
  });
  const device_details = { fingerprint, ip: '2001:db8::7', user_agent: 'Firefox/141' };
  const known = await onboardWith({
    customer_id,
    customer_metadata: { segment: 'VIP', locale: 'de', ltv: '3.00' },
    digital_identifiers: [{ type: 'email', value: randomEmail() }],
    device_details,
    address_details,
    payment_method_details: { type: 'card', token: randomToken(), off_session_consent: true },
  });
  await onboardWith({
    customer_id,
    device_details,
    address_details: { ...address_details, is_verified: true },
  });
  await editsOf(graph, policy, {
    customer_id: otherCustomer.customer_id,
    other_customer_id: owner.customer_id,
    device_id: String(known.device_id),
  });
  return {
    device_id: String(known.device_id),
    third: String(known.payment_method_id),
    stranger_id: otherCustomer.customer_id,
  };
}

/** Manual edits, and their reversal. */
async function editsOf(
  graph: Graph,
  policy: Policy,
  ids: { customer_id: string; other_customer_id: string; device_id: string },
): Promise<void> {
  const { customer_id, other_customer_id, device_id } = ids;
  const by = 'customer' as const;
  const address = { street1: 'A', city: 'B', zip_code: '1', country: 'US', type: 'shipping' as const };
  const { address_id } = await addAddress(graph, testHeader(), { customer_id, address, by });
  await addAddress(graph, testHeader(), { customer_id, address: { ...address, street1: 'C' }, by });
  await removeAddress(graph, testHeader(), { customer_id, address_id, by });
  const identifier = { customer_id, type: 'email' as const, value: randomEmail(), by, policy };
  const { identifier_id } = await addDigitalIdentifier(graph, testHeader(), identifier);
  const change = { label: 'DigitalIdentifier', id: identifier_id, property: 'is_verified' } as const;
  await updateNodeProperty(graph, testHeader(), { ...change, value: 'true' });
  await updateNodeProperty(graph, testHeader(), { ...change, value: 'false' });
  await removeDigitalIdentifier(graph, testHeader(), { customer_id, identifier_id, by });
  const { payment_method_id } = await addPaymentMethod(graph, testHeader(), {
    customer_id,
    method: { type: 'card', token: randomToken() },
    added_by: by,
  });
  const method = { customer_id, payment_method_id };
  await updatePaymentMethodStatus(graph, testHeader(), { ...method, status: 'active', reason: 'test' });
  const use = { source_id: payment_method_id, type: 'USED_ON', target_id: device_id } as const;
  await addRelationship(graph, testHeader(), use);
  const last_use = { attribute: 'last_use', value: '2040-01-01T00:00:00Z' };
  await updateRelationshipAttribute(graph, testHeader(), { ...use, ...last_use });
  const suspicion = { ...method, case_id: randomUUID(), device_id };
  await applyFraudOutcome(graph, testHeader(), fraudReport({ ...suspicion, outcome: 'confirmed_fraud' }));
  await applyFraudOutcome(graph, testHeader(), fraudReport({ ...suspicion, outcome: 'cleared' }));
  const { case_id } = suspicion;
  await applyFraudOutcome(graph, testHeader(), fraudReport({ ...suspicion, outcome: 'suspected' }));
  await remindOfFraudReview(graph, testHeader(), { case_id });
  await decideFraudReview(graph, testHeader(), { case_id, decision: 'clear', reason: 'test' });
  await removePaymentMethod(graph, testHeader(), { ...method, by });
  await applyAnalyticsFeedback(graph, testHeader(), {
    customer_id,
    event_id: randomUUID(),
    ltv_minor: 1,
    segment: 'GOLD',
    occurred_at: new Date().toISOString(),
  });
  const match = { customer_id, other_customer_id, status: 'rejected', reason: 'test' } as const;
  await resolveIdentityMatch(graph, testHeader(), match);
}

async function recoveriesOf(
  graph: Graph,
  policy: Policy,
  wallet: { customer_id: string; methods: [string, string] },
): Promise<{ paid: string; closed: string; open: string }> {
  const { customer_id, methods } = wallet;
  const [first, second] = methods;
  const openFailed = async (change: Partial<ReturnType<typeof failureOf>> = {}) => {
    const failure = failureOf(wallet, change);
    await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
    return failure.payment_id;
  };
  const claim = async (payment_id: string, payment_method_id: string) => {
    const key = attemptKey(payment_id, payment_method_id, 1);
    const input = { payment_id, payment_method_id, key, n: 1, policy, now: Date.now() };
    const { result } = await claimAttempt(graph, testHeader(), input);
    if (result !== 'claimed') throw new Error(`the claim is ${result}`);
    const charged = (answer: ChargeAnswer) =>
      recordAttempt(graph, testHeader(), { payment_id, key, answer, policy, now: Date.now() });
    return Object.assign(charged, { key });
  };
  const settle = (payment_id: string, gateway_payment_ref?: string) => {
    const settlement = paymentSettled({ payment_id, customer_id, gateway_payment_ref });
    return openFromSettlement(graph, testHeader(), { settlement, policy, now: Date.now() });
  };
  const paid = await openFailed({ description: 'March', gateway_payment_ref: 'pi_1' });
  await adoptGatewayPayment(graph, testHeader(), { payment_id: paid, gateway_ref: `pi_${randomUUID()}` });
  const late = await claim(paid, first);
  await late(CHARGE_ANSWERS.declined);
  const charge = await claim(paid, second);
  await charge(CHARGE_ANSWERS.unknown);
  await charge(CHARGE_ANSWERS.approved);
  await late({ ...CHARGE_ANSWERS.approved, charge_ref: 'ch_2' });
  const externalRef = `pi_${randomUUID()}`;
  await settle(paid, externalRef);
  const overpayment = { payment_id: paid, key: settledPaymentKey(externalRef) };
  const refuse = { result: { refused: 'not ours', final: true }, now: Date.now() } as const;
  await recordRefund(graph, testHeader(), { ...overpayment, ...refuse, n: 1 });
  await requestRefunds(graph, testHeader(), { payment_id: paid });
  const refunded = { result: { refund_ref: 're_1' }, now: Date.now() };
  await recordRefund(graph, testHeader(), { ...overpayment, ...refunded, key: late.key, n: 1 });
  await recordRefund(graph, testHeader(), { ...overpayment, ...refuse, n: 2 });
  // Others refund part of the payment, and that refund fails later.
  const externalRefund = { refund_ref: 're_3', charge_ref: 'ch_1', amount: 100, currency: 'USD' };
  const refunds = { payment_id: paid, gateway_ref: 'pi_1' };
  for (const state of ['refunded', 'failed'] as const)
    await followRefunds(graph, testHeader(), {
      now: Date.now(),
      ...refunds,
      refunds: [{ ...externalRefund, state }],
    });
  // And a second success that is still to be refunded.
  await settle(paid, `pi_${randomUUID()}`);

  const reopened = await openFailed();
  const cancelled = { payment_id: reopened, outcome: 'cancelled', rule: 'test' } as const;
  await closeRecovery(graph, testHeader(), cancelled, 'recovery_ended');
  await openFailed({ payment_id: reopened, occurred_at: new Date(Date.now() + 1000).toISOString() });
  await setRecoveryPaused(graph, testHeader(), { payment_id: reopened, paused: true });
  await flagForReview(graph, testHeader(), { payment_id: reopened, rule: 'test' });
  const stopped_at = new Date().toISOString();
  await storeClock(graph, testHeader(), { payment_id: reopened, closes_at: stopped_at, stopped_at });
  await endReview(graph, testHeader(), { payment_id: reopened });
  await storeClock(graph, testHeader(), { payment_id: reopened, closes_at: '2040-01-01T00:00:00.000Z' });
  await settle(`invoice-${randomUUID()}`);
  // An obligation that was closed in advance by a payment which cannot have settled it.
  const early = failureOf(wallet, { description: 'April' });
  await settle(early.payment_id, `pi_${randomUUID()}`);
  const contradicted = { policy, now: Date.now(), claim_first: false, evidence: 'of_another' } as const;
  await openRecovery(graph, testHeader(), { failure: early, ...contradicted });
  const notice = { customer_id, payment_id: reopened, template: 'recovered', channel: 'email' };
  await finishNotice(graph, testHeader(), { ...notice, notification_id: randomUUID() });
  await finishNotice(graph, testHeader(), { ...notice, notification_id: randomUUID(), failure: 'refused' });
  const { notices_due: [recovered = ''] = [] } = await getObligation(graph, paid);
  await finishNotice(graph, testHeader(), { ...notice, payment_id: paid, notification_id: recovered });

  const closed = await openFailed({ description: 'May' });
  await closeRecovery(graph, testHeader(), { payment_id: closed, outcome: 'cancelled', rule: 'test' });
  await finishNotice(graph, testHeader(), { ...notice, payment_id: closed, notification_id: randomUUID() });

  const open = await openFailed();
  await claim(open, second);
  return { paid, closed, open };
}
