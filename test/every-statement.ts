/** Runs every command and query of the graph once. */

import { attemptKey } from '../domain/workflow-contracts.ts';
import { customerWithCards, failureOf } from './wallet-fixtures.ts';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { RecordedEvent } from '../domain/events/event.ts';
import { readPolicy } from '../platform/policy.ts';
import { onboardingRequest, randomEmail, randomPhone, randomToken, testHeader } from './test-graph.ts';

import type { Graph } from '../graph/kernel/graph.ts';
import {
  addPaymentMethod,
  addRelationship,
  getAlternativePaymentMethods,
  createCustomer,
  findConnectedCustomers,
  findCustomerByDigitalId,
  findCustomersByDeviceFingerprint,
  findCardHolders,
  findKnownMethod,
  findNewestFraudCase,
  followPaymentMethod,
  getAddresses,
  getCustomer,
  getCheckout,
  getCustomerContext,
  getContextsWithoutDevices,
  getCustomerContexts,
  getCustomerProfile,
  getDevice,
  getDevices,
  getDigitalIdentifiers,
  getDisclosures,
  getFraudCase,
  getGatewayCustomer,
  getNoticeRecipients,
  getObligations,
  getPaymentMethod,
  getPaymentMethodToken,
  getPaymentMethods,
  getPaymentOptions,
  getRelationshipAttributes,
  getContestDecision,
  getContestForReview,
  getContests,
  getContestState,
  getEventDetails,
  getTimeline,
  awaitsBehavioralProfile,
  linkBehavioralProfile,
  linkDevice,
  onboard,
  recordDeviceLogin,
  recordDisclosures,
  recordDispute,
  recordVerification,
  requestMethodUpdate,
  setCustomerStatus,
  setDefaultPaymentMethod,
  setOffSessionConsent,
  updateCustomer,
  updateDeviceTrustScore,
  updatePaymentMethodStatus,
  wasReceived,
  hasReceipt,
  updateNodeProperty,
} from '../graph/index.ts';
import { ERASURE_STEPS } from '../domain/erasure/steps.ts';
import { findErasedIds, isErasedId } from '../graph/erasure/erased-ids.ts';
import {
  announceErasure,
  countOverdueErasures,
  findErasure,
  findErasureTakenBack,
  findErasureOf,
  findRunningErasures,
  finishErasure,
  forgetCustomer,
  hideCustomer,
  markStep,
  readGatewayData,
  isOnboardedBy,
  requestErasure,
  setWaiting,
  takeBackErasure,
} from '../graph/erasure/index.ts';
import { getCardNoticeContext, advanceCardExpiry } from '../graph/expiry/index.ts';
import {
  finishContextRebuild,
  getPublishingFacts,
  markPublished,
  OUTBOX_START,
  readContextRebuild,
  readUnpublished,
  requestContextRebuild,
  storeContextRebuild,
  storePublishedUntil,
} from '../graph/outbox/index.ts';
import {
  findUnrecordedDispute,
  findUnrecordedRefund,
  getComparedUntil,
  getPass,
  getWalletEntries,
  saveComparedUntil,
  savePass,
  recordMismatch,
  recordWalletMismatch,
  repairDefault,
  repairVersion,
  savePendingCharge,
  deletePendingCharge,
} from '../graph/reconciliation/index.ts';
import {
  clearReports,
  closeRecovery,
  findChargeInFlight,
  findKnownPayment,
  findKnownRefund,
  followRefunds,
  getNoticeContext,
  getObligation,
  getOpenObligations,
  getRecoveries,
  isRefundOwed,
  storeReport,
  postponeReports,
  openRecovery,
  readReportedFailure,
  claimAttempt,
  recordAttempt,
  recordRoutingOutcome,
  refreshRecovery,
  getUnresolvedCharge,
  leaseNotice,
  releaseNotice,
} from '../graph/recovery/index.ts';

