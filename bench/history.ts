/** Recoveries of a customer with a long history compared with one without, and of one with many open obligations. */

import { randomUUID } from 'node:crypto';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import { attemptKey, settledPaymentKey } from '../domain/workflow-contracts.ts';
import type { CommandHeader, Graph } from '../graph/index.ts';
import {
  claimAttempt,
  openRecovery,
  openFromSettlement,
  recordAttempt,
  recordRefund,
} from '../graph/recovery/index.ts';
import { toParameters } from '../graph/values.ts';
import { failureOf, headerOf, newCustomerRequest } from './customers.ts';
import { addPayer, policyAndNow, recover, type TwoCardPayer } from './payers.ts';
import type { Count, Findings } from './result.ts';
import { toComparison, runCalls, REPETITIONS, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const LOGINS = 200_000;
const LOGINS_AT_ONCE = 10_000;
/** Per turn, one after the other. */
const RECOVERIES = 8;
const WARM_UP = 60;
/** Open obligations of one customer, and how many of them request a charge while another one is in flight. */
const OPEN = 300;
const BLOCKED = 3;

export const historyBenchmark = {
  name: 'history',
  title: 'Recoveries of a customer with a long history against one without',
  conditions:
    'The graph’s own commands of one recovery, one after the other: the failure opens it with its first claim, the charge is approved, the notice is read, leased and sent, a second success is reported and refunded. ' +
    `"Persona" is a customer with ${LOGINS} logins, "bare" one with none; turns of ${RECOVERIES} recoveries. ` +
    `Counted: the recoveries signalled at the end of a charge, for a customer with ${OPEN} open obligations of which ${BLOCKED} were blocked by that charge`,
  async run({ graph, log }: Pick<BenchSystem, 'graph' | 'log'>): Promise<Findings> {
    const [long, short, warm] = [await addPayer(graph), await addPayer(graph), await addPayer(graph)];
    log(`writing ${LOGINS} logins…`);
    await addLogins(graph, long.customer_id);
    await runCalls(WARM_UP, 1, () => recoverAndRefund(graph, warm));
    const turn = (payer: TwoCardPayer) => () => runCalls(RECOVERIES, 1, () => recoverAndRefund(graph, payer));
    const measured = await sideBySide(turn(long), turn(short), REPETITIONS);
    const goal = { atMost: 1.2 };
    return {
      comparisons: [{ ...toComparison('one recovery, p50', 'ms', 'p50', measured), goal }],
      counts: [await countSignalled(graph, log)],
    };
  },
};

// Events as appended for `LoginRecorded`.
const ADD_LOGINS = `
  MATCH (c:Customer {id: $customer_id})-[:LOGGED_IN_FROM]->(d:Device)
  WITH c, d, c.version AS version, datetime() AS now LIMIT 1
  SET c.version = version + $count
  WITH c, d, version, now
  UNWIND range(1, $count) AS n
  CREATE (:PersonaEvent {
    id: randomUUID(), stream: 'customer', stream_id: c.id, seq: version + n, type: 'LoginRecorded', schema_version: 1,
    occurred_at: now, recorded_at: now, source: 'bench', actor: 'bench', correlation_id: 'bench',
    data: '{"device_id":"' + d.id + '","login_count":' + toString(n) + ',"last_login":"2026-01-01T00:00:00.000Z","proven":true}'
  })`;

async function addLogins(graph: Graph, customer_id: string): Promise<void> {
  for (let written = 0; written < LOGINS; written += LOGINS_AT_ONCE) {
    const session = graph.writeSession();
    await session.run(ADD_LOGINS, toParameters({ customer_id, count: LOGINS_AT_ONCE }) as object);
    await session.close();
  }
}

const newHeader = (): CommandHeader => headerOf(newCustomerRequest());

async function recoverAndRefund(graph: Graph, payer: TwoCardPayer): Promise<void> {
  await refundSecond(graph, await recover(graph, failureOf(payer)));
}

async function refundSecond(
  graph: Graph,
  obligation: { payment_id: string; customer_id: string },
): Promise<void> {
  const gateway_payment_ref = `pi_${randomUUID()}`;
  const settled_at = new Date(Date.now() + 60_000).toISOString();
  const settlement = { ...obligation, event_id: randomUUID(), settled_at, gateway_payment_ref };
  const opening = await openFromSettlement(graph, newHeader(), {
    ...policyAndNow(),
    settlement,
    evidence: 'paid',
  });
  if (!('second' in opening)) throw new Error(`${obligation.payment_id}: ${JSON.stringify(opening)}`);
  const { payment_id } = obligation;
  const refund = { payment_id, key: settledPaymentKey(gateway_payment_ref), n: 1, now: Date.now() };
  await recordRefund(graph, newHeader(), { ...refund, result: { refund_ref: `re_${randomUUID()}` } });
}

async function countSignalled(graph: Graph, log: BenchSystem['log']): Promise<Count> {
  log(`opening ${OPEN} recoveries of one customer…`);
  const payer = await addPayer(graph);
  const failures: PaymentFailed[] = [];
  for (let n = 0; n < OPEN; n += 1) {
    const failure = failureOf(payer);
    failures.push(failure);
    await openRecovery(graph, newHeader(), { ...policyAndNow(), failure, claim_first: false });
  }
  const keys: string[] = [];
  for (const { payment_id } of failures.slice(0, 1 + BLOCKED)) {
    const payment_method_id = payer.charged_method_id;
    const key = attemptKey(payment_id, payment_method_id, 1);
    await claimAttempt(graph, newHeader(), { ...policyAndNow(), payment_id, payment_method_id, key, n: 1 });
    keys.push(key);
  }
  const charged = { payment_id: failures[0]?.payment_id ?? '', key: keys[0] ?? '' };
  const answer = { result: 'not_sent', reason: 'connection refused' } as const;
  const { unblocked: others } = await recordAttempt(graph, newHeader(), {
    ...policyAndNow(),
    ...charged,
    answer,
  });
  const what = `recoveries signalled at the end of a charge, of ${OPEN} open ones of which ${BLOCKED} were blocked by it`;
  return { what, value: others.length, atMost: BLOCKED };
}
