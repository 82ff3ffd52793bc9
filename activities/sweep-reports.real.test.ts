/** The sweep on a real graph: accepted reports that have not been recorded. */

import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { PaymentGateway } from '../domain/ports.ts';
import { REPORT_SIGNALS, type Report, TaskQueue } from '../domain/workflow-contracts.ts';
import { clearReports, storeReport } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { noAsking, unreadCatalogue } from '../test/catalogue-fixtures.ts';
import { contextReading } from '../test/context-fixture.ts';
import { createServices } from '../services/services.ts';
import { sendReport } from '../temporal/workflow-client.ts';
import { fraudReport } from '../test/fraud-fixtures.ts';
import { excludeFromVerification, runCypher, testGraph, testHeader } from '../test/test-graph.ts';
import { createTestRig, type TestRig } from '../test/rig/index.ts';
import { customerWithCards, failureOf } from '../test/wallet-fixtures.ts';
import { createRecoveryActivities } from './recovery.ts';
import { createSweepActivities } from './sweep.ts';

const MINUTE = 60_000;
const policy = readPolicy();
const graph = await testGraph();
const wallet = await customerWithCards(graph, policy);
// So that the next test's sweep does not find the reports of this one. Other files' reports are encrypted with other keys.
afterEach(() =>
  runCypher(graph, 'MATCH (r:AcceptedReport {customer_id: $customer_id}) DELETE r', {
    customer_id: wallet.customer_id,
  }),
);
const failed = (): Report<'payment_failed'> => ({ kind: 'payment_failed', message: failureOf(wallet) });
/** The time at which all reports are accepted. */
const ACCEPTED = Date.now();
const acceptReport = (report: Report, customer_id = wallet.customer_id) =>
  storeReport({ ...graph, now: () => ACCEPTED }, testHeader(), report, customer_id);

/** The reports that a sweep at that time after the acceptance sends again, in order, and the number of its pages. */
async function swept(later: number, send: (report: Report) => void = () => {}) {
  const sent: Report[] = [];
  const { sweepReports } = createSweepActivities({
    graph,
    listRunningRecoveries: async () => new Set(),
    resumeRecovery: async () => false,
    resumeFraudCase: async () => false,
    startContest: async () => false,
    startRefund: async () => false,
    startNotice: async () => false,
    startErasure: async () => false,
    deleteExecutionsOfGone: async () => 0,
    async sendReport(report) {
      send(report);
      sent.push(report);
    },
    now: () => ACCEPTED + later,
  });
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => {}) });
  let pages = 0;
  for (let after: string | undefined = ''; after !== undefined; pages++) {
    const page = (await environment.run(sweepReports, { after, period: { from: 0, to: 0 } })) as {
      next?: string;
    };
    after = page.next;
  }
  return { sent, pages };
}

test('reports of every kind are sent again unchanged after a minute', async () => {
  const { customer_id } = wallet;
  const payment_id = `invoice-${randomUUID()}`;
  const settled_at = new Date().toISOString();
  const reports: Report[] = [
    failed(),
    { kind: 'payment_settled', message: { event_id: randomUUID(), payment_id, customer_id, settled_at } },
    {
      kind: 'charge_result',
      message: { event_id: randomUUID(), payment_id, gateway_ref: 'pi_1', result: 'approved' },
    },
    { kind: 'fraud_outcome', message: fraudReport({ customer_id, outcome: 'suspected' }) },
  ];
  expect(reports.map(({ kind }) => kind)).toEqual(Object.keys(REPORT_SIGNALS));
  for (const report of reports) await acceptReport(report);
  expect((await swept(0)).sent).toEqual([]);
  const { sent } = await swept(2 * MINUTE);
  expect(sent).toHaveLength(4);
  expect(sent).toEqual(expect.arrayContaining(reports));
});

test('an unrecorded report is sent again at increasing intervals up to a day, until it is deleted', async () => {
  const report = failed();
  await acceptReport(report);
  for (const [first, ...due] of [
    [2, 4, 8, 16],
    [1_440, 2_880, 4_320, 5_760],
  ]) {
    expect((await swept((first ?? 0) * MINUTE)).sent).toEqual([report]);
    for (const minutes of due) {
      expect((await swept(minutes * MINUTE - 1)).sent, `before ${minutes}`).toEqual([]);
      expect((await swept(minutes * MINUTE)).sent, `at ${minutes}`).toEqual([report]);
    }
  }
  const { kind, message } = report;
  const { payment_id, event_id } = message;
  await clearReports(graph, testHeader(), { payment_id, reports: [{ kind, event_id }] });
  expect((await swept(30 * 24 * 60 * MINUTE)).sent).toEqual([]);
});

test('a report that cannot be decrypted or sent does not hold up the others on any page', async () => {
  const reports = Array.from({ length: 102 }, failed);
  await Promise.all(reports.map((report) => acceptReport(report)));
  const [unreadable, unsendable] = [reports[3]?.message.event_id, reports[101]?.message.event_id];
  await runCypher(graph, 'MATCH (r:AcceptedReport {event_id: $unreadable}) SET r.body = "s1:AAAA"', {
    unreadable,
  });
  const { sent, pages } = await swept(2 * MINUTE, ({ message }) => {
    if (message.event_id === unsendable) throw new Error('too many signals for this execution');
  });
  expect(pages).toBeGreaterThanOrEqual(2);
  const bad = [unreadable, unsendable];
  expect(new Set(sent.map(({ message }) => message.event_id))).toEqual(
    new Set(reports.map(({ message }) => message.event_id).filter((id) => !bad.includes(id))),
  );
  // They are retried like any other.
  expect((await swept(3 * MINUTE)).sent).toEqual([]);
  expect((await swept(30 * MINUTE)).sent).toHaveLength(101);
});