import {
  aggregateMetrics,
  getConfiguration,
  getPersonaHistory,
  getPersonas,
  recordMetrics,
} from '../graph/catalogue/index.ts';
import {
  createCatalogueHistory,
  createCustomerHistory,
  type CustomerHistory,
} from '../graph/replay/history-fixtures.ts';
import { verifyStreams } from '../graph/replay/verify.ts';
import { exportCustomer } from '../services/export-customer.ts';

const policy = readPolicy();

/** Runs every operation of the graph once, so that each of its statements is recorded. */
export async function runEveryStatement(graph: Graph): Promise<void> {
  const email = { type: 'email' as const, value: randomEmail() };
  const phone = { type: 'phone_number' as const, value: randomPhone(), is_verified: true };
  const token = randomToken();
  const device = { fingerprint: randomUUID(), ip: '203.0.113.1', user_agent: 'UA' };
  const address = { street1: 'A', city: 'B', zip_code: '1', country: 'US', type: 'shipping' as const };
  const onboardWith = (change: Parameters<typeof onboardingRequest>[0]) =>
    onboard(graph, testHeader(), { request: onboardingRequest(change), policy });
  const other = await onboardWith({ digital_identifiers: [email] });
  const { customer_id, device_id, payment_method_id } = await onboardWith({
    digital_identifiers: [phone],
    device_details: device,
    address_details: address,
    payment_method_details: { type: 'card', token },
  });
  const own = { customer_id, payment_method_id: String(payment_method_id) };
  await onboardWith({
    customer_id,
    digital_identifiers: [email, { type: 'email', value: randomEmail() }],
    device_details: device,
    address_details: address,
    payment_method_details: { type: 'card', token, off_session_consent: true },
    customer_metadata: { ltv: '10.00', segment: 'VIP', locale: 'en' },
  });
  await onboardWith({ device_details: device });
  await onboardWith({
    customer_id: other.customer_id,
    digital_identifiers: [{ ...email, is_verified: true }],
  });
  await recordVerification(graph, testHeader(), {
    ...own,
    gateway_customer_ref: 'cus_1',
    answer: { result: 'attached', method: { token, type: 'card', brand: 'visa' } },
  });
  const added = await addPaymentMethod(graph, testHeader(), {
    customer_id,
    method: { type: 'card', token: randomToken(), device_id },
    added_by: 'customer',
  });
  await updatePaymentMethodStatus(graph, testHeader(), {
    customer_id,
    payment_method_id: added.payment_method_id,
    status: 'active',
    reason: 'test',
    observed_at: new Date().toISOString(),
  });
  await setDefaultPaymentMethod(graph, testHeader(), {
    customer_id,
    payment_method_id: added.payment_method_id,
    by: 'customer',
  });
  await setOffSessionConsent(graph, testHeader(), {
    ...own,
    off_session_consent: false,
    source: 'customer',
  });
  const change = { expiry_month: 5, expiry_year: 2040, off_session_consent: false };
  await requestMethodUpdate(graph, testHeader(), { ...own, change, by: 'customer' });
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  await linkBehavioralProfile(graph, testHeader(), { customer_id, baseline_data_ref: 'ref' });
  await updateDeviceTrustScore(graph, testHeader(), {
    device_id: String(device_id),
    trust_score: 1,
    observed_at: new Date().toISOString(),
  });

  await getCustomerContext(graph, { customer_id, policy });
  await getCustomerContexts(graph, { customer_ids: [customer_id], policy });
  await getContextsWithoutDevices(graph, { customer_ids: [customer_id], policy });
  await getCheckout(graph, { customer_id, device_id: String(device_id) });
  await getPaymentOptions(graph, { customer_id, now: Date.now() });
  await getCustomerProfile(graph, { customer_id });
  await getNoticeRecipients(graph, { customer_id });
  await getPaymentMethods(graph, { customer_id });
  await getPaymentMethod(graph, own);
  await getPaymentMethodToken(graph, own);
  await getGatewayCustomer(graph, { customer_id });
  await awaitsBehavioralProfile(graph, { customer_id });
  await getDevice(graph, { device_id: String(device_id) });
  await getAlternativePaymentMethods(graph, {
    customer_id,
    failed_payment_method_id: own.payment_method_id,
    policy,
    now: Date.now(),
  });
  await findCustomerByDigitalId(graph, { ...phone, policy });

  const life = await createCustomerHistory(graph, policy);
  await getRecoveries(graph, { customer_id: life.customer_id, limit: 10 });
  await getObligation(graph, life.open);
  await getNoticeContext(graph, { payment_id: life.paid, notification_id: 'none', template: 'recovered' });
  await getOpenObligations(graph, life.customer_id);
  await findChargeInFlight(graph, own);
  await isRefundOwed(graph, { payment_id: life.paid, notification_id: 'none' });
  await getTimeline(graph, { customer_id: life.customer_id, limit: 10 });
  await runContestStatements(graph, life.customer_id);
  await getEventDetails(graph, { customer_id: life.customer_id, after: 0, limit: 10 });
  const { parts } = await exportCustomer({ graph }, new AbortController(), { customer_id: life.customer_id });
  await Readable.from(parts).toArray();
  const disclosed = { recipient: 'oracle', purpose: 'analytics', categories: ['history'] } as const;
  await recordDisclosures(graph, [{ customer_id, day: '2026-11-24', ...disclosed }]);
  await getDisclosures(graph, { customer_id });
  for (const label of ['CustomerKey', 'DeviceKey'] as const)
    await graph.keyStore.readAll(graph, label, ['none']);
  await readUnpublished(graph, { from: OUTBOX_START, except: [], limit: 10 });
  await markPublished(graph, [{ id: randomUUID(), traceparent: 'none' }]);
  await storePublishedUntil(graph, 0);
  await readContextRebuild(graph);
  const rebuild = (await requestContextRebuild(graph)) ?? { id: 'none', after: '', published: 0 };
  await storeContextRebuild(graph, rebuild);
  await finishContextRebuild(graph, rebuild);
  await getPublishingFacts(graph, [
    {
      ...{
        id: randomUUID(),
        stream: 'customer',
        stream_id: life.customer_id,
        seq: 2,
        type: 'RecoveryClosed',
      },
      ...{ schema_version: 2, occurred_at: new Date().toISOString(), recorded_at: new Date().toISOString() },
      ...{ source: 'test', actor: 'test', correlation_id: 'test', causation_id: null },
      data: { payment_id: life.paid, state: 'recovered' },
    } as RecordedEvent,
  ]);
  await findKnownPayment(graph, {
    about: 'payment',
    result: 'approved',
    codes: {},
    event_id: randomUUID(),
    gateway_ref: 'pi_1',
    payment_id: life.paid,
    token,
  });
  const event_id = randomUUID();
  await findKnownMethod(graph, { event_id, token });
  const found = { token, type: 'card', gateway_customer_ref: 'cus_1', last_four: '4242' } as const;
  await followPaymentMethod(graph, testHeader(), { ...own, found });
  await advanceCardExpiry(graph, testHeader(), {
    ...{ ...own, expires_on: '2026-12-31', found },
    scan: { now: Date.now(), stages: [60], frequent_use_count: 3 },
  });
  await getCardNoticeContext(graph, { payment_method_id: own.payment_method_id, notification_id: 'none' });
  await wasReceived(graph, event_id);
  const dispute = { dispute_ref: 'du_1', reason: 'fraudulent', state: 'open', token } as const;
  const card = { instrument_fingerprint: 'fp_1', gateway_customer_ref: 'cus_1' };
  await findCardHolders(graph, { ...dispute, ...card });
  const holder = { customer_id: life.customer_id, charged: true, payment_method_id: life.methods[0] };
  await recordDispute(graph, testHeader(), { holder, dispute });
  const paymentRef = { gateway_ref: 'pi_1', payment_id: life.paid };
  await findKnownRefund(graph, { about: 'refund', event_id, charge_ref: 'ch_1', ...paymentRef });
  const refund = { refund_ref: 're_2', charge_ref: 'ch_1', amount: 1, currency: 'USD' } as const;
  await followRefunds(graph, testHeader(), {
    now: Date.now(),
    ...paymentRef,
    refunds: [{ ...refund, state: 'refunded' }],
  });
  const message = { event_id, payment_id: life.paid, gateway_ref: 'pi_1', result: 'approved' } as const;
  const report = { kind: 'charge_result', event_id } as const;
  await storeReport(graph, testHeader(), { ...report, message }, life.customer_id);
  await postponeReports(graph, testHeader(), [{ ...report, until: Date.now() }]);
  await clearReports(graph, testHeader(), { payment_id: life.paid, reports: [report] });
  await runErasureStatements(graph);
  await runRecoveryStatements(graph);
  await runReconciliationStatements(graph, life);
  const streams = [
    { kind: 'customer', id: life.customer_id },
    { kind: 'device', id: life.device_id },
  ] as const;
  await verifyStreams(graph, streams);
  await runEditsAndSearches(graph, life);
  await runCatalogueStatements(graph);
}

