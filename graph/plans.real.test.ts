import { randomUUID } from 'node:crypto';
import type { Plan } from 'neo4j-driver';
import { beforeAll, expect, test } from 'vitest';
import { customerContextQuery } from './queries/customer-context.ts';
import { readPolicy } from '../platform/policy.ts';
import { createBlindIndex } from '../security/blind-index.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { type CypherText, cypherTexts, normaliseCypher } from '../test/cypher-texts.ts';
import { runEveryStatement } from '../test/every-statement.ts';
import { recordingGraph } from '../test/recording-graph.ts';
import { runRetentionStatements } from '../test/retention-statements.ts';
import { runCypher, testGraph } from '../test/test-graph.ts';
import {
  countOldMetrics,
  expireMetrics,
  getCatalogueState,
  getPersonas,
  getPersonaVersions,
} from './catalogue/index.ts';
import { trustParameters } from './devices/trust-query.ts';
import { findCardNoticesDue } from './expiry/index.ts';
import { countOldDisclosures, expireDisclosures } from './disclosures/expire-disclosures.ts';
import {
  getAlternativePaymentMethods,
  findCustomersByUsage,
  countOverdueContests,
  findContestNoticesDue,
  findSuspensionNoticesDue,
  getOpenContests,
  getAllDefaultPaymentMethods,
  getCustomerContext,
  getCustomerContexts,
  getBlindKeyUsage,
  getDataKeyUsage,
  getExpiringPaymentMethods,
  getFraudReviews,
  rotateBlindIndex,
  rotateDataKeys,
  type Usage,
  type UsageCursor,
  withRollback,
} from './index.ts';
import type { Graph } from './kernel/graph.ts';
import { countOldReceipts, expireReceipts } from './kernel/receipts.ts';
import { readCustomersAfter, readUnpublished } from './outbox/index.ts';
import { countRecentEvents } from './queries/recent-events.ts';
import {
  getCustomersToReconcile,
  getDevicesToReconcile,
  getMismatches,
  getPendingCharges,
  getWalletMismatches,
} from './reconciliation/index.ts';
import { readCardQuery } from './recovery/card.ts';
import {
  countInReview,
  findNoticesDue,
  findRefundsDue,
  getUnresolvedChargesOfClosed,
  findReportsDue,
  findSweepCandidates,
  getPendingReviews,
  getInReview,
} from './recovery/index.ts';

import { findOldRecoveries } from './retention/recoveries.ts';
import { findOldRemains } from './retention/remains.ts';
import { findOldSightings } from './retention/sightings.ts';

const RETENTION_PAGE = { after: 'a', before: 0, limit: 10 };
const policy = readPolicy();
const graph = await testGraph();

/** Operators without children: where the plan starts to read. */
function leafOperators(plan: Plan): string[] {
  const name = plan.operatorType.replace(/@.*/, '');
  return plan.children.length === 0 ? [name] : plan.children.flatMap(leafOperators);
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
  if (!summary.plan) throw new Error('Neo4j returned no plan');
  return summary.plan;
}

// Neo4j plans every statement anew: seconds, and a minute on a machine that is busy with other tests.
const PLANNING_TIMEOUT = { timeout: 240_000 };

/** The statements of every command and query. */
const { graph: recorded, statements } = recordingGraph(graph);
beforeAll(async () => {
  await runEveryStatement(recorded);
  await runRetentionStatements(recorded);
}, PLANNING_TIMEOUT.timeout);

test('every statement starts at a key, and none scans the graph', PLANNING_TIMEOUT, async () => {
  expect(statements.size).toBeGreaterThan(30);
  await expectSeeks(statements);
});

/** By file, or file and beginning: statements that scan on purpose, and why they may. */
const READS_ALL: Readonly<Record<string, string>> = {
  'erasure/apply-journal.ts': 'compares every customer with the journal, page by page, after a restore',
  'erasure/verify-erasures.ts': 'compares every stored id with the journal, page by page, for an operator',
  'kernel/migrate.ts': 'versions and indexes are few, and read once at startup',
  'kernel/key-register.ts': 'keys are few, and read at startup',
  'outbox/lag.ts': 'one node, and the number of unpublished events, which Neo4j maintains',
  'outbox/start-relay.ts': 'labels the whole log, once',
  'queries/stored-keys.ts': 'one node of each kind, for `persona doctor`',
  'reconciliation/wallets.ts MATCH (c:Customer) RETURN count(c)': 'Neo4j maintains the number of customers',
  'replay/apply-log.ts': 'applies the whole log, page by page',
  'replay/copy-log.ts': 'copies the whole log, page by page',
  'replay/graph-source.ts': 'reads the whole log, page by page',
  'replay/replay-into.ts': 'Neo4j maintains the numbers of nodes',
  'replay/replay-progress.ts': 'looks for any node in a graph that must be empty',
  'replay/without-erased.ts':
    'starts at the ids of events that may have changed in the log since Kafka got them',
  'replay/verify.ts': 'compares the whole graph with the whole log',
};

