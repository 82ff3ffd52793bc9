import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { FraudOutcomeReport } from '../domain/fraud/messages.ts';
import type { KnownFraudCase } from '../domain/fraud/state.ts';
import {
  fraudCaseWorkflowId,
  type NoticeInput,
  suspensionNotificationId,
  TaskQueue,
} from '../domain/workflow-contracts.ts';
import { createTestRig, eventually } from '../test/rig/index.ts';
import { fraudReport } from '../test/fraud-fixtures.ts';
import type { ApplyFraudOutcomeResult, FraudActivities } from './apply-fraud-outcome.ts';
import type { NoticeActivities } from './send-notice.ts';

const HOUR = 3_600_000;
const policy = { reviewReminder: 4 * HOUR, reviewDeadline: 24 * HOUR, reviewDefault: 'clear' } as const;

type Activities = FraudActivities & NoticeActivities;

/** A graph with one case, and a mailbox; each test overrides what it needs. */
async function caseWith(override: (defaults: Activities) => Partial<Activities> = () => ({})) {
  const case_id = `case-${randomUUID()}`;
  const customer_id = randomUUID();
  const notification_id = suspensionNotificationId(case_id);
  /** What was done, in order. */
  const seen: string[] = [];
  const notices: NoticeInput[] = [];
  let known: KnownFraudCase | undefined;
  let notified = false;
  const suspend = (outcome: KnownFraudCase['outcome']): KnownFraudCase => ({
    ...{ customer_id, customer_status: 'suspended', outcome },
    ...(!notified && { notice_due: notification_id }),
  });
  const answer = () => ({ ...(known && { found: known }), policy });
  const defaults: Activities = {
    async applyOutcome({ report: { outcome, event_id } }) {
      const customer_status = outcome === 'cleared' ? 'active' : (known?.customer_status ?? 'active');
      const review = outcome === 'suspected' ? { since: await rig.now(), reminded: false } : undefined;
      known =
        outcome === 'confirmed_fraud'
          ? suspend(outcome)
          : { customer_id, customer_status, outcome, ...(review && { review }) };
      // Last, because a test that waits for this may then change the case.
      seen.push(event_id);
      return answer();
    },
    readFraudCase: async () => answer(),
    async decideFraudReview({ decision: { decision, actor } }) {
      seen.push(`${decision} by ${actor}`);
      if (!known?.review) return answer();
      known =
        decision === 'suspend'
          ? suspend('suspended_in_review')
          : { customer_id, customer_status: 'active', outcome: 'cleared_in_review' };
      return answer();
    },
    async remindOfFraudReview() {
      seen.push('reminded');
      if (known?.review) known = { ...known, review: { ...known.review, reminded: true } };
      return answer();
    },
    async reinstateCustomer({ by }) {
      seen.push(`reinstated by ${by.actor}`);
      if (known) known = { ...known, customer_status: 'active' };
      return answer();
    },
    async deliverNotice(notice) {
      notices.push(notice);
      notified = true;
      if (known) known = { ...known, notice_due: undefined };
      return { result: 'delivered' };
    },
    recordNoticeFailed: async () => {},
  };
  const activities = { ...defaults, ...override(defaults) };
  const rig = await createTestRig({
    activities: { [TaskQueue.fraud]: activities, [TaskQueue.recovery]: activities },
  });
  const workflowId = fraudCaseWorkflowId(case_id);
  const handle = () => rig.client.workflow.getHandle(workflowId);
  const send = (signal: string, payload: unknown) =>
    rig.client.workflow.signalWithStart('applyFraudOutcome', {
      ...{ workflowId, taskQueue: TaskQueue.fraud, args: [{ case_id }] },
      ...{ signal, signalArgs: [payload] },
    });
  return {
    ...rig,
    ...{ case_id, customer_id, seen, notices, send, handle },
    report: (outcome: FraudOutcomeReport['outcome'], changes: Partial<FraudOutcomeReport> = {}) =>
      send('fraudOutcome', fraudReport({ case_id, customer_id, outcome, event_id: outcome, ...changes })),
    result: () => handle().result() as Promise<ApplyFraudOutcomeResult>,
    resume: () =>
      rig.client.workflow.start('applyFraudOutcome', {
        ...{ workflowId, taskQueue: TaskQueue.fraud, args: [{ case_id, resume: true }] },
      }),
    /** How long the run took, in milliseconds of the server's time. */
    async durationMs() {
      const { events } = await handle().fetchHistory();
      const at = (n: number) => Number(events?.at(n)?.eventTime?.seconds ?? 0) * 1_000;
      return at(-1) - at(0);
    },
    /** Signals of operators. */
    decide: (decision: 'suspend' | 'clear') =>
      send('reviewDecision', { decision, actor: 'grace', reason: 'reviewed' }),
    reinstate: () => send('reinstate', { actor: 'grace', reason: 'a mistake' }),
    setKnownCase: (found: KnownFraudCase | undefined) => {
      known = found;
    },
  };
}