/** The catalogue of agents' personas. */
async function runCatalogueStatements(graph: Graph): Promise<void> {
  const { persona, configuration } = await createCatalogueHistory(graph);
  await getPersonas(graph, [persona]);
  await getPersonaHistory(graph, { name: persona, limit: 10 });
  await getConfiguration(graph, { key: configuration });
  const metric = { name: 'latency', value: 1, unit: 'ms' };
  await recordMetrics(graph, testHeader(), { persona, metrics: [metric] });
  const period = { from: new Date(0).toISOString(), to: new Date().toISOString(), every: 60_000 };
  await aggregateMetrics(graph, { persona, name: metric.name, ...period, limit: 10 });
  await verifyStreams(graph, [
    { kind: 'catalogue', id: persona },
    { kind: 'configuration', id: configuration },
  ]);
}

async function runContestStatements(graph: Graph, customer_id: string): Promise<void> {
  const contest_id = `${customer_id}:1`;
  await getContests(graph, { customer_id, limit: 10 });
  await getContestForReview(graph, { customer_id, seq: 1 });
  await getContestState(graph, contest_id);
  await getContestDecision(graph, { contest_id, notification_id: 'none' });
}

/** The reads and writes of the reconciliation. */
async function runReconciliationStatements(
  graph: Graph,
  { customer_id, methods, paid, device_id }: CustomerHistory,
): Promise<void> {
  await getWalletEntries(graph, { customer_id });
  const payment_method_id = String(methods[0]);
  const noted = { customer_id, payment_method_id };
  await recordMismatch(graph, testHeader(), { ...noted, mismatch: 'other_number' });
  await recordWalletMismatch(graph, testHeader(), { customer_id, mismatch: 'unknown_here' });
  await repairDefault(graph, testHeader(), { customer_id });
  await repairVersion(graph, testHeader(), { kind: 'customer', id: customer_id });
  await repairVersion(graph, testHeader(), { kind: 'device', id: device_id });
  await savePass(graph, testHeader(), { began_at: 0, after: '', done: 0 });
  await saveComparedUntil(graph, testHeader(), 0);
  const pending = { charge_ref: `ch_${randomUUID()}`, made_at: 0 };
  await savePendingCharge(graph, testHeader(), pending);
  await deletePendingCharge(graph, testHeader(), pending);
  await Promise.all([getPass(graph), getComparedUntil(graph)]);
  const paymentRef = { gateway_ref: 'pi_1', payment_id: paid, about: 'refund' } as const;
  await findUnrecordedRefund(graph, { ...paymentRef, refund_ref: 're_9', state: 'refunded' }, randomUUID());
  await findUnrecordedDispute(graph, { dispute_ref: 'du_9', reason: 'general', state: 'open' });
}

