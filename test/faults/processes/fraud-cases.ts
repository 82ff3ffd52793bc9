/** Fraud cases, stopped while an outcome, a review decision or a reinstatement is written. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { fraudCaseWorkflowId, suspensionNotificationId } from '../../../domain/workflow-contracts.ts';
import { fraudReport } from '../../fraud-fixtures.ts';
import { customerWithScriptedCards, failureOf } from '../customer-fixtures.ts';
import type { StopCondition } from '../proxy.ts';
import type { FaultSystem } from '../system.ts';
import {
  eventsOf,
  COMMIT_MOMENTS,
  type CommitMoment,
  noticesTo,
  type StoppedProcess,
  stopProcessAt,
} from './stopped-process.ts';

interface FraudCaseRef {
  id: string;
  customer: string;
}

export function stopFraudCases(system: FaultSystem): Promise<StoppedProcess[]> {
  return Promise.all([
    ...COMMIT_MOMENTS.flatMap((moment) => [
      stopOutcome(system, `${moment.name} the outcome is applied`, (id) =>
        moment.stopAt('FraudOutcomeApplied', id),
      ),
      stopDecision(system, moment),
      stopReinstatement(system, moment),
    ]),
    stopOutcome(system, 'before the notice is delivered', (id) => ({
      requests: [[`notice:${suspensionNotificationId(id)}`]],
      hold: 'request',
    })),
  ]);
}

async function stopOutcome(
  system: FaultSystem,
  name: string,
  stop: (caseId: string) => StopCondition,
): Promise<StoppedProcess> {
  const fraudCase = await newCase(system);
  const at = `fraud case: ${name}`;
  return stopProcessAt(system, {
    ...{ at, stop: stop(fraudCase.id) },
    begin: () => report(system, fraudCase, 'confirmed_fraud'),
    expectEnd: () => expectSuspension(system, fraudCase, { at, outcomes: ['confirmed_fraud'] }),
  });
}

async function stopDecision(system: FaultSystem, { name, stopAt }: CommitMoment): Promise<StoppedProcess> {
  const fraudCase = await newCase(system);
  const at = `fraud case: ${name} a review decision is applied`;
  await report(system, fraudCase, 'suspected');
  const outcomes = () => outcomesOf(system, fraudCase);
  await expect.poll(outcomes, { timeout: 60_000 }).toEqual(['suspected']);
  return stopProcessAt(system, {
    ...{ at, stop: stopAt('FraudOutcomeApplied', fraudCase.id) },
    begin: () =>
      system.client.workflow
        .getHandle(fraudCaseWorkflowId(fraudCase.id))
        .signal('reviewDecision', { decision: 'suspend', actor: 'ops', reason: 'test' }),
    expectEnd: () =>
      expectSuspension(system, fraudCase, { at, outcomes: ['suspected', 'suspended_in_review'] }),
  });
}

/** The customer's recovery waits meanwhile, and continues once it is signalled. */
async function stopReinstatement(
  system: FaultSystem,
  { name, stopAt }: CommitMoment,
): Promise<StoppedProcess> {
  const customer = await customerWithScriptedCards(system, [{}, {}]);
  const fraudCase: FraudCaseRef = { id: `case-${randomUUID()}`, customer: customer.id };
  const at = `fraud case: ${name} a reinstatement is written`;
  await report(system, fraudCase, 'confirmed_fraud');
  await expect.poll(() => statusOf(system, fraudCase), { timeout: 60_000 }).toBe('suspended');
  const failure = failureOf(customer);
  const { payment_id } = failure;
  await system.agents.signalPaymentFailed(failure);
  await expect.poll(() => system.inspector.obligation(payment_id), { timeout: 60_000 }).toBe('open');
  return stopProcessAt(system, {
    ...{ at, stop: stopAt('CustomerStatusChanged', customer.id) },
    begin: async () => void (await system.agents.reinstate(fraudCase.id, 'test')),
    async expectEnd() {
      expect(await statusOf(system, fraudCase), at).toBe('active');
      expect(await eventsOf(system, customer.id, 'CustomerStatusChanged'), at).toHaveLength(2);
      expect(await system.inspector.obligation(payment_id), at).toBe('recovered');
      expect(await system.inspector.ledger(payment_id), at).toMatchObject([{ status: 'succeeded' }]);
    },
  });
}

async function newCase(system: FaultSystem): Promise<FraudCaseRef> {
  const { id } = await customerWithScriptedCards(system, [{}]);
  return { id: `case-${randomUUID()}`, customer: id };
}

async function report(
  { agents }: FaultSystem,
  { id, customer }: FraudCaseRef,
  outcome: 'confirmed_fraud' | 'suspected',
): Promise<void> {
  await agents.reportFraud(fraudReport({ case_id: id, customer_id: customer, outcome }));
}

async function outcomesOf(system: FaultSystem, { customer }: FraudCaseRef): Promise<string[]> {
  const applied = await eventsOf<{ outcome: string }>(system, customer, 'FraudOutcomeApplied');
  return applied.map(({ outcome }) => outcome);
}

async function statusOf({ graph }: FaultSystem, { customer }: FraudCaseRef): Promise<string | undefined> {
  const found = await graph.read<{ status: string }>(
    'MATCH (c:Customer {id: $customer}) RETURN c.status AS status',
    { customer },
  );
  return found[0]?.status;
}

async function expectSuspension(
  system: FaultSystem,
  fraudCase: FraudCaseRef,
  { at, outcomes }: { at: string; outcomes: string[] },
): Promise<void> {
  expect(await outcomesOf(system, fraudCase), at).toEqual(outcomes);
  expect(await statusOf(system, fraudCase), at).toBe('suspended');
  expect(await noticesTo(system, fraudCase.customer), at).toEqual([suspensionNotificationId(fraudCase.id)]);
  const reports = await system.graph.read('MATCH (r:AcceptedReport {case_id: $id}) RETURN r.event_id', {
    id: fraudCase.id,
  });
  expect(reports, at).toEqual([]);
}
