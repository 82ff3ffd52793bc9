/** Executes a plan against real processes, waits until the system is quiescent, and checks the resulting state. */

import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { fetchAs } from '../../../platform/run-access.ts';
import type { Log } from '../../../dev/stack/progress.ts';
import type { PaymentFailed } from '../../../domain/recovery/messages.ts';
import { recoveryWorkflowId } from '../../../domain/workflow-contracts.ts';
import {
  removePaymentMethod,
  setCustomerStatus,
  setOffSessionConsent,
  updatePaymentMethodStatus,
} from '../../../graph/index.ts';
import { signalWithStartRecovery } from '../../../temporal/workflow-client.ts';
import { paymentSettled } from '../../scenarios/reports.ts';
import { testHeader } from '../../test-graph.ts';
import { customerWithScriptedCards, failureOf, type TestCustomer } from '../customer-fixtures.ts';
import { listHolds, releaseHold } from '../gateway-holds.ts';
import type { FaultSystem } from '../system.ts';
import { findProblems } from './check.ts';
import { collectState } from './collect-state.ts';
import type { ObservedState } from './observed-state.ts';
import { retryUntilDone, type Kill, createKiller } from './kills.ts';
import {
  performExternalAction,
  replayGatewayEvents,
  changeCard,
  createReportedPayment,
  type ExternalPayments,
  type RunState,
} from './external-actions.ts';
import type { PlannedAction, Plan } from './plan.ts';

/** Every effect of a kill is cleaned up within two minutes; longer is a fault. */
const QUIESCENCE_LIMIT_MS = 420_000;
/** Ten minutes in production. */
const SWEEP_EVERY_MS = 30_000;

/** @returns the remaining problems, one line each, and the state in which they were found */
export async function runPlan(
  system: FaultSystem,
  plan: Plan,
  log: Log,
): Promise<{ problems: string[]; observed: ObservedState }> {
  const runState = await populate(system, plan);
  log(
    `${runState.customers.length} customers created; starting failures of ${plan.obligationCount} payments`,
  );
  const releaseAbort = new AbortController();
  const releaseLoop = releaseHolds(system, releaseAbort.signal);
  try {
    const started = Date.now();
    const kill = createKiller(system, log);
    await Promise.all(
      plan.actions.map(async (action) => {
        await setTimeout(Math.max(0, started + action.at - Date.now()));
        if (action.do === 'kill') return kill(action);
        await retryUntilDone(`${action.do} at ${action.at} ms`, () =>
          performAction(action, system, runState, plan),
        );
      }),
    );
    log('all actions performed; waiting until the system is quiescent');
    const result = await waitUntilQuiescent(system, runState, log);
    const { external } = runState;
    if (result.problems.length > 0 || external.postponed.length === 0) return result;
    external.quiescent = true;
    for (const action of external.postponed)
      await retryUntilDone(`${action.do} after quiescence`, () =>
        performAction(action, system, runState, plan),
      );
    log(`${external.postponed.length} postponed refunds and disputes performed; waiting again`);
    return await waitUntilQuiescent(system, runState, log);
  } finally {
    releaseAbort.abort();
    await releaseLoop;
  }
}

async function populate(system: FaultSystem, plan: Plan): Promise<RunState> {
  const customers: TestCustomer[] = [];
  for (const cards of plan.customers) customers.push(await customerWithScriptedCards(system, cards));
  const external: ExternalPayments = { reported: {}, unrelated: [], postponed: [], quiescent: false };
  const failures: PaymentFailed[] = [];
  for (const [of, { customer, card, reported, ...terms }] of plan.plannedObligations.entries()) {
    const owner = customers[customer] as TestCustomer;
    // So that the obligation of a reported problem can be found in the plan.
    const payment_id = `pay-${of}-${randomUUID()}`;
    const failure = failureOf(owner, {
      ...terms,
      payment_id,
      payment_method_id: owner.cards[card]?.id,
    });
    if (reported) {
      failure.gateway_payment_ref = await createReportedPayment(system, failure);
      external.reported[failure.gateway_payment_ref] = payment_id;
    }
    failures.push(failure);
  }
  return { customers, failures, external };
}

async function performAction(
  action: Exclude<PlannedAction, Kill>,
  system: FaultSystem,
  runState: RunState,
  plan: Plan,
): Promise<void> {
  const { graph } = system;
  if ('of' in action) return performObligationAction(action, system, runState);
  if (action.do === 'sweep') return system.sweep();
  if (action.do === 'terminate_transactions') return system.terminateTransactions();
  const { id: customer_id, cards } = runState.customers[action.customer] as TestCustomer;
  if (action.do === 'customer') {
    await setCustomerStatus(graph, testHeader(), { customer_id, status: action.status, reason: 'the test' });
    return;
  }
  const card = cards[action.card] as TestCustomer['cards'][number];
  const ref = { customer_id, payment_method_id: card.id };
  const planned = plan.customers[action.customer]?.[action.card] ?? {};
  if (action.do === 'reissue') return changeCard(system, card.token, planned, 'reissue');
  if (action.do === 'remove') {
    if (action.at_gateway) return changeCard(system, card.token, planned, 'detach');
    await removePaymentMethod(graph, testHeader(), { ...ref, by: 'service' });
    return;
  }
  if (action.do === 'consent') {
    const consent = { ...ref, off_session_consent: action.given, source: 'service' };
    await setOffSessionConsent(graph, testHeader(), consent);
    return;
  }
  await updatePaymentMethodStatus(graph, testHeader(), { ...ref, status: action.status, reason: 'the test' });
}