/** Edits, rare reads, and searches across all customers. */
async function runEditsAndSearches(graph: Graph, life: CustomerHistory): Promise<void> {
  const { customer_id, device_id } = life;
  const created = await createCustomer(graph, testHeader(), { locale: 'en' });
  const identifiers = [{ type: 'email' as const, value: randomEmail() }];
  const own = { customer_id: created.customer_id, by: 'customer' as const };
  await updateCustomer(graph, testHeader(), { ...own, locale: 'de', identifiers, policy });
  const fingerprint = randomUUID();
  await linkDevice(graph, testHeader(), { ...own, device: { fingerprint }, policy });
  await recordDeviceLogin(graph, testHeader(), { ...own, device_id });
  const [address] = await getAddresses(graph, { customer_id });
  const id = String(address?.address_id);
  const verified = { label: 'Address', id, property: 'is_verified', value: 'true' } as const;
  await updateNodeProperty(graph, testHeader(), verified);
  const match = { source_id: customer_id, target_id: created.customer_id, type: 'POSSIBLY_SAME_AS' } as const;
  await addRelationship(graph, testHeader(), match);
  await getRelationshipAttributes(graph, match);

  await getCustomer(graph, { customer_id });
  await getDevices(graph, { customer_id });
  await getAddresses(graph, { customer_id });
  await getDigitalIdentifiers(graph, { customer_id });
  await getObligations(graph, { customer_id, limit: 10 });
  await findNewestFraudCase(graph, { customer_id });
  await getFraudCase(graph, 'case-1');
  await findConnectedCustomers(graph, { customer_id, crowd: 25, limit: 10 });
  await findCustomersByDeviceFingerprint(graph, { fingerprint, policy });
}

