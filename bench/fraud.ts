/** Outcomes of fraud cases compared with a workflow whose activities write the same by one statement each. */

import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { FraudOutcome } from '../domain/fraud/messages.ts';
import type { Graph } from '../graph/index.ts';
import { signalWithStartFraudCase } from '../temporal/workflow-client.ts';
import type { BareReport } from './bare/fraud.ts';
import { addVerifiedCardholders, type Cardholder } from './customers.ts';
import { readTrace } from './executions.ts';
import type { Comparison, Findings } from './result.ts';
import { toComparison, runCalls, REPETITIONS, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const BARE_QUEUE = 'bare-fraud';
/** Per turn; set a smaller number for a trial run. */
const CASES = Number(process.env.BENCH_FRAUD_CASES ?? 48);
const IN_FLIGHT = 16;
const ONE_BY_ONE = Math.min(12, CASES);
/** Until Neo4j's JVM is warm, on each side. */
const WARM_UP = CASES * 8;
/** The first runs one activity, the second two, because the customer is suspended and notified. */
const OUTCOMES: readonly FraudOutcome[] = ['challenge_failed', 'confirmed_fraud'];
const SCORE = 0.1;

export const fraudBenchmark = {
  name: 'fraud',
  title: 'Outcomes of fraud cases against a bare workflow',
  conditions:
    'From the signal that starts a case to its result; each case names a different customer, with a device and a card. ' +
    '`challenge_failed` is one activity; `confirmed_fraud` is two, because its customer is suspended and notified. ' +
    'Bare: a workflow that receives the same signal and runs as many activities, each of which writes what a real one leaves (nodes, events, receipts) ' +
    'by one statement in an auto-commit transaction, delivers the same notice, and returns a recorded result; same codec, a separate worker. ' +
    `Turns of ${CASES} cases, ${IN_FLIGHT} in flight, and of ${ONE_BY_ONE}, one after the other`,
  async run(system: BenchSystem): Promise<Findings> {
    const comparisons: Comparison[] = [];
    for (const outcome of OUTCOMES) comparisons.push(...(await measure(system, outcome)));
    return { comparisons };
  },
};

async function measure(system: BenchSystem, outcome: FraudOutcome): Promise<Comparison[]> {
  const { graph, temporal, startBare, log } = system;
  const needed = 2 * (1 + WARM_UP + (REPETITIONS + 1) * (CASES + ONE_BY_ONE));
  log(`${outcome}: adding ${needed} customers…`);
  const cardholders = (await addVerifiedCardholders(system, needed)).values();
  const next = (): BareReport => reportOf(cardholders.next().value, outcome);

  const apply = async (report = next()): Promise<string> => {
    const workflowId = await signalWithStartFraudCase(temporal, report.case_id, 'fraudOutcome', report);
    const result = await temporal.workflow.getHandle(workflowId).result();
    if (result.outcome !== outcome)
      throw new Error(`unexpected result of ${workflowId}: ${JSON.stringify(result)}`);
    return workflowId;
  };
  const applyBare = async (report = next()): Promise<void> => {
    const { case_id } = report;
    const handle = await temporal.workflow.signalWithStart('bareFraudCase', {
      workflowId: `bare-fraud:${case_id}`,
      taskQueue: BARE_QUEUE,
      args: [{ case_id }],
      signal: 'fraudOutcome',
      signalArgs: [report],
    });
    await handle.result();
  };

  const [real, bare] = [next(), next()];
  const { answers } = await readTrace(temporal, await apply(real));
  const worker = await startBare(
    'worker',
    {},
    { BARE_QUEUE, BARE_ANSWERS: JSON.stringify(answers), BARE_WRITES: 'fraud' },
  );
  await applyBare(bare);
  await requireSameWrites(graph, real, bare);
  await runCalls(WARM_UP, IN_FLIGHT, () => apply());
  await runCalls(WARM_UP, IN_FLIGHT, () => applyBare());
  const many = await sideBySide(
    () => runCalls(CASES, IN_FLIGHT, () => apply()),
    () => runCalls(CASES, IN_FLIGHT, () => applyBare()),
  );
  const single = await sideBySide(
    () => runCalls(ONE_BY_ONE, 1, () => apply()),
    () => runCalls(ONE_BY_ONE, 1, () => applyBare()),
  );
  await worker.stop();
  const goal = { atLeast: 0.7 };
  return [
    { ...toComparison(`\`${outcome}\`, ${IN_FLIGHT} in flight`, 'cases/s', 'perSecond', many), goal },
    { ...toComparison(`\`${outcome}\`, one by one`, 'cases/s', 'perSecond', single), goal },
  ];
}

function reportOf(cardholder: Cardholder | undefined, outcome: FraudOutcome): BareReport {
  if (cardholder === undefined) throw new Error('no customers left');
  const { customer_id, device_id, payment_method_id } = cardholder;
  return {
    event_id: randomUUID(),
    case_id: `bench-${randomUUID()}`,
    ...{ outcome, customer_id, device_id, payment_method_id },
    new_trust_score: SCORE,
    reason: 'The challenge was not passed, and the device was seen elsewhere',
    occurred_at: new Date().toISOString(),
  };
}

/** What a case has left in the graph, without ids, times and the writer's name. */
const CASE_STATE = `
  MATCH (f:FraudCase {case_id: $case_id})
  MATCH (c:Customer {id: f.customer_id})-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
  MATCH (d:Device {id: $device_id})
  RETURN c.status AS status, c.version AS version, c.status_seq AS status_seq, p.status AS method, p.status_seq AS method_seq,
    p.changed_seq AS changed_seq, h.is_default AS is_default, d.trust_score AS score, d.changed_seq AS device_seq,
    f.outcome AS outcome, f.state AS state, f.notice_due AS notice_due,
    COLLECT { UNWIND keys(c) AS key RETURN key ORDER BY key } AS customer,
    COLLECT { UNWIND keys(d) AS key RETURN key ORDER BY key } AS device,
    COLLECT { UNWIND keys(f) AS key RETURN key ORDER BY key } AS fraud_case,
    COLLECT {
      MATCH (e:PersonaEvent) WHERE e.stream_id IN [c.id, d.id]
      RETURN e.type + ' ' + e.seq + ' ' + e.schema_version + ' ' + size(keys(e)) ORDER BY e.stream, e.seq
    } AS events`;

/** @throws Error if the bare activities do not write the same as Persona */
async function requireSameWrites(graph: Graph, ...reports: readonly [BareReport, BareReport]): Promise<void> {
  const [real, bare] = await Promise.all(
    reports.map(({ case_id, device_id }) => graph.read(CASE_STATE, { case_id, device_id })),
  );
  if (real?.length !== 1 || !isDeepStrictEqual(real, bare))
    throw new Error(
      `the bare activities wrote ${JSON.stringify(bare)}, Persona wrote ${JSON.stringify(real)}`,
    );
}