async function performObligationAction(
  action: Extract<PlannedAction, { of: number }>,
  system: FaultSystem,
  { failures, customers, external }: RunState,
): Promise<void> {
  const { client } = system;
  const failure = failures[action.of] as PaymentFailed;
  const { payment_id, customer_id } = failure;
  switch (action.do) {
    case 'report':
      return action.by === 'signal'
        ? void (await system.agents.signalPaymentFailed(failure))
        : report(system, failure);
    case 'report_anew':
      // Earlier than the failure that is already known: reports arrive in any order.
      return report(system, {
        ...failure,
        event_id: randomUUID(),
        occurred_at: new Date(Date.parse(failure.occurred_at) - 5_000).toISOString(),
      });
    case 'report_stop':
      return report(system, {
        ...failure,
        ...{ event_id: `stop-${failure.event_id}`, decline_code: action.decline_code },
        occurred_at: new Date(Date.parse(failure.occurred_at) - action.age).toISOString(),
      });
    case 'report_garbage':
      // A direct Temporal signal is not validated in advance.
      await signalWithStartRecovery(client, 'paymentFailed', {
        ...{ ...failure, kind: 'recurring' },
        ...{ event_id: `garbage-${failure.event_id}`, amount: -1, currency: 'none', customer_id: 'nobody' },
      });
      return;
    case 'settle':
      await signalWithStartRecovery(
        client,
        'paymentSettled',
        paymentSettled({ event_id: `settled-${payment_id}`, payment_id, customer_id }),
      );
      return;
    case 'news':
      // Often false: only the gateway's records may count.
      await signalWithStartRecovery(client, 'chargeResult', {
        ...{ event_id: randomUUID(), payment_id },
        ...{ gateway_ref: `pi_${payment_id}`, result: action.of % 2 ? 'approved' : 'declined' },
      });
      return;
    case 'cancel':
      return ifRunning(() =>
        client.workflow
          .getHandle(recoveryWorkflowId(payment_id))
          .signal('cancel', { actor: 'the test', reason: 'by chance' }),
      );
    case 'terminate':
      // A failure that only its run knows is lost with it; from the opening on, the graph knows it.
      if (!(await waitUntilInGraph(system, payment_id))) return;
      return ifRunning(async () => {
        await client.workflow.getHandle(recoveryWorkflowId(payment_id)).terminate('by chance');
      });
    default: {
      const otherCustomer = customers.find(({ id }) => id !== customer_id) as TestCustomer;
      return performExternalAction(action, system, { failure, otherCustomer, external });
    }
  }
}

/** Waits up to a minute. @returns false if the failure is still missing, so that its run must not be terminated */
async function waitUntilInGraph({ graph }: FaultSystem, payment_id: string): Promise<boolean> {
  // The failure itself: the obligation exists without it after an earlier settlement.
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
  const { auth, http } = persona.addresses;
  const response = await fetchAs(auth, { role: 'synapse' }, `${http}/internal/v1/payment-failures`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(failure),
  });
  if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
}

/** Releases held charges after a short time, long enough for a kill to interrupt them. */
async function releaseHolds(system: FaultSystem, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await setTimeout(700);
    const heldCharges = await listHolds(system).catch(() => []);
    await Promise.all(heldCharges.map(({ id }) => releaseHold(system, id)));
  }
}

async function waitUntilQuiescent(
  system: FaultSystem,
  runState: RunState,
  log: Log,
): Promise<{ problems: string[]; observed: ObservedState }> {
  await retryUntilDone('replaying gateway events', () => replayGatewayEvents(system, runState.failures));
  let swept = 0;
  for (const limit = Date.now() + QUIESCENCE_LIMIT_MS; ; await setTimeout(2_000)) {
    // Repeated: for runs terminated while the servers were down, and for claims that have expired only now.
    if (Date.now() - swept > SWEEP_EVERY_MS) {
      await retryUntilDone('the sweep', () => system.sweep());
      swept = Date.now();
    }
    const result = await collectAndCheck(system, runState);
    // Graph and ledger are read one after the other: a change in between looks like a problem.
    if (result.problems.length === 0 || Date.now() > limit) return result;
    log(`not quiescent yet: ${result.problems.length} problems, such as: ${result.problems[0]}`);
  }
}

/** Compares the whole graph with its log, which is slow, only once there are no other problems. */
async function collectAndCheck(
  system: FaultSystem,
  runState: RunState,
): Promise<{ problems: string[]; observed: ObservedState }> {
  const observed = await collectState(system, runState, { verify: false });
  const problems = findProblems(observed);
  if (problems.length > 0) return { problems, observed };
  const verified = await collectState(system, runState, { verify: true });
  return { problems: findProblems(verified), observed: verified };
}