test('a confirmed fraud is applied immediately, and the customer is notified of the suspension', async () => {
  const { report, result, case_id, customer_id, seen, notices } = await caseWith();
  await report('confirmed_fraud');
  expect(await result()).toEqual({ case_id, outcome: 'confirmed_fraud', customer_status: 'suspended' });
  expect(seen).toEqual(['confirmed_fraud']);
  const notification_id = `fraud:${case_id}:account_suspended:1`;
  expect(notices).toEqual([{ notification_id, customer_id, case_id, template: 'account_suspended' }]);
});

test.each(['challenge_passed', 'challenge_failed', 'cleared'] as const)(
  '%s is applied, and the case ends without a review',
  async (outcome) => {
    const { report, result, case_id, notices } = await caseWith();
    await report(outcome);
    expect(await result()).toEqual({ case_id, outcome, customer_status: 'active' });
    expect(notices).toEqual([]);
  },
);

test('without a decision, a suspicion is reminded of after four hours and cleared by policy after a day', async () => {
  const { report, result, case_id, seen, durationMs } = await caseWith();
  await report('suspected');
  expect(await result()).toEqual({ case_id, outcome: 'cleared_in_review', customer_status: 'active' });
  expect(seen).toEqual(['suspected', 'reminded', 'clear by policy']);
  const hours = (await durationMs()) / HOUR;
  expect(hours).toBeGreaterThanOrEqual(24);
  expect(hours).toBeLessThan(25);
});

test('an operator’s suspension ends the review, and the customer is notified', async () => {
  const { report, decide, result, seen, notices, sleep } = await caseWith();
  await report('suspected');
  await sleep(5 * HOUR);
  await decide('suspend');
  expect(await result()).toMatchObject({ outcome: 'suspended_in_review', customer_status: 'suspended' });
  expect(seen).toEqual(['suspected', 'reminded', 'suspend by grace']);
  expect(notices).toHaveLength(1);
});

test('a later outcome ends the review, and an operator’s decision after that is ignored', async () => {
  const { report, decide, result, seen } = await caseWith();
  await report('suspected');
  await eventually(() => expect(seen).toEqual(['suspected']));
  await report('confirmed_fraud');
  await result();
  await decide('clear');
  expect(await result()).toMatchObject({ outcome: 'confirmed_fraud', customer_status: 'suspended' });
  expect(seen).toEqual(['suspected', 'confirmed_fraud']);
});

test('outcomes received out of order during an outage of the graph are applied in order of occurrence', async () => {
  let away = true;
  const fake = await caseWith((defaults) => ({
    async applyOutcome(input) {
      if (away) throw new PersonaError('graph_unavailable', 'unavailable');
      return defaults.applyOutcome(input);
    },
  }));
  const at = (minutes: number) => new Date(Date.UTC(2026, 3, 18, 10, minutes)).toISOString();
  await fake.report('suspected', { event_id: 'first', occurred_at: at(0) });
  await fake.report('cleared', { event_id: 'fourth', occurred_at: at(4) });
  await fake.report('suspected', { event_id: 'third', occurred_at: at(3) });
  await fake.report('confirmed_fraud', { event_id: 'second', occurred_at: at(2) });
  away = false;
  expect(await fake.result()).toMatchObject({ outcome: 'cleared', customer_status: 'active' });
  expect(fake.seen).toEqual(['first', 'second', 'third', 'fourth']);
  // Cleared before the customer was notified.
  expect(fake.notices).toEqual([]);
});

test('a customer can be reinstated after the run of the case has ended', async () => {
  const { report, reinstate, result, seen } = await caseWith();
  await report('confirmed_fraud');
  await result();
  await reinstate();
  expect(await result()).toMatchObject({ outcome: 'confirmed_fraud', customer_status: 'active' });
  expect(seen).toEqual(['confirmed_fraud', 'reinstated by grace']);
});

test('a resumed run continues the review from its state in the graph', async () => {
  const { setKnownCase, now, resume, result, seen, customer_id, durationMs } = await caseWith();
  const since = (await now()) - 23 * HOUR;
  const review = { since, reminded: true };
  setKnownCase({ customer_id, customer_status: 'active', outcome: 'suspected', review });
  await resume();
  expect(await result()).toMatchObject({ outcome: 'cleared_in_review' });
  expect(seen).toEqual(['clear by policy']);
  expect(await durationMs()).toBeLessThan(2 * HOUR);
});

