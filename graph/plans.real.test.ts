import { randomUUID } from 'node:crypto';
import type { Plan } from 'neo4j-driver';
import { expect, test } from 'vitest';
import { readPolicy } from '../platform/policy.ts';
import {
  onboardingRequest,
  randomEmail,
  randomPhone,
  randomToken,
  runCypher,
  testGraph,
  testHeader,
} from '../test/graph.ts';
import { recordingGraph } from '../test/recording-graph.ts';
import type { Graph } from './graph.ts';
import {
  addPaymentMethod,
  addRelationship,
  alternativesOf,
  createCustomer,
  findConnectedCustomers,
  findCustomerByDigitalId,
  findCustomersByDeviceFingerprint,
  findCustomersByUsage,
  findCardHolders,
  findMethodMatter,
  findNewestFraudCase,
  findSuspensionNoticesDue,
  followPaymentMethod,
  getAddresses,
  getAllDefaultPaymentMethods,
  getCustomer,
  getCustomerContext,
  getCustomerProfile,
  getDevice,
  getDevices,
  getDigitalIdentifiers,
  getExpiringPaymentMethods,
  getFraudCase,
  getFraudReviews,
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
  type Usage,
  type UsagePlace,
  wasReceived,
} from './index.ts';
import { findCardNoticesDue, getCardMatter, rollCard } from './expiry/index.ts';
import {
  findUnknownDispute,
  findUnknownRefund,
  getComparedUntil,
  getCustomersToReconcile,
  getDevicesToReconcile,
  getMismatches,
  getPass,
  getWalletEntries,
  getWalletMismatches,
  keepComparedUntil,
  keepPass,
  recordMismatch,
  recordWalletMismatch,
  repairDefault,
  repairVersion,
} from './reconciliation/index.ts';
import {
  countInReview,
  clearReports,
  findChargeInFlight,
  findNewsMatter,
  findRefundMatter,
  findReportsDue,
  findUnattended,
  followRefunds,
  getAllInReview,
  getInReview,
  getNoticeMatter,
  getObligation,
  getOpenObligations,
  getRecoveries,
  isRefundOwed,
  keepReport,
  postponeReports,
} from './recovery/index.ts';
import { trustParameters } from './devices/trusted.ts';
import { readCardQuery } from './recovery/card.ts';
import { fullLife, type Life } from './replay/testing.ts';
import { verifyCustomer } from './replay/verify.ts';

const policy = readPolicy();
const graph = await testGraph();