test('every Cypher text in the sources is among the statements whose plan is checked', async () => {
  const { graph: scanning, statements: scans } = recordingGraph(graph);
  for (const [, , query] of [...INDEX_SCANS, ...SMALL_INDEX_READS]) await query(scanning);
  const seen = [...statements.keys(), ...scans.keys()].map(normaliseCypher).join('\n');
  const texts = cypherTexts(import.meta.dirname);
  const unseen = texts.filter(({ fragments: pieces }) => !pieces.every((piece) => seen.includes(piece)));
  const allowed = Object.keys(READS_ALL);
  const isAllowedBy = (prefix: string, { location, fragments }: CypherText) =>
    `${location.split(':')[0]} ${fragments.join(' ')}`.startsWith(prefix);
  expect(unseen.filter((text) => !allowed.some((prefix) => isAllowedBy(prefix, text)))).toEqual([]);
  expect(allowed.filter((prefix) => !unseen.some((text) => isAllowedBy(prefix, text)))).toEqual([]);
});

test('statements for a trust half-life also start at a key', async () => {
  const trust = { ...policy.trust, halfLife: 86_400_000 };
  const decaying = { ...policy, trust };
  const { graph: recorded, statements } = recordingGraph(graph);
  const ids = { customer_id: randomUUID(), payment_method_id: randomUUID() };
  const now = Date.now();
  await getCustomerContext(recorded, { ...ids, policy: decaying }).catch(() => {});
  await getCustomerContexts(recorded, { customer_ids: [ids.customer_id], policy: decaying });
  await getAlternativePaymentMethods(recorded, {
    ...{ customer_id: ids.customer_id, failed_payment_method_id: ids.payment_method_id },
    ...{ policy: decaying, now },
  });
  await recorded.read(readCardQuery(trust), { ...ids, ...trustParameters(trust, now) });
  expect([...statements.keys()].filter((cypher) => cypher.includes('$p.half_life'))).toHaveLength(4);
  await expectSeeks(statements);
});

async function expectSeeks(statements: ReadonlyMap<string, unknown>): Promise<void> {
  for (const [cypher, parameters] of statements) {
    const plan = await planOf(cypher, parameters);
    expect(
      operators(plan).filter((name) => name.includes('Scan')),
      cypher,
    ).toEqual([]);
    for (const beginning of leafOperators(plan)) {
      expect(beginning, cypher).toMatch(
        /^(NodeUniqueIndexSeek(\(Locking\))?|NodeIndexSeek|DirectedRelationshipIndexSeek(ByRange)?|Argument|EmptyRow|Unwind|Create)$/,
      );
    }
    if (/\bMATCH|MERGE/.test(cypher)) {
      expect(
        leafOperators(plan).filter((name) => /^(Node(Unique)?|DirectedRelationship)IndexSeek/.test(name)),
        cypher,
      ).not.toEqual([]);
    }
  }
}

const trusted = { ...policy.trust, now: Date.now() };
const NEW_RAW_KEY = { id: 'new', key: Buffer.alloc(32, 1) };
const NEW_KEY = createKeyRing([NEW_RAW_KEY]).first;
const ROTATE = { dryRun: false, onProgress: () => {} };