test('a report that Temporal rejects fails its page, and the next attempt sends it, however old it is', async () => {
  const [first, second] = [failed(), failed()];
  await acceptReport(first);
  await acceptReport(second);
  const taken: Report[] = [];
  const refusing = swept(300 * MINUTE, (report) => {
    if (report.message.event_id === first.message.event_id)
      throw new PersonaError('temporal_unavailable', 'namespace rate limit exceeded');
    taken.push(report);
  });
  await expect(refusing).rejects.toMatchObject({ type: 'temporal_unavailable' });
  expect(taken).toEqual([second]);
  expect((await swept(310 * MINUTE)).sent).toEqual([first]);
});

test('a key missing from the ring delays a report, and the report of a destroyed key is deleted', async () => {
  const other = await customerWithCards(graph, policy, { cards: 1 });
  const report: Report = { kind: 'payment_failed', message: failureOf(other) };
  const { customer_id } = other;
  await acceptReport(report, customer_id);
  const key = 'MATCH (k:CustomerKey {customer_id: $customer_id})';
  await runCypher(graph, `${key} SET k.key_id = 'missing', k.wrapped = 'AAAA' + k.wrapped`, { customer_id });
  expect((await swept(2 * MINUTE)).sent).toEqual([]);
  await runCypher(graph, `${key} SET k.key_id = 'test', k.wrapped = substring(k.wrapped, 4)`, {
    customer_id,
  });
  expect((await swept(20 * MINUTE)).sent).toEqual([report]);

  excludeFromVerification(graph, customer_id);
  await runCypher(graph, `${key} DELETE k`, { customer_id });
  expect((await swept(200 * MINUTE)).sent).toEqual([]);
  const left = 'MATCH (r:AcceptedReport {customer_id: $customer_id}) RETURN r';
  expect(await graph.read(left, { customer_id })).toEqual([]);
});

test('the report of a run whose opening fails permanently is sent again by the sweep, and the payment is recovered', async () => {
  const other = await customerWithCards(graph, policy, { cards: 2 });
  const failure = failureOf(other);
  const { payment_id } = failure;
  const nothing = async () => ({ looked_at: 0, started: 0 });
  const recovery = createRecoveryActivities({
    graph,
    gateway: {} as PaymentGateway,
    policy,
    signalRecoveries: async () => {},
    now: Date.now,
  });
  let broken = true;
  const rig: TestRig = await createTestRig({
    server: 'dev',
    activities: {
      [TaskQueue.recovery]: {
        ...recovery,
        openRecovery: async (input: Parameters<typeof recovery.openRecovery>[0]) => {
          if (broken) throw new PersonaError('internal', 'an invalid statement');
          return recovery.openRecovery(input);
        },
        deliverNotice: async () => ({ result: 'delivered' }),
      },
      [TaskQueue.gateway]: {
        charge: async () => ({ result: 'approved', gateway_ref: `pi_${payment_id}`, charge_ref: 'ch_1' }),
      },
      [TaskQueue.maintenance]: {
        ...createSweepActivities({
          graph,
          listRunningRecoveries: async () => new Set(),
          resumeRecovery: async () => false,
          resumeFraudCase: async () => false,
          startContest: async () => false,
          startRefund: async () => false,
          startNotice: async () => false,
          startErasure: async () => false,
          deleteExecutionsOfGone: async () => 0,
          sendReport: (report) => sendReport(rig.client, report),
          now: () => Date.now() + 2 * MINUTE,
        }),
        sweepRecoveries: nothing,
        sweepNotices: nothing,
      },
    },
  });
  const gatewayEvents = { read: () => undefined };
  const services = createServices(
    {
      graph,
      temporal: rig.client,
      policy,
      gatewayEvents,
      catalogue: unreadCatalogue(graph),
      asking: noAsking,
    },
    contextReading(policy),
  );
  const caller = {
    caller: 'service',
    actor: 'synapse',
    maySetLtvAndSegment: false,
    correlationId: randomUUID(),
  };
  const callLimits = { deadline: Date.now() + MINUTE, signal: new AbortController().signal };
  const { workflow_id } = await services.reportPaymentFailure({ ...caller, ...callLimits }, failure);
  const handle = rig.client.workflow.getHandle(workflow_id);
  await expect(handle.result()).rejects.toThrow();
  const left = 'MATCH (r:AcceptedReport {payment_id: $payment_id}) RETURN r.kind AS kind';
  expect(await graph.read(left, { payment_id })).toEqual([{ kind: 'payment_failed' }]);

  broken = false;
  const swept = await rig.client.workflow.execute('sweepObligations', {
    workflowId: `obligation-sweep-${payment_id}`,
    taskQueue: TaskQueue.maintenance,
  });
  expect(swept).toMatchObject({ reports: 1 });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', attempts: 1 });
  expect(await graph.read(left, { payment_id })).toEqual([]);
});
