/** Carries out a plan against real processes, lets everything come to rest, and checks what came of it. */

import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Process } from '../../../dev/stack/process.ts';
import type { Log } from '../../../dev/stack/progress.ts';
import { PersonaError } from '../../../domain/errors.ts';
import { recoveryWorkflowId } from '../../../domain/processes.ts';
import { setCustomerStatus, setOffSessionConsent, updatePaymentMethodStatus } from '../../../graph/index.ts';
import { signalRecovery } from '../../../temporal/starts.ts';
import { testHeader } from '../../graph.ts';
import { customerWithCards, failureOf, type TestCustomer } from '../customers.ts';
import { holds, releaseHold } from '../gateway.ts';
import type { FaultSystem } from '../system.ts';
import { check, type Findings } from './check.ts';
import { collect } from './findings.ts';
import type { Deed, Plan, Victim } from './plan.ts';

/** How long whoever meets a dead server tries again. */
const PATIENCE_MS = 90_000;
/** Everything that a kill leaves behind is cleared up within two minutes; more is a fault. */
const REST_MS = 240_000;

export interface World {
  customers: TestCustomer[];
  failures: ReturnType<typeof failureOf>[];
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
        await insist(`${deed.do} at ${deed.at} ms`, () => carryOut(deed, system, world));
      }),
    );
    log('everything has happened; waiting until it has come to rest');
    return await rest(system, world, log);
  } finally {
    letting.abort();
    await released;
  }
}

async function populate(system: FaultSystem, plan: Plan): Promise<World> {
  const customers: TestCustomer[] = [];
  for (const cards of plan.customers) customers.push(await customerWithCards(system, cards));
  const failures = plan.obligations_of.map(({ customer, card, amount, decline_code }, of) => {
    const owner = customers[customer] as TestCustomer;
    // So that whoever reads a problem finds the obligation in the plan.
    const payment_id = `pay-${of}-${randomUUID()}`;
    return failureOf(owner, { payment_id, payment_method_id: owner.cards[card]?.id, amount, decline_code });
  });
  return { customers, failures };
}

async function carryOut(deed: Exclude<Deed, Kill>, system: FaultSystem, world: World): Promise<void> {
  const { graph } = system;
  if ('of' in deed) return tell(deed, system, world.failures[deed.of] as World['failures'][number]);
  if (deed.do === 'sweep') return system.sweep();
  const { id: customer_id, cards } = world.customers[deed.customer] as TestCustomer;
  if (deed.do === 'customer') {
    await setCustomerStatus(graph, testHeader(), { customer_id, status: deed.status, reason: 'the test' });
    return;
  }
  const ref = { customer_id, payment_method_id: cards[deed.card]?.id as string };
  if (deed.do === 'consent') {
    const consent = { ...ref, off_session_consent: deed.given, source: 'service' };
    await setOffSessionConsent(graph, testHeader(), consent).catch(revoked);
    return;
  }
  await updatePaymentMethodStatus(graph, testHeader(), { ...ref, status: deed.status, reason: 'the test' });
}

/** No service brings back what the network withdrew. */
function revoked(error: unknown): void {
  if (!(error instanceof PersonaError) || error.type !== 'illegal_transition') throw error;
}

async function tell(
  deed: Extract<Deed, { of: number }>,
  system: FaultSystem,
  failure: World['failures'][number],
): Promise<void> {
  const { client } = system;
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
      if (!(await isKnown(system, payment_id))) throw new Error(`${payment_id} is not in the graph yet`);
      return ifRunning(async () => {
        await client.workflow.getHandle(recoveryWorkflowId(payment_id)).terminate('by chance');
      });
  }
}

async function isKnown({ graph }: FaultSystem, payment_id: string): Promise<boolean> {
  // The failure itself: a settlement that came before it is in the graph without it.
  const query = 'MATCH (a:ChargeAttempt {payment_id: $payment_id}) RETURN a.key LIMIT 1';
  return (await graph.read(query, { payment_id })).length > 0;
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

function victimOf(system: FaultSystem, victim: Victim): Process {
  if (victim === 'neo4j' || victim === 'temporal') return system[victim];
  return system.program(victim);
}

type Kill = Extract<Deed, { do: 'kill' }>;

/**
 * A victim dies once for each time that the plan says so, and comes back before it dies again: it may take long while a
 * server that it needs is away, and a second one would find its ports taken.
 */
function killer(system: FaultSystem, log: Log): (deed: Kill) => Promise<void> {
  const turns = new Map<Victim, Promise<void>>();
  return (deed) => {
    const turn = (turns.get(deed.victim) ?? Promise.resolve()).then(() =>
      kill(victimOf(system, deed.victim), deed, log),
    );
    turns.set(deed.victim, turn);
    return turn;
  };
}

async function kill(process: Process, { victim, down, at }: Kill, log: Log): Promise<void> {
  log(`at ${(at / 1000).toFixed(1)} s: kill -9 ${victim}`);
  await process.kill();
  await setTimeout(down);
  await insist(`${victim} starts again`, () => process.restart());
}

/** Charges that stand still at the gateway do so for a moment: long enough to be met by a kill. */
async function letHoldsGo(system: FaultSystem, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await setTimeout(700);
    const standing = await holds(system).catch(() => []);
    await Promise.all(standing.map(({ id }) => releaseHold(system, id)));
  }
}

/** What is refused by a rule is done with; a server that is away is asked again. */
async function insist(what: string, act: () => Promise<void>): Promise<void> {
  for (const limit = Date.now() + PATIENCE_MS; ; await setTimeout(500)) {
    try {
      return await act();
    } catch (error) {
      if (error instanceof PersonaError && error.type === 'illegal_transition') return;
      if (Date.now() > limit) throw new Error(`could not be done: ${what}`, { cause: error });
    }
  }
}

async function rest(
  system: FaultSystem,
  world: World,
  log: Log,
): Promise<{ problems: string[]; findings: Findings }> {
  // Runs that were terminated while no server could say so, too.
  await insist('the sweep', () => system.sweep());
  for (const limit = Date.now() + REST_MS; ; await setTimeout(2_000)) {
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