/** Queries over all customers: each walks one index in its order, so that it reads only its page and never sorts. */
const INDEX_SCANS: [name: string, index: string, ask: (recorded: Graph) => Promise<unknown>][] = [
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
  [
    'the choice of the starting index',
    'PaymentMethod(brand, id)',
    (graph) => byUsage(graph, { state: 'NY', brand: 'amex' }),
  ],
  [
    'accepted reports',
    'AcceptedReport(at)',
    (graph) => findReportsDue(graph, { after: '', limit: 10, before: 1, now: 1 }),
  ],
  [
    'obligations for the sweep',
    'Obligation(state, payment_id)',
    (graph) => findSweepCandidates(graph, { after: 'a', limit: 10, now: 1 }),
  ],
  [
    'unresolved charges',
    'ChargeAttempt(state, payment_id)',
    (graph) => findSweepCandidates(graph, { after: 'a', limit: 10, now: 1 }),
  ],
  ['usage by device', 'Customer(id)', (graph) => byUsage(graph, { user_agent: 'iPhone' })],
  [
    'obligations under review by one rule',
    'Obligation(state, rule, payment_id)',
    (graph) => getInReview(graph, { rule: 'mac:04', after: 'invoice-1', limit: 10 }),
  ],
  [
    'the number of obligations under review by one rule',
    'Obligation(state, rule, payment_id)',
    (graph) => countInReview(graph, 'mac:04'),
  ],
  [
    'fraud cases under review',
    'FraudCase(state, review_since, case_id)',
    (graph) => getFraudReviews(graph, { limit: 10 }),
  ],
  [
    'suspension notices that are due',
    'FraudCase(notice_due)',
    (graph) => findSuspensionNoticesDue(graph, { after: '', before: 1, limit: 10 }),
  ],
  [
    'notices of decided contests',
    'Contest(notice_due)',
    (graph) => findContestNoticesDue(graph, { after: '', before: 1, limit: 10 }),
  ],
  [
    'open contests',
    'Contest(state, opened_at, contest_id)',
    (graph) => getOpenContests(graph, { limit: 10 }),
  ],
  ['overdue contests', 'Contest(state, opened_at, contest_id)', (graph) => countOverdueContests(graph, 1)],
  [
    'all obligations under review',
    'Obligation(state, rule, payment_id)',
    (graph) => getPendingReviews(graph, { limit: 10 }),
  ],
  [
    'wallets to reconcile',
    'Customer(id)',
    (graph) => getCustomersToReconcile(graph, { after: 'a', limit: 10 }),
  ],
  ['devices to reconcile', 'Device(id)', (graph) => getDevicesToReconcile(graph, { after: 'a', limit: 10 })],
  [
    'payment methods with a gateway mismatch',
    'PaymentMethod(gateway_mismatch, id)',
    (graph) => getMismatches(graph, { mismatch: 'other_owner', after: '', limit: 10 }),
  ],
  [
    'wallets with a gateway mismatch',
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
    'data keys to rotate',
    'CustomerKey(customer_id)',
    (graph) =>
      withRollback(graph, async (rolledBack) => {
        const keyRing = { ...rolledBack.keyRing, first: NEW_KEY };
        await rotateDataKeys({ ...rolledBack, keyRing }, ROTATE);
      }),
  ],
  [
    'hashes to rotate',
    'DigitalIdentifier(id)',
    (graph) =>
      withRollback(graph, async (rolledBack) => {
        const blindIndex = createBlindIndex(createKeyRing([NEW_RAW_KEY]));
        await rotateBlindIndex({ ...rolledBack, blindIndex }, ROTATE);
      }),
  ],
  ['uses of PERSONA_KEYS', 'CustomerKey(customer_id)', getDataKeyUsage],
  ['uses of PERSONA_BLIND_KEYS', 'DigitalIdentifier(id)', getBlindKeyUsage],
  ['receipts by blind key', 'CommandReceipt(caller, key)', getBlindKeyUsage],
  [
    'receipts that expire',
    'CommandReceipt(kind, at)',
    (graph) => expireReceipts(graph, { kind: 'request', before: 0, limit: 10 }),
  ],
  [
    'expired receipts to count',
    'CommandReceipt(kind, at)',
    (graph) => countOldReceipts(graph, { kind: 'request', before: 0 }),
  ],
  [
    'disclosures that expire',
    'Disclosure(day)',
    (graph) => expireDisclosures(graph, { before: 0, limit: 10 }),
  ],
  ['old disclosures to count', 'Disclosure(day)', (graph) => countOldDisclosures(graph, 0)],
  ['old sightings', 'Device(id)', (graph) => findOldSightings(graph, RETENTION_PAGE)],
  ['old recoveries', 'Obligation(payment_id)', (graph) => findOldRecoveries(graph, RETENTION_PAGE)],
  ['old remains of erasures', 'Customer(id)', (graph) => findOldRemains(graph, RETENTION_PAGE)],
  [
    'unpublished events',
    'Unpublished(stream_id, seq)',
    (graph) => readUnpublished(graph, { from: { stream_id: 'a', seq: 1 }, except: ['b'], limit: 10 }),
  ],
  ['contexts to publish again', 'Customer(id)', (graph) => readCustomersAfter(graph, 'a', 10)],
  [
    'notices about cards',
    'PaymentMethod(notice_due)',
    (graph) => findCardNoticesDue(graph, { after: 'expiry:', limit: 10 }),
  ],
];
const byUsage = (recorded: Graph, usage: Usage, after?: UsageCursor) =>
  findCustomersByUsage(recorded, { usage, limit: 10, after });