/** Everything that the graph does, once, so that each of its statements is seen. */
async function everything(recorded: Graph): Promise<void> {
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
  await reconciled(recorded, life);
  await verifyCustomer(recorded, life.customer_id);
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

/** Operators without children: where the plan begins to read. */
function beginnings(plan: Plan): string[] {
  const name = plan.operatorType.replace(/@.*/, '');
  return plan.children.length === 0 ? [name] : plan.children.flatMap(beginnings);
}

function operators(plan: Plan): string[] {
  return [plan.operatorType.replace(/@.*/, ''), ...plan.children.flatMap(operators)];
}

async function planOf(cypher: string, parameters: unknown): Promise<Plan> {
  const { summary } = await runCypher(
    graph,
    `EXPLAIN ${cypher.replace(/^CYPHER \S+/, '')}`,
    parameters as Record<string, unknown>,
  );
  if (!summary.plan) throw new Error('Neo4j gave no plan');
  return summary.plan;
}

// Attempts are found by the payment, the customer or the method that they belong to: those are keys of others.
// Neo4j plans each of them anew: seconds, and on a machine that is busy with other tests a minute.
const PLANNED_ANEW = { timeout: 240_000 };

test('every statement begins at a key, and none walks through the graph', PLANNED_ANEW, async () => {
  const { graph: recorded, statements } = recordingGraph(graph);
  await everything(recorded);
  expect(statements.size).toBeGreaterThan(30);
  await expectSeeks(statements);
});

test('so it is with a half-life of trust', async () => {
  const trust = { ...policy.trust, halfLife: 86_400_000 };
  const decaying = { ...policy, trust };
  const { graph: recorded, statements } = recordingGraph(graph);
  const ids = { customer_id: randomUUID(), payment_method_id: randomUUID() };
  const now = Date.now();
  await getCustomerContext(recorded, { ...ids, policy: decaying }).catch(() => {});
  await alternativesOf(recorded, {
    ...{ customer_id: ids.customer_id, failed_payment_method_id: ids.payment_method_id },
    ...{ policy: decaying, now },
  });
  await recorded.read(readCardQuery(trust), { ...ids, ...trustParameters(trust, now) });
  expect([...statements.keys()].filter((cypher) => cypher.includes('$half_life'))).toHaveLength(3);
  await expectSeeks(statements);
});

async function expectSeeks(statements: ReadonlyMap<string, unknown>): Promise<void> {
  for (const [cypher, parameters] of statements) {
    const plan = await planOf(cypher, parameters);
    expect(
      operators(plan).filter((name) => name.includes('Scan')),
      cypher,
    ).toEqual([]);
    for (const beginning of beginnings(plan)) {
      expect(beginning, cypher).toMatch(
        /^(NodeUniqueIndexSeek(\(Locking\))?|NodeIndexSeek|DirectedRelationshipIndexSeek(ByRange)?|Argument|EmptyRow|Unwind|Create)$/,
      );
    }
    if (/\bMATCH|MERGE/.test(cypher)) {
      expect(
        beginnings(plan).filter((name) => /^(Node(Unique)?|DirectedRelationship)IndexSeek/.test(name)),
        cypher,
      ).not.toEqual([]);
    }
  }
}

const trusted = { ...policy.trust, now: Date.now() };

/** What is asked of all customers: it walks one index in its order, so that a page costs a page and is never sorted. */
const WALKS: [name: string, index: string, ask: (recorded: Graph) => Promise<unknown>][] = [
  ['usage by state', 'Address(state, id)', (graph) => byUsage(graph, { state: 'NY', trusted })],
  ['usage by brand', 'PaymentMethod(brand, id)', (graph) => byUsage(graph, { brand: 'amex', trusted })],
  [
    'usage by state, on a later page',
    'Address(state, id)',
    (graph) => byUsage(graph, { state: 'NY', brand: 'amex' }, { start: 'state', spelling: 'NY', id: 'a' }),
  ],
  [
    'usage by brand, on a later page',
    'PaymentMethod(brand, id)',
    (graph) => byUsage(graph, { state: 'NY', brand: 'amex' }, { start: 'brand', spelling: 'amex', id: 'a' }),
  ],
  ['where to begin', 'PaymentMethod(brand, id)', (graph) => byUsage(graph, { state: 'NY', brand: 'amex' })],
  [
    'accepted reports',
    'AcceptedReport(at)',
    (graph) => findReportsDue(graph, { after: '', limit: 10, before: 1, now: 1 }),
  ],
  [
    'what is owed',
    'Obligation(state, payment_id)',
    (graph) => findUnattended(graph, { after: 'a', limit: 10, now: 1 }),
  ],
  [
    'charges in doubt',
    'ChargeAttempt(state, payment_id)',
    (graph) => findUnattended(graph, { after: 'a', limit: 10, now: 1 }),
  ],
  ['usage by device', 'Customer(id)', (graph) => byUsage(graph, { user_agent: 'iPhone' })],
  [
    'what is under review by one rule',
    'Obligation(state, rule, payment_id)',
    (graph) => getInReview(graph, { rule: 'mac:04', after: 'invoice-1', limit: 10 }),
  ],
  [
    'how much is under review by one rule',
    'Obligation(state, rule, payment_id)',
    (graph) => countInReview(graph, 'mac:04'),
  ],
  [
    'suspicions that await a person',
    'FraudCase(state, review_since, case_id)',
    (graph) => getFraudReviews(graph, { limit: 10 }),
  ],
  [
    'suspensions that nobody was told of',
    'FraudCase(notice_due)',
    (graph) => findSuspensionNoticesDue(graph, { after: '', before: 1, limit: 10 }),
  ],
  [
    'everything under review',
    'Obligation(state, rule, payment_id)',
    (graph) => getAllInReview(graph, { limit: 10 }),
  ],
  [
    'wallets to compare',
    'Customer(id)',
    (graph) => getCustomersToReconcile(graph, { after: 'a', limit: 10 }),
  ],
  ['devices to check', 'Device(id)', (graph) => getDevicesToReconcile(graph, { after: 'a', limit: 10 })],
  [
    'what the gateway has differently',
    'PaymentMethod(gateway_mismatch, id)',
    (graph) => getMismatches(graph, { mismatch: 'other_owner', after: '', limit: 10 }),
  ],
  [
    'wallets that lack what the gateway has',
    'Customer(gateway_mismatch, id)',
    (graph) => getWalletMismatches(graph, { after: '', limit: 10 }),
  ],
  ['all defaults', 'PaymentMethod(id)', (graph) => getAllDefaultPaymentMethods(graph, { limit: 10 })],
  [
    'expiring cards',
    'PaymentMethod(status, expires_on, id)',
    (graph) =>
      getExpiringPaymentMethods(graph, {
        scan: { now: Date.parse('2026-01-31'), stages: [30], frequent_use_count: 3 },
        after: { expires_on: '2026-01-31', payment_method_id: 'a' },
        limit: 10,
      }),
  ],
  [
    'the first day of expiring cards',
    'PaymentMethod(status, expires_on, id)',
    (graph) =>
      getExpiringPaymentMethods(graph, {
        scan: { now: Date.parse('0001-01-31'), stages: [30], frequent_use_count: 3 },
        limit: 10,
      }),
  ],
  [
    'notices about cards',
    'PaymentMethod(notice_due)',
    (graph) => findCardNoticesDue(graph, { after: 'expiry:', limit: 10 }),
  ],
];
const byUsage = (recorded: Graph, usage: Usage, after?: UsagePlace) =>
  findCustomersByUsage(recorded, { usage, limit: 10, after });

test.each(WALKS)('%s walks %s in its order', async (_, index, ask) => {
  const { graph: recorded, statements } = recordingGraph(graph);
  await ask(recorded);
  // Where there are several, the one that names the index.
  const [first = ['', {}], ...more] = statements;
  const [cypher, parameters] = more.find(([text]) => text.includes(`:${index}`)) ?? first;
  const plan = await planOf(cypher, parameters);
  const all = operators(plan);
  expect(all.filter((name) => /Scan|Sort|^Top/.test(name))).toEqual([]);
  const { arguments: found } = leftmost(plan);
  expect(String(found.Details)).toContain(`${index.replace(/(\w+)\((.*)\)/, ':$1($2)')}`);
});

function leftmost(plan: Plan): Plan {
  const [first] = plan.children;
  return first === undefined ? plan : leftmost(first);
}

test('a look-up that begins elsewhere is noticed', async () => {
  const plan = await planOf('MATCH (c:Customer {segment: $segment}) RETURN c.id', { segment: 'VIP' });
  expect(operators(plan).join()).toContain('Scan');
});
