/** Runs every command and query of the graph once. */

import { attemptKey } from '../domain/processes.ts';
import { customerWithCards, failureOf } from './wallets.ts';
import { randomUUID } from 'node:crypto';
import { readPolicy } from '../platform/policy.ts';
import { onboardingRequest, randomEmail, randomPhone, randomToken, testHeader } from './graph.ts';

import type { Graph } from '../graph/graph.ts';
import {
  addPaymentMethod,
  addRelationship,
  alternativesOf,
  createCustomer,
  findConnectedCustomers,
  findCustomerByDigitalId,
  findCustomersByDeviceFingerprint,
  findCardHolders,
  findMethodMatter,
  findNewestFraudCase,
  followPaymentMethod,
  getAddresses,
  getCustomer,
  getCustomerContext,
  getCustomerProfile,
  getDevice,
  getDevices,
  getDigitalIdentifiers,
  getFraudCase,
  getGatewayCustomer,
  getNoticeRecipients,
  getObligations,
  getPaymentMethod,
  getPaymentMethodToken,
  getPaymentMethods,
  getRelationshipAttributes,
  getTimeline,
  awaitsBehavioralProfile,
  linkBehavioralProfile,
  linkDevice,
  onboard,
  recordDeviceLogin,
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
  isRemembered,
  updateNodeProperty,
} from '../graph/index.ts';
import { getCardMatter, rollCard } from '../graph/expiry/index.ts';
import {
  findUnknownDispute,
  findUnknownRefund,
  getComparedUntil,
  getPass,
  getWalletEntries,
  keepComparedUntil,
  keepPass,
  recordMismatch,
  recordWalletMismatch,
  repairDefault,
  repairVersion,
  keepPendingCharge,
  forgetPendingCharge,
} from '../graph/reconciliation/index.ts';
import {
  clearReports,
  findChargeInFlight,
  findNewsMatter,
  findRefundMatter,
  followRefunds,
  getNoticeMatter,
  getObligation,
  getOpenObligations,
  getRecoveries,
  isRefundOwed,
  keepReport,
  postponeReports,
  openRecovery,
  claimAttempt,
  recordAttempt,
  rereadRecovery,
  getDoubt,
  startNotice,
  releaseNotice,
} from '../graph/recovery/index.ts';

import { fullLife, type Life } from '../graph/replay/testing.ts';
import { verifyStreams } from '../graph/replay/verify.ts';

const policy = readPolicy();