test('a resumed run ends as customer_gone if the graph has no such case any more', async () => {
  const { resume, result, case_id } = await caseWith();
  await resume();
  expect(await result()).toEqual({ case_id, outcome: 'customer_gone' });
});

test.each(['at the deadline', 'on an operator’s decision', 'after a message that is refused'] as const)(
  'after an erasure during a review, the case ends %s without any action',
  async (when) => {
    const problems = [{ field: 'customer_id', message: 'there is no such customer' }];
    let isGone = false;
    const { setKnownCase, report, decide, send, result, seen, notices, case_id, sleep } = await caseWith(
      (defaults) => ({
        async applyOutcome(input) {
          if (isGone) return { refused: { type: 'customer_not_found', problems } };
          return defaults.applyOutcome(input);
        },
      }),
    );
    await report('suspected');
    await eventually(() => expect(seen).toEqual(['suspected']));
    setKnownCase(undefined);
    isGone = true;
    if (when === 'on an operator’s decision') await decide('suspend');
    if (when === 'after a message that is refused') {
      await send('fraudOutcome', 'nonsense');
      await report('confirmed_fraud');
      await sleep(HOUR);
    }
    expect(await result()).toEqual({ case_id, outcome: 'customer_gone' });
    expect(seen).not.toContain('confirmed_fraud');
    expect(notices).toEqual([]);
  },
);

test('a decision about a case that does not exist is refused', async () => {
  const { decide, result } = await caseWith();
  await decide('suspend');
  await expect(result()).rejects.toMatchObject({ cause: { type: 'InvalidFraudOutcome' } });
});

test('an unavailable notifier does not delay the case: a separate workflow notifies the customer', async () => {
  let away = true;
  const { report, result, client, case_id, notices } = await caseWith((defaults) => ({
    async deliverNotice(notice) {
      if (away) throw new PersonaError('notifier_unavailable', 'unavailable');
      return defaults.deliverNotice(notice);
    },
  }));
  await report('confirmed_fraud');
  await result();
  away = false;
  await client.workflow.getHandle(suspensionNotificationId(case_id)).result();
  expect(notices).toHaveLength(1);
});

describe('an invalid message', () => {
  test('fails a run that it started, naming each field', async () => {
    const { send, result, case_id } = await caseWith();
    await send('fraudOutcome', { case_id, outcome: 'guilty', new_trust_score: 2 });
    await expect(result()).rejects.toMatchObject({
      cause: {
        type: 'InvalidFraudOutcome',
        message: expect.stringMatching(
          /event_id: is required.*outcome: must be one of challenge_passed.*customer_id: is required.*new_trust_score: must be a number from 0 to 1.*reason: is required.*occurred_at: is required/,
        ),
      },
    });
  });

  test.each<[string, string, object]>([
    [
      'another case’s outcome',
      'fraudOutcome',
      fraudReport({ customer_id: randomUUID(), outcome: 'cleared' }),
    ],
    ['an unknown decision', 'reviewDecision', { decision: 'maybe', actor: 'grace', reason: 'r' }],
    ['a reinstatement without an actor', 'reinstate', { reason: 'r' }],
  ])('fails the run that it started: %s', async (_, signal, payload) => {
    const { send, result } = await caseWith();
    await send(signal, payload);
    await expect(result()).rejects.toMatchObject({ cause: { type: 'InvalidFraudOutcome' } });
  });

  test('does not affect a review in progress', async () => {
    const { report, send, decide, result, seen } = await caseWith();
    await report('suspected');
    await eventually(() => expect(seen).toEqual(['suspected']));
    await send('fraudOutcome', 'nonsense');
    await send('reviewDecision', { decision: 'suspend' });
    await decide('clear');
    expect(await result()).toMatchObject({ outcome: 'cleared_in_review' });
    expect(seen).toEqual(['suspected', 'clear by grace']);
  });

  test('that the graph refuses fails the run only if it is the only message', async () => {
    const problems = [{ field: 'customer_id', message: 'there is no such customer' }];
    const { report, result, seen } = await caseWith((defaults) => ({
      async applyOutcome(input) {
        if (input.report.event_id !== 'wrong') return defaults.applyOutcome(input);
        return { refused: { type: 'customer_not_found', problems } };
      },
    }));
    await report('suspected', { event_id: 'wrong' });
    await expect(result()).rejects.toMatchObject({
      cause: { type: 'InvalidFraudOutcome', message: expect.stringContaining('customer_id: there is no') },
    });
    await report('cleared', { event_id: 'right' });
    expect(await result()).toMatchObject({ outcome: 'cleared' });
    expect(seen).toEqual(['right']);
  });
});