test.each(INDEX_SCANS)('the query for %s walks %s in its order', async (_, index, query) => {
  const plan = await planOfScan(index, query);
  expect(operators(plan).filter((name) => /Scan|Sort|^Top/.test(name))).toEqual([]);
});

/** Queries over few nodes: all of them are read, and nothing else of the graph. */
const SMALL_INDEX_READS: typeof INDEX_SCANS = [
  ['pending charges', 'Reconciliation(id)', (graph) => getPendingCharges(graph, { limit: 10 })],
  ['the catalogue’s state', 'AgentPersona(version)', getCatalogueState],
  ['the versions of all personas', 'AgentPersona(version)', getPersonaVersions],
  ['all personas', 'AgentPersona(version)', getPersonas],
  ['metrics that expire', 'PersonaMetric(at)', (graph) => expireMetrics(graph, { before: 0, limit: 10 })],
  ['old metrics to count', 'PersonaMetric(at)', (graph) => countOldMetrics(graph, 0)],
  ['recent events', 'PersonaEvent(id)', (graph) => countRecentEvents(graph, 1)],
  [
    'unresolved charges of closed recoveries',
    'ChargeAttempt(state)',
    (graph) =>
      getUnresolvedChargesOfClosed(graph, { after: '', limit: 10, asked: { unknown: 1, pending: 1 } }),
  ],
  [
    'notices about payments',
    'Obligation(notices_due)',
    (graph) => findNoticesDue(graph, { after: '', limit: 10, before: 1 }),
  ],
  [
    'due refunds',
    'Obligation(refunds_due)',
    (graph) => findRefundsDue(graph, { after: '', limit: 10, now: 1 }),
  ],
];

test.each(SMALL_INDEX_READS)('the query for %s reads %s once', async (_, index, query) => {
  const plan = await planOfScan(index, query);
  const all = leafOperators(plan).filter((name) => !/^(Argument|NodeUniqueIndexSeek)$/.test(name));
  expect(all).toEqual([expect.stringMatching(/^Node(Unique)?Index(Seek(ByRange)?|Scan)$/)]);
});

/** The plan of the statement that names the index, or of the only one; it starts at the index. */
async function planOfScan(index: string, query: (recorded: Graph) => Promise<unknown>): Promise<Plan> {
  const { graph: scanning, statements: scans } = recordingGraph(graph);
  await query(scanning);
  const [first = ['', {}], ...more] = scans;
  const [cypher, parameters] = more.find(([text]) => text.includes(`:${index}`)) ?? first;
  const plan = await planOf(cypher, parameters);
  const { arguments: found } = leftmost(plan);
  expect(String(found.Details)).toContain(`${index.replace(/(\w+)\((.*)\)/, ':$1($2)')}`);
  return plan;
}

function leftmost(plan: Plan): Plan {
  const [first] = plan.children;
  return first === undefined ? plan : leftmost(first);
}

test("a context's version is read before anything that it must not be newer than", async () => {
  const parameters = { customer_id: 'c', device_window: 1, ...trustParameters(policy.trust, 0) };
  const plan = await planOf(customerContextQuery(policy.trust), parameters);
  const pathTo = (node: Plan): Plan[] => [node, ...node.children.slice(0, 1).flatMap(pathTo)];
  const [seek, first] = pathTo(plan).toReversed();
  expect(seek?.operatorType).toContain('NodeUniqueIndexSeek');
  expect(first?.arguments.Details).toBe('c.version AS version');
});

test('a lookup that does not start at a key is detected', async () => {
  const plan = await planOf('MATCH (c:Customer {segment: $segment}) RETURN c.id', { segment: 'VIP' });
  expect(operators(plan).join()).toContain('Scan');
});
