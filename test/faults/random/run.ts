/** Carries out a plan against real processes, lets everything come to rest, and checks what came of it. */

import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Log } from '../../../dev/stack/progress.ts';
import { recoveryWorkflowId } from '../../../domain/processes.ts';
import {
  removePaymentMethod,
  setCustomerStatus,
  setOffSessionConsent,
  updatePaymentMethodStatus,
} from '../../../graph/index.ts';
import { signalRecovery } from '../../../temporal/starts.ts';
import { testHeader } from '../../graph.ts';
import { customerWithCards, failureOf, type TestCustomer } from '../customers.ts';
import { holds, releaseHold } from '../gateway.ts';
import type { FaultSystem } from '../system.ts';
import { check } from './check.ts';
import { collect } from './findings.ts';
import type { Findings } from './found.ts';
import { insist, type Kill, killer } from './kills.ts';
import {
  actElsewhere,
  announceAgain,
  changeCard,
  type Failure,
  makeReported,
  type Others,
} from './others.ts';
import type { Deed, Plan } from './plan.ts';

/** Everything that a kill leaves behind is cleared up within two minutes; more is a fault. */
const REST_MS = 420_000;
/** Instead of the ten minutes of production. */
const SWEEP_EVERY_MS = 30_000;

export interface World {
  customers: TestCustomer[];
  failures: Failure[];
  others: Others;
}

/** @returns what is wrong in the end, a line each, and what it was found in */
export async function runPlan(
  system: FaultSystem,
  plan: Plan,
  log: Log,
): Promise<{ problems: string[]; findings: Findings }> {
  const world = await populate(system, plan);
  log(`${world.customers.length} customers are there; failures of ${plan.obligations} payments begin`);
  const letting = new AbortController();
  const released = letHoldsGo(system, letting.signal);
  try {
    const started = Date.now();
    const kill = killer(system, log);
    await Promise.all(
      plan.deeds.map(async (deed) => {
        await setTimeout(Math.max(0, started + deed.at - Date.now()));
        if (deed.do === 'kill') return kill(deed);
        await insist(`${deed.do} at ${deed.at} ms`, () => carryOut(deed, system, world, plan));
      }),
    );
    log('everything has happened; waiting until it has come to rest');
    const found = await rest(system, world, log);
    const { others } = world;
    if (found.problems.length > 0 || others.postponed.length === 0) return found;
    others.at_rest = true;
    for (const deed of others.postponed)
      await insist(`${deed.do} at rest`, () => carryOut(deed, system, world, plan));
    log(
      `${others.postponed.length} payments were refunded or contested if they had succeeded; waiting again`,
    );
    return await rest(system, world, log);
  } finally {
    letting.abort();
    await released;
  }
}

async function populate(system: FaultSystem, plan: Plan): Promise<World> {
  const customers: TestCustomer[] = [];
  for (const cards of plan.customers) customers.push(await customerWithCards(system, cards));
  const others: Others = { reported: {}, unrelated: [], postponed: [], at_rest: false };
  const failures: Failure[] = [];
  for (const [of, { customer, card, reported, ...owed }] of plan.obligations_of.entries()) {
    const owner = customers[customer] as TestCustomer;
    // So that whoever reads a problem finds the obligation in the plan.
    const payment_id = `pay-${of}-${randomUUID()}`;
    const failure: Failure = failureOf(owner, {
      ...owed,
      payment_id,
      payment_method_id: owner.cards[card]?.id,
    });
    if (reported) {
      failure.gateway_payment_ref = await makeReported(system, failure);
      others.reported[failure.gateway_payment_ref] = payment_id;
    }
    failures.push(failure);
  }
  return { customers, failures, others };
}

async function carryOut(
  deed: Exclude<Deed, Kill>,
  system: FaultSystem,
  world: World,
  plan: Plan,
): Promise<void> {
  const { graph } = system;
  if ('of' in deed) return tell(deed, system, world);
  if (deed.do === 'sweep') return system.sweep();
  if (deed.do === 'terminate_transactions') return system.terminateTransactions();
  const { id: customer_id, cards } = world.customers[deed.customer] as TestCustomer;
  if (deed.do === 'customer') {
    await setCustomerStatus(graph, testHeader(), { customer_id, status: deed.status, reason: 'the test' });
    return;
  }
  const card = cards[deed.card] as TestCustomer['cards'][number];
  const ref = { customer_id, payment_method_id: card.id };
  const planned = plan.customers[deed.customer]?.[deed.card] ?? {};
  if (deed.do === 'reissue') return changeCard(system, card.token, planned, 'reissue');
  if (deed.do === 'remove') {
    if (deed.at_gateway) return changeCard(system, card.token, planned, 'detach');
    await removePaymentMethod(graph, testHeader(), { ...ref, by: 'service' });
    return;
  }
  if (deed.do === 'consent') {
    const consent = { ...ref, off_session_consent: deed.given, source: 'service' };
    await setOffSessionConsent(graph, testHeader(), consent);
    return;
  }
  await updatePaymentMethodStatus(graph, testHeader(), { ...ref, status: deed.status, reason: 'the test' });
}

