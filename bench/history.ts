/** Recoveries of a customer with a long history beside those of one with none, and of one who owes much at once. */

import { randomUUID } from 'node:crypto';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import { attemptKey, settledPaymentKey } from '../domain/processes.ts';
import { type CommandHeader, type Graph, onboard, recordVerification } from '../graph/index.ts';
import {
  claimAttempt,
  finishNotice,
  getNoticeMatter,
  openRecovery,
  openSettled,
  recordAttempt,
  recordRefund,
  startNotice,
} from '../graph/recovery/index.ts';
import { toParameters } from '../graph/values.ts';
import { readPolicy } from '../platform/policy.ts';
import { failureOf, headerOf, newcomer, type Payer } from './customers.ts';
import type { Count, Findings } from './result.ts';
import { compared, loadOf, REPETITIONS, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const LOGINS = 200_000;
const LOGINS_AT_ONCE = 10_000;
/** A turn's, one after the other. */
const RECOVERIES = 8;
const WARM_UP = 60;
/** Of one customer, and how many of them ask for a charge while another one is under way. */
const OPEN = 300;
const ASKING = 3;

const policy = readPolicy();

/** Who may be charged with the second card when the first one has failed. */
interface TwoCards extends Payer {
  charged_method_id: string;
}

export const historyBenchmark = {
  name: 'history',
  title: 'Recoveries of a customer with a long history against one with none',
  conditions:
    'The graph’s own commands of one recovery, one after the other: the failure opens it with its first claim, the charge is approved, the notice is read, leased and sent, a second payment turns up and is refunded. ' +
    `What stands under "Persona" is a customer with ${LOGINS} logins, under "bare" one with none; turns of ${RECOVERIES} recoveries. ` +
    `Counted: whom the end of a charge wakes, where a customer owes ${OPEN} payments and ${ASKING} of them were blocked by that charge`,
  async run({ graph, log }: Pick<BenchSystem, 'graph' | 'log'>): Promise<Findings> {
    const [long, short, warm] = [await addPayer(graph), await addPayer(graph), await addPayer(graph)];
    log(`writing ${LOGINS} logins…`);
    await addLogins(graph, long.customer_id);
    await loadOf(WARM_UP, 1, () => recover(graph, warm));
    const turn = (payer: TwoCards) => () => loadOf(RECOVERIES, 1, () => recover(graph, payer));
    const measured = await sideBySide(turn(long), turn(short), REPETITIONS);
    const goal = { atMost: 1.2 };
    return {
      comparisons: [{ ...compared('one recovery, p50', 'ms', 'p50', measured), goal }],
      counts: [await countWoken(graph, log)],
    };
  },
};

async function addPayer(graph: Graph): Promise<TwoCards> {
  const first = newcomer();
  const { device_details } = first;
  const { customer_id, method } = await addCard(graph, first);
  const again = { ...newcomer(), device_details, digital_identifiers: [], customer_id };
  const { method: charged_method_id } = await addCard(graph, again);
  return { customer_id, failing_method_id: method, charged_method_id };
}

async function addCard(graph: Graph, visit: ReturnType<typeof newcomer> & { customer_id?: string }) {
  const token = `pm_${randomUUID()}`;
  const method = { type: 'card', token, off_session_consent: true } as const;
  const header = headerOf(visit);
  const request = { ...visit, payment_method_details: method };
  const { customer_id, payment_method_id } = await onboard(graph, header, { request, policy });
  if (payment_method_id === undefined) throw new Error(`customer ${customer_id} has no card`);
  const answer = { result: 'attached', method: { token, type: 'card', network: 'visa' } } as const;
  const ids = { customer_id, payment_method_id, gateway_customer_ref: `cus_${customer_id}` };
  await recordVerification(graph, anew(), { ...ids, answer });
  return { customer_id, method: payment_method_id };
}

const anew = (): CommandHeader => headerOf(newcomer());

// As `LoginRecorded` leaves them, published long ago.
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

async function recover(graph: Graph, payer: TwoCards): Promise<void> {
  const failure = failureOf(payer);
  const { payment_id, customer_id } = failure;
  const opened = await openRecovery(graph, anew(), { ...asked(), failure, claim_first: true });
  const first = 'first' in opened.opening ? opened.opening.first : undefined;
  if (first?.claim.result !== 'claimed') throw new Error(`${payment_id}: ${JSON.stringify(opened.opening)}`);
  const { key } = first.claim.attempt;
  const answer = {
    result: 'approved',
    gateway_ref: `pi_${payment_id}`,
    charge_ref: `ch_${payment_id}`,
  } as const;
  await recordAttempt(graph, anew(), { ...asked(), payment_id, key, answer });
  const template = 'recovered';
  const notice = { notification_id: `recovery:${payment_id}:0:${template}:1`, payment_id, template } as const;
  await getNoticeMatter(graph, notice);
  await startNotice(graph, anew(), { ...notice, try_id: 'bench', now: Date.now(), limit: 1_000 });
  await finishNotice(graph, anew(), { ...notice, customer_id, channel: 'email' });
  await refundSecond(graph, { payment_id, customer_id });
}

const asked = () => ({ policy, now: Date.now() });

async function refundSecond(graph: Graph, owed: { payment_id: string; customer_id: string }): Promise<void> {
  const gateway_payment_ref = `pi_${randomUUID()}`;
  const settled_at = new Date(Date.now() + 60_000).toISOString();
  const settlement = { ...owed, event_id: randomUUID(), settled_at, gateway_payment_ref };
  const opening = await openSettled(graph, anew(), { ...asked(), settlement, evidence: 'paid' });
  if (!('second' in opening)) throw new Error(`${owed.payment_id}: ${JSON.stringify(opening)}`);
  const { payment_id } = owed;
  const refund = { payment_id, key: settledPaymentKey(gateway_payment_ref), n: 1, now: Date.now() };
  await recordRefund(graph, anew(), { ...refund, result: { refund_ref: `re_${randomUUID()}` } });
}

async function countWoken(graph: Graph, log: BenchSystem['log']): Promise<Count> {
  log(`opening ${OPEN} recoveries of one customer…`);
  const payer = await addPayer(graph);
  const failures: PaymentFailed[] = [];
  for (let n = 0; n < OPEN; n += 1) {
    const failure = failureOf(payer);
    failures.push(failure);
    await openRecovery(graph, anew(), { ...asked(), failure, claim_first: false });
  }
  const keys: string[] = [];
  for (const { payment_id } of failures.slice(0, 1 + ASKING)) {
    const payment_method_id = payer.charged_method_id;
    const key = attemptKey(payment_id, payment_method_id, 1);
    await claimAttempt(graph, anew(), { ...asked(), payment_id, payment_method_id, key, n: 1 });
    keys.push(key);
  }
  const charged = { payment_id: failures[0]?.payment_id ?? '', key: keys[0] ?? '' };
  const answer = { result: 'not_sent', reason: 'connection refused' } as const;
  const { others } = await recordAttempt(graph, anew(), { ...asked(), ...charged, answer });
  const what = `recoveries that the end of a charge wakes, of ${OPEN} open ones of which ${ASKING} were blocked by it`;
  return { what, value: others.length, atMost: ASKING };
}