/** Everything that the graph does, once, so that each of its statements is seen. */
export async function everything(recorded: Graph): Promise<void> {
  const email = { type: 'email' as const, value: randomEmail() };
  const phone = { type: 'phone_number' as const, value: randomPhone(), is_verified: true };
  const token = randomToken();
  const device = { fingerprint: randomUUID(), ip: '203.0.113.1', user_agent: 'UA' };
  const address = { street1: 'A', city: 'B', zip_code: '1', country: 'US', type: 'shipping' as const };
  const meet = (change: Parameters<typeof onboardingRequest>[0]) =>
    onboard(recorded, testHeader(), { request: onboardingRequest(change), policy });
  const other = await meet({ digital_identifiers: [email] });
  const { customer_id, device_id, payment_method_id } = await meet({
    digital_identifiers: [phone],
    device_details: device,
    address_details: address,
    payment_method_details: { type: 'card', token },
  });
  const own = { customer_id, payment_method_id: String(payment_method_id) };
  await meet({
    customer_id,
    digital_identifiers: [email, { type: 'email', value: randomEmail() }],
    device_details: device,
    address_details: address,
    payment_method_details: { type: 'card', token, off_session_consent: true },
    customer_metadata: { ltv: '10.00', segment: 'VIP', locale: 'en' },
  });
  await meet({ device_details: device });
  await meet({ customer_id: other.customer_id, digital_identifiers: [{ ...email, is_verified: true }] });
  await recordVerification(recorded, testHeader(), {
    ...own,
    gateway_customer_ref: 'cus_1',
    answer: { result: 'attached', method: { token, type: 'card', brand: 'visa' } },
  });
  const added = await addPaymentMethod(recorded, testHeader(), {
    customer_id,
    method: { type: 'card', token: randomToken(), device_id },
    added_by: 'customer',
  });
  await updatePaymentMethodStatus(recorded, testHeader(), {
    customer_id,
    payment_method_id: added.payment_method_id,
    status: 'active',
    reason: 'test',
    observed_at: new Date().toISOString(),
  });
  await setDefaultPaymentMethod(recorded, testHeader(), {
    customer_id,
    payment_method_id: added.payment_method_id,
    by: 'customer',
  });
  await setOffSessionConsent(recorded, testHeader(), {
    ...own,
    off_session_consent: false,
    source: 'customer',
  });
  const change = { expiry_month: 5, expiry_year: 2040, off_session_consent: false };
  await requestMethodUpdate(recorded, testHeader(), { ...own, change, by: 'customer' });
  await setCustomerStatus(recorded, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  await linkBehavioralProfile(recorded, testHeader(), { customer_id, baseline_data_ref: 'ref' });
  await updateDeviceTrustScore(recorded, testHeader(), {
    device_id: String(device_id),
    trust_score: 1,
    observed_at: new Date().toISOString(),
  });

  await getCustomerContext(recorded, { customer_id, policy });
  await getCustomerProfile(recorded, { customer_id });
  await getNoticeRecipients(recorded, { customer_id });
  await getPaymentMethods(recorded, { customer_id });
  await getPaymentMethod(recorded, own);
  await getPaymentMethodToken(recorded, own);
  await getGatewayCustomer(recorded, { customer_id });
  await awaitsBehavioralProfile(recorded, { customer_id });
  await getDevice(recorded, { device_id: String(device_id) });
  await alternativesOf(recorded, {
    customer_id,
    failed_payment_method_id: own.payment_method_id,
    policy,
    now: Date.now(),
  });
  await findCustomerByDigitalId(recorded, { ...phone, policy });

  const life = await fullLife(recorded, policy);
  await getRecoveries(recorded, { customer_id: life.customer_id, limit: 10 });
  await getObligation(recorded, life.open);
  await getNoticeMatter(recorded, { payment_id: life.paid, notification_id: 'none', template: 'recovered' });
  await getOpenObligations(recorded, life.customer_id);
  await findChargeInFlight(recorded, own);
  await isRefundOwed(recorded, { payment_id: life.paid, notification_id: 'none' });
  await getTimeline(recorded, { customer_id: life.customer_id, limit: 10 });
  await findNewsMatter(recorded, {
    about: 'payment',
    result: 'approved',
    codes: {},
    event_id: randomUUID(),
    gateway_ref: 'pi_1',
    payment_id: life.paid,
    token,
  });
  const event_id = randomUUID();
  await findMethodMatter(recorded, { event_id, token });
  const found = { token, type: 'card', gateway_customer_ref: 'cus_1', last_four: '4242' } as const;
  await followPaymentMethod(recorded, testHeader(), { ...own, found });
  await rollCard(recorded, testHeader(), {
    ...{ ...own, expires_on: '2026-12-31', found },
    scan: { now: Date.now(), stages: [60], frequent_use_count: 3 },
  });
  await getCardMatter(recorded, { payment_method_id: own.payment_method_id, notification_id: 'none' });
  await wasReceived(recorded, event_id);
  const dispute = { dispute_ref: 'du_1', reason: 'fraudulent', state: 'open', token } as const;
  const card = { instrument_fingerprint: 'fp_1', gateway_customer_ref: 'cus_1' };
  await findCardHolders(recorded, { ...dispute, ...card });
  const holder = { customer_id: life.customer_id, charged: true, payment_method_id: life.methods[0] };
  await recordDispute(recorded, testHeader(), { holder, dispute });
  const refunded = { gateway_ref: 'pi_1', payment_id: life.paid };
  await findRefundMatter(recorded, { about: 'refund', event_id, charge_ref: 'ch_1', ...refunded });
  const refund = { refund_ref: 're_2', charge_ref: 'ch_1', amount: 1, currency: 'USD' } as const;
  await followRefunds(recorded, testHeader(), {
    now: Date.now(),
    ...refunded,
    refunds: [{ ...refund, state: 'refunded' }],
  });
  const message = { event_id, payment_id: life.paid, gateway_ref: 'pi_1', result: 'approved' } as const;
  const report = { kind: 'charge_result', event_id } as const;
  await keepReport(recorded, testHeader(), { ...report, message }, life.customer_id);
  await postponeReports(recorded, testHeader(), [{ ...report, until: Date.now() }]);
  await clearReports(recorded, testHeader(), { payment_id: life.paid, reports: [report] });
  await recoveries(recorded);
  await reconciled(recorded, life);
  const streams = [
    { kind: 'customer', id: life.customer_id },
    { kind: 'device', id: life.device_id },
  ] as const;
  await verifyStreams(recorded, streams);
  await editsAndFindings(recorded, life);
}

/** What the comparison with the gateway asks and writes. */
async function reconciled(recorded: Graph, { customer_id, methods, paid, device_id }: Life): Promise<void> {
  await getWalletEntries(recorded, { customer_id });
  const payment_method_id = String(methods[0]);
  const noted = { customer_id, payment_method_id };
  await recordMismatch(recorded, testHeader(), { ...noted, mismatch: 'other_number' });
  await recordWalletMismatch(recorded, testHeader(), { customer_id, mismatch: 'unknown_here' });
  await repairDefault(recorded, testHeader(), { customer_id });
  await repairVersion(recorded, testHeader(), { kind: 'customer', id: customer_id });
  await repairVersion(recorded, testHeader(), { kind: 'device', id: device_id });
  await keepPass(recorded, testHeader(), { began_at: 0, after: '', done: 0 });
  await keepComparedUntil(recorded, testHeader(), 0);
  const pending = { charge_ref: `ch_${randomUUID()}`, made_at: 0 };
  await keepPendingCharge(recorded, testHeader(), pending);
  await forgetPendingCharge(recorded, testHeader(), pending);
  await Promise.all([getPass(recorded), getComparedUntil(recorded)]);
  const of = { gateway_ref: 'pi_1', payment_id: paid, about: 'refund' } as const;
  await findUnknownRefund(recorded, { ...of, refund_ref: 're_9', state: 'refunded' }, randomUUID());
  await findUnknownDispute(recorded, { dispute_ref: 'du_9', reason: 'general', state: 'open' });
}

/** What is seldom asked, or of all customers at once. */
async function editsAndFindings(recorded: Graph, life: Life): Promise<void> {
  const { customer_id, device_id } = life;
  const created = await createCustomer(recorded, testHeader(), { locale: 'en' });
  const identifiers = [{ type: 'email' as const, value: randomEmail() }];
  const own = { customer_id: created.customer_id, by: 'customer' as const };
  await updateCustomer(recorded, testHeader(), { ...own, locale: 'de', identifiers, policy });
  const fingerprint = randomUUID();
  await linkDevice(recorded, testHeader(), { ...own, device: { fingerprint }, policy });
  await recordDeviceLogin(recorded, testHeader(), { ...own, device_id });
  const [address] = await getAddresses(recorded, { customer_id });
  const id = String(address?.address_id);
  const verified = { label: 'Address', id, property: 'is_verified', value: 'true' } as const;
  await updateNodeProperty(recorded, testHeader(), verified);
  const match = { source_id: customer_id, target_id: created.customer_id, type: 'POSSIBLY_SAME_AS' } as const;
  await addRelationship(recorded, testHeader(), match);
  await getRelationshipAttributes(recorded, match);

  await getCustomer(recorded, { customer_id });
  await getDevices(recorded, { customer_id });
  await getAddresses(recorded, { customer_id });
  await getDigitalIdentifiers(recorded, { customer_id });
  await getObligations(recorded, { customer_id, limit: 10 });
  await findNewestFraudCase(recorded, { customer_id });
  await getFraudCase(recorded, 'case-1');
  await findConnectedCustomers(recorded, { customer_id, crowd: 25, limit: 10 });
  await findCustomersByDeviceFingerprint(recorded, { fingerprint, policy });
}

/** What happens to recoveries besides `fullLife`. */
async function recoveries(recorded: Graph): Promise<void> {
  const email = randomEmail();
  const wallet = await customerWithCards(recorded, policy, { cards: 2, email });
  const { customer_id, methods } = wallet;
  const [first = '', second = ''] = methods;
  const at = { policy, now: Date.now() };
  const open = async (change: Parameters<typeof failureOf>[1] = {}) => {
    const failure = failureOf(wallet, change);
    const header = testHeader();
    const input = { failure, ...at, claim_first: false };
    await openRecovery(recorded, header, input);
    return { payment_id: failure.payment_id, again: () => openRecovery(recorded, header, input), header };
  };
  const claim = async (payment_id: string, payment_method_id: string) => {
    const key = attemptKey(payment_id, payment_method_id, 1);
    await claimAttempt(recorded, testHeader(), { ...at, payment_id, payment_method_id, key, n: 1 });
    return { payment_id, key };
  };
  const paid = await open();
  await paid.again();
  await isRemembered(recorded, paid.header);
  const attempt = await claim(paid.payment_id, second);
  await getDoubt(recorded, { key: attempt.key, ...at });
  const waiting = await open();
  await claim(waiting.payment_id, second);
  await rereadRecovery(recorded, { ...at, payment_id: waiting.payment_id });
  const charged = { gateway_ref: 'pi_2', charge_ref: 'ch_9', charged_token: randomToken() };
  await recordAttempt(recorded, testHeader(), {
    ...at,
    ...attempt,
    answer: { result: 'approved', ...charged },
  });
  await recordVerification(recorded, testHeader(), {
    ...{ customer_id, payment_method_id: first, gateway_customer_ref: 'cus_new' },
    instead_of: `cus_${customer_id}`,
    answer: { result: 'attached', method: { token: randomToken(), type: 'card' } },
  });
  const { payment_id } = await open({ decline_code: 'revocation_of_authorization' });
  const notice = { notification_id: randomUUID(), try_id: randomUUID() };
  const matter = { payment_id, notification_id: notice.notification_id };
  await getNoticeMatter(recorded, { ...matter, template: 'payment_stopped' });
  await startNotice(recorded, testHeader(), { ...notice, now: at.now, limit: 1000 });
  await releaseNotice(recorded, testHeader(), notice);
}