async function tell(
  deed: Extract<Deed, { of: number }>,
  system: FaultSystem,
  { failures, customers, others }: World,
): Promise<void> {
  const { client } = system;
  const failure = failures[deed.of] as Failure;
  const { payment_id, customer_id } = failure;
  switch (deed.do) {
    case 'report':
      return deed.by === 'signal'
        ? void (await system.agents.signalPaymentFailed(failure))
        : report(system, failure);
    case 'report_anew':
      // As if it had happened before the one that is known: reports come in any order.
      return report(system, {
        ...failure,
        event_id: randomUUID(),
        occurred_at: new Date(Date.parse(failure.occurred_at) - 5_000).toISOString(),
      });
    case 'report_stop':
      return report(system, {
        ...failure,
        ...{ event_id: `stop-${failure.event_id}`, decline_code: deed.decline_code },
        occurred_at: new Date(Date.parse(failure.occurred_at) - deed.age).toISOString(),
      });
    case 'report_garbage':
      // Whoever signals Temporal is checked by nobody before.
      await signalRecovery(client, 'paymentFailed', {
        ...{ ...failure, kind: 'recurring' },
        ...{ event_id: `garbage-${failure.event_id}`, amount: -1, currency: 'none', customer_id: 'nobody' },
      });
      return;
    case 'settle':
      await signalRecovery(client, 'paymentSettled', {
        ...{ event_id: `settled-${payment_id}`, payment_id, customer_id },
        settled_at: new Date().toISOString(),
      });
      return;
    case 'news':
      // It lies as often as not: only what the gateway's books say may count.
      await signalRecovery(client, 'chargeResult', {
        ...{ event_id: randomUUID(), payment_id },
        ...{ gateway_ref: `pi_${payment_id}`, result: deed.of % 2 ? 'approved' : 'declined' },
      });
      return;
    case 'cancel':
      return ifRunning(() =>
        client.workflow
          .getHandle(recoveryWorkflowId(payment_id))
          .signal('cancel', { actor: 'the test', reason: 'by chance' }),
      );
    case 'terminate':
      // A failure that only its run has heard of is lost with it; from the opening on the graph knows.
      if (!(await becomesKnown(system, payment_id))) return;
      return ifRunning(async () => {
        await client.workflow.getHandle(recoveryWorkflowId(payment_id)).terminate('by chance');
      });
    default: {
      const another = customers.find(({ id }) => id !== customer_id) as TestCustomer;
      return actElsewhere(deed, system, { failure, another, others });
    }
  }
}

/** Within a minute; later its run is left alone. */
async function becomesKnown({ graph }: FaultSystem, payment_id: string): Promise<boolean> {
  // The failure itself: a settlement that came before it is in the graph without it.
  const query = 'MATCH (a:ChargeAttempt {payment_id: $payment_id}) RETURN a.key LIMIT 1';
  for (const limit = Date.now() + 60_000; Date.now() < limit; await setTimeout(1_000))
    if ((await graph.read(query, { payment_id }).catch(() => [])).length > 0) return true;
  return false;
}

async function ifRunning(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'WorkflowNotFoundError') throw error;
  }
}

async function report({ persona }: FaultSystem, failure: object): Promise<void> {
  const response = await fetch(`${persona.addresses.http}/internal/v1/payment-failures`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(failure),
  });
  if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
}

/** Charges that stand still at the gateway do so for a moment: long enough to be met by a kill. */
async function letHoldsGo(system: FaultSystem, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await setTimeout(700);
    const standing = await holds(system).catch(() => []);
    await Promise.all(standing.map(({ id }) => releaseHold(system, id)));
  }
}

async function rest(
  system: FaultSystem,
  world: World,
  log: Log,
): Promise<{ problems: string[]; findings: Findings }> {
  await insist('the news of others', () => announceAgain(system, world.failures));
  let swept = 0;
  for (const limit = Date.now() + REST_MS; ; await setTimeout(2_000)) {
    // Runs that were terminated while no server could say so, too, and claims that are over only by now.
    if (Date.now() - swept > SWEEP_EVERY_MS) {
      await insist('the sweep', () => system.sweep());
      swept = Date.now();
    }
    const found = await look(system, world);
    // Graph and ledger are read one after the other: what moves in between looks wrong and is not.
    if (found.problems.length === 0 || Date.now() > limit) return found;
    log(`not at rest yet: ${found.problems.length} things, such as: ${found.problems[0]}`);
  }
}

/** The whole graph is compared with its log, which takes its time, only once nothing else is wrong. */
async function look(system: FaultSystem, world: World): Promise<{ problems: string[]; findings: Findings }> {
  const findings = await collect(system, world, { verify: false });
  const problems = check(findings);
  if (problems.length > 0) return { problems, findings };
  const verified = await collect(system, world, { verify: true });
  return { problems: check(verified), findings: verified };
}