/** Recovery operations not covered by `createCustomerHistory`. */
async function runRecoveryStatements(graph: Graph): Promise<void> {
  const email = randomEmail();
  const wallet = await customerWithCards(graph, policy, { cards: 2, email });
  const { customer_id, methods } = wallet;
  const [first = '', second = ''] = methods;
  const at = { policy, now: Date.now() };
  const open = async (change: Parameters<typeof failureOf>[1] = {}) => {
    const failure = failureOf(wallet, change);
    await readReportedFailure(graph, failure);
    const header = testHeader();
    const input = { failure, ...at, claim_first: false };
    await openRecovery(graph, header, input);
    return { payment_id: failure.payment_id, again: () => openRecovery(graph, header, input), header };
  };
  const claim = async (payment_id: string, payment_method_id: string) => {
    const key = attemptKey(payment_id, payment_method_id, 1);
    await claimAttempt(graph, testHeader(), { ...at, payment_id, payment_method_id, key, n: 1 });
    return { payment_id, key };
  };
  const routed = {
    ...{ customer_id, payment_method_id: first, amount: 1, currency: 'USD', transaction_id: randomUUID() },
  };
  for (const [succeeded, minutes] of [
    [false, 2],
    [true, 1],
  ] as const) {
    const event = {
      event_id: randomUUID(),
      occurred_at: new Date(Date.now() - minutes * 60_000).toISOString(),
    };
    const outcome = { ...routed, ...event, succeeded, decline_code: 'incorrect_cvc' };
    await recordRoutingOutcome(graph, testHeader({ occurredAt: event.occurred_at }), { outcome, policy });
  }
  const paid = await open();
  await paid.again();
  await hasReceipt(graph, paid.header);
  const attempt = await claim(paid.payment_id, second);
  await getUnresolvedCharge(graph, { key: attempt.key, ...at });
  const waiting = await open();
  await claim(waiting.payment_id, second);
  await refreshRecovery(graph, { ...at, payment_id: waiting.payment_id });
  const charged = { gateway_ref: 'pi_2', charge_ref: 'ch_9', charged_token: randomToken() };
  await recordAttempt(graph, testHeader(), {
    ...at,
    ...attempt,
    answer: { result: 'approved', ...charged },
  });
  await recordVerification(graph, testHeader(), {
    ...{ customer_id, payment_method_id: first, gateway_customer_ref: 'cus_new' },
    instead_of: `cus_${customer_id}`,
    answer: { result: 'attached', method: { token: randomToken(), type: 'card' } },
  });
  const { payment_id } = await open({ decline_code: 'revocation_of_authorization' });
  const notice = { notification_id: randomUUID(), try_id: randomUUID() };
  const noticeRef = { payment_id, notification_id: notice.notification_id };
  await getNoticeContext(graph, { ...noticeRef, template: 'payment_stopped' });
  await leaseNotice(graph, testHeader(), { ...notice, now: at.now, limit: 1000 });
  await releaseNotice(graph, testHeader(), notice);
}

