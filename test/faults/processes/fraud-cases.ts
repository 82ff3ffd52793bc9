/** Fraud cases, stopped while an outcome, a decision about a suspicion or a reinstatement is written. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { fraudCaseWorkflowId, suspensionNotificationId } from '../../../domain/processes.ts';
import { fraudReport } from '../../fraud.ts';
import { customerWithCards, failureOf } from '../customers.ts';
import type { StopAt } from '../proxy.ts';
import type { FaultSystem } from '../system.ts';
import { eventsOf, MOMENTS, type Moment, noticesTo, type Stopped, stopThere } from './stopped.ts';

interface Case {
  id: string;
  customer: string;
}

export function stopFraudCases(system: FaultSystem): Promise<Stopped[]> {
  return Promise.all([
    ...MOMENTS.flatMap((moment) => [
      stopOutcome(system, `${moment.name} the outcome is applied`, (id) =>
        moment.stopAt('FraudOutcomeApplied', id),
      ),
      stopDecision(system, moment),
      stopReinstatement(system, moment),
    ]),
    stopOutcome(system, 'before the notice is handed over', (id) => ({
      requests: [[`notice:${suspensionNotificationId(id)}`]],
      hold: 'request',
    })),
  ]);
}

async function stopOutcome(
  system: FaultSystem,
  name: string,
  stop: (caseId: string) => StopAt,
): Promise<Stopped> {
  const fraud = await newCase(system);
  const at = `fraud case: ${name}`;
  return stopThere(system, {
    ...{ at, stop: stop(fraud.id) },
    begin: () => report(system, fraud, 'confirmed_fraud'),
    expectEnd: () => expectSuspension(system, fraud, { at, outcomes: ['confirmed_fraud'] }),
  });
}

async function stopDecision(system: FaultSystem, { name, stopAt }: Moment): Promise<Stopped> {
  const fraud = await newCase(system);
  const at = `fraud case: ${name} the decision about a suspicion is applied`;
  await report(system, fraud, 'suspected');
  const outcomes = () => outcomesOf(system, fraud);
  await expect.poll(outcomes, { timeout: 60_000 }).toEqual(['suspected']);
  return stopThere(system, {
    ...{ at, stop: stopAt('FraudOutcomeApplied', fraud.id) },
    begin: () =>
      system.client.workflow
        .getHandle(fraudCaseWorkflowId(fraud.id))
        .signal('reviewDecision', { decision: 'suspend', actor: 'ops', reason: 'test' }),
    expectEnd: () => expectSuspension(system, fraud, { at, outcomes: ['suspected', 'suspended_in_review'] }),
  });
}

/** The customer's recovery waits meanwhile, and goes on once it hears of the reinstatement. */
async function stopReinstatement(system: FaultSystem, { name, stopAt }: Moment): Promise<Stopped> {
  const customer = await customerWithCards(system, [{}, {}]);
  const fraud: Case = { id: `case-${randomUUID()}`, customer: customer.id };
  const at = `fraud case: ${name} a reinstatement is written`;
  await report(system, fraud, 'confirmed_fraud');
  await expect.poll(() => statusOf(system, fraud), { timeout: 60_000 }).toBe('suspended');
  const failure = failureOf(customer);
  const { payment_id } = failure;
  await system.agents.signalPaymentFailed(failure);
  await expect.poll(() => system.evidence.obligation(payment_id), { timeout: 60_000 }).toBe('open');
  return stopThere(system, {
    ...{ at, stop: stopAt('CustomerStatusChanged', customer.id) },
    begin: async () => void (await system.agents.reinstate(fraud.id, 'test')),
    async expectEnd() {
      expect(await statusOf(system, fraud), at).toBe('active');
      expect(await eventsOf(system, customer.id, 'CustomerStatusChanged'), at).toHaveLength(2);
      expect(await system.evidence.obligation(payment_id), at).toBe('recovered');
      expect(await system.evidence.ledger(payment_id), at).toMatchObject([{ status: 'succeeded' }]);
    },
  });
}

async function newCase(system: FaultSystem): Promise<Case> {
  const { id } = await customerWithCards(system, [{}]);
  return { id: `case-${randomUUID()}`, customer: id };
}

async function report(
  { agents }: FaultSystem,
  { id, customer }: Case,
  outcome: 'confirmed_fraud' | 'suspected',
): Promise<void> {
  await agents.reportFraud(fraudReport({ case_id: id, customer_id: customer, outcome }));
}

async function outcomesOf(system: FaultSystem, { customer }: Case): Promise<string[]> {
  const applied = await eventsOf<{ outcome: string }>(system, customer, 'FraudOutcomeApplied');
  return applied.map(({ outcome }) => outcome);
}

async function statusOf({ graph }: FaultSystem, { customer }: Case): Promise<string | undefined> {
  const found = await graph.read<{ status: string }>(
    'MATCH (c:Customer {id: $customer}) RETURN c.status AS status',
    { customer },
  );
  return found[0]?.status;
}

async function expectSuspension(
  system: FaultSystem,
  fraud: Case,
  { at, outcomes }: { at: string; outcomes: string[] },
): Promise<void> {
  expect(await outcomesOf(system, fraud), at).toEqual(outcomes);
  expect(await statusOf(system, fraud), at).toBe('suspended');
  expect(await noticesTo(system, fraud.customer), at).toEqual([suspensionNotificationId(fraud.id)]);
  const reports = await system.graph.read('MATCH (r:AcceptedReport {case_id: $id}) RETURN r.event_id', {
    id: fraud.id,
  });
  expect(reports, at).toEqual([]);
}