/** An erasure, of a customer with payments, a device of their own and a shared one, whom others may be. */
async function runErasureStatements(graph: Graph): Promise<void> {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 1 });
  const failure = failureOf({ customer_id, methods });
  const { payment_id } = failure;
  await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
  await closeRecovery(graph, testHeader(), { payment_id, outcome: 'cancelled', rule: 'cancelled' });
  const device_details = { fingerprint: randomUUID() };
  const request = onboardingRequest({ customer_id, device_details });
  await onboard(graph, testHeader(), { request, policy });
  await onboard(graph, testHeader(), { request: onboardingRequest({ device_details }), policy });
  const by = { actor: 'test', correlationId: 'test' };
  for (const isTakenBack of [true, false]) {
    const { erasure_id } = await requestErasure(graph, { customer_id });
    await findErasure(graph, customer_id);
    await findErasureOf(graph, customer_id);
    await hideCustomer(graph, { erasure_id, customer_id, by });
    if (isTakenBack) {
      await takeBackErasure(graph, { erasure_id, by });
      await findErasureTakenBack(graph, customer_id);
      continue;
    }
    await setWaiting(graph, erasure_id, ['charge']);
    for (const step of ERASURE_STEPS) await markStep(graph, erasure_id, step);
    await isOnboardedBy(graph, { customer_id, transaction_ids: [randomUUID()] });
    await readGatewayData(graph, customer_id);
    await announceErasure(graph, { erasure_id, customer_id });
    await verifyStreams(graph, [{ kind: 'customer', id: customer_id }]);
    await forgetCustomer(graph, { erasure_id, customer_id }, () => {});
    await finishErasure(graph, erasure_id);
  }
  // Two who are erased at the same time, one of whom was suggested to the other.
  const twins = { fingerprint: randomUUID() };
  const onboardTwin = async () => {
    const twin = onboardingRequest({ device_details: twins });
    return (await onboard(graph, testHeader(), { request: twin, policy })).customer_id;
  };
  const suggested = await onboardTwin();
  const forgotten = [];
  for (const id of [suggested, await onboardTwin()]) {
    const { erasure_id } = await requestErasure(graph, { customer_id: id });
    await hideCustomer(graph, { erasure_id, customer_id: id, by });
    forgotten.push({ erasure_id, customer_id: id });
  }
  const killed = () => {
    throw new Error('killed');
  };
  await Promise.allSettled(forgotten.map((one) => forgetCustomer(graph, one, killed)));
  for (const one of forgotten) await forgetCustomer(graph, one, () => {});
  await isErasedId(graph, graph, customer_id);
  await findErasedIds(graph, [customer_id]);
  await findRunningErasures(graph, { after: '', limit: 10 });
  await countOverdueErasures(graph, Date.now());
}
