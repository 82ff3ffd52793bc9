import { randomUUID } from 'node:crypto';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test, vi } from 'vitest';
import type { DeclineClass } from '../domain/decline/classify.ts';
import { PersonaError } from '../domain/errors.ts';
import type { ChargeAnswer } from '../domain/ports.ts';
import { fraudReportWorkflowId, recoveryWorkflowId, TaskQueue } from '../domain/processes.ts';
import type { Claim, ClosedObligation, Opening, RecoverySnapshot } from '../domain/recovery/claims.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import type { AttemptState, AttemptStatus, RecoveryStatus } from '../domain/recovery/status.ts';
import { createTestRig, eventually, type TestRig } from '../test/rig/index.ts';
import type { GatewayActivities, RecoverPaymentResult, RecoveryActivities } from './recover-payment.ts';
import type { ChimeraActivities, FraudReportInput } from './report-fraud.ts';
import type { NoticeActivities, NoticeInput } from './send-notice.ts';

vi.setConfig({ testTimeout: 60_000 });

const DAY = 86_400_000;
type Activities = RecoveryActivities & NoticeActivities & ChimeraActivities;

/** A graph of one obligation, a gateway and a mailbox; each test spoils what it needs to. */
function world(
  settings: {
    class?: DeclineClass;
    alternatives?: string[];
    charge?: (method: string, n: number) => Promise<ChargeAnswer> | ChargeAnswer;
    claim?: (method: string, n: number) => Claim | undefined;
    opening?: (fresh: Opening) => Opening;
    spoiled?: Partial<Activities>;
  } = {},
) {
  const { class: failureClass = 'LATER', alternatives = ['card-a', 'card-b'] } = settings;
  const payment_id = `invoice-${randomUUID()}`;
  const customer_id = randomUUID();
  const seen = {
    charges: [] as string[],
    notices: [] as string[],
    reports: [] as FraudReportInput[],
    reviews: [] as string[],
  };
  const attempts = new Map<string, AttemptStatus>();
  let closed: ClosedObligation | undefined;

  const claimOf = (method: string, key: string, n: number): Claim => {
    const special = settings.claim?.(method, n);
    if (special) return special;
    attempts.set(key, {
      n,
      payment_method_id: method,
      key,
      state: 'in_flight',
      started_at: new Date().toISOString(),
    });
    const now = Date.now();
    return {
      result: 'claimed',
      attempt: { key, payment_method_id: method, n, claimed_at: now, claim_deadline: now + 60_000 },
    };
  };
  const snapshot = (failure: PaymentFailed): RecoverySnapshot => ({
    payment_id,
    customer_id,
    kind: failure.kind,
    amount: failure.amount,
    currency: failure.currency,
    state: 'open',
    failed_payment_method_id: failure.payment_method_id,
    failure: {
      event_id: failure.event_id,
      payment_method_id: failure.payment_method_id,
      status: 'declined',
      class: failureClass,
      rule: `rule:${failureClass}`,
      tell_chimera: failureClass === 'FRAUD',
      occurred_at: failure.occurred_at,
    },
    alternatives,
    attempts: [],
    opened_at: Date.parse(failure.occurred_at),
    closes_at: Date.parse(failure.occurred_at) + 14 * DAY,
    policy: {
      window: 14 * DAY,
      requireTrustedDevice: true,
      swapDefault: true,
      cascadeOnHard: false,
      maxEventAge: 14 * DAY,
    },
  });
  const end = (outcome: ClosedObligation['outcome'], rule: string): ClosedObligation => {
    closed = { payment_id, customer_id, outcome, rule, attempts: [...attempts.values()] };
    return closed;
  };

  const recovery: Activities = {
    async openRecovery({ failure, claim_first }) {
      if (closed) return { result: 'closed', obligation: closed };
      const recovered = snapshot(failure);
      const first = alternatives[0];
      const cascades = ['LATER', 'FIX', 'AUTH'].includes(failureClass);
      const fresh: Opening = {
        result: 'opened',
        recovery: recovered,
        ...(claim_first && cascades && first
          ? {
              first: {
                payment_method_id: first,
                claim: claimOf(first, `recovery:${payment_id}:${first}:1`, 1),
              },
            }
          : {}),
      };
      return settings.opening?.(fresh) ?? fresh;
    },
    async openSettled() {
      return { result: 'closed', obligation: closed ?? end('paid_elsewhere', 'settled') };
    },
    async lookUpPayment() {
      return { payment: 'adopted' };
    },
    async claimAttempt({ payment_method_id, key, n }) {
      return claimOf(payment_method_id, key, n);
    },
    async recordAttempt({ key, answer }) {
      const states: Record<ChargeAnswer['result'], AttemptState> = {
        approved: 'approved',
        declined: 'declined',
        pending: 'pending',
        unknown: 'unknown',
        not_sent: 'void',
      };
      const before = attempts.get(key)!;
      const attempt: AttemptStatus = {
        ...before,
        state: states[answer.result],
        ...(answer.result === 'declined' ? { class: 'LATER', rule: 'rule:LATER' } : {}),
      };
      attempts.set(key, attempt);
      if (attempt.state === 'approved') end('recovered', 'approved');
      return { attempt, obligation_state: closed ? 'recovered' : 'open', tell_chimera: false };
    },
    async flagForReview({ rule }) {
      seen.reviews.push(rule);
    },
    async closeRecovery({ ending }) {
      return { result: 'closed', obligation: end(ending.outcome, ending.rule) };
    },
    async deliverNotice({ template }) {
      seen.notices.push(template);
      return { result: 'delivered' };
    },
    async recordNoticeFailed() {},
    async reportSuspectedFraud(report) {
      seen.reports.push(report);
    },
    ...settings.spoiled,
  };
  const gateway: GatewayActivities = {
    async charge({ key }) {
      const [method, n] = key.split(':').slice(-2) as [string, string];
      seen.charges.push(`${method}:${n}`);
      return (await settings.charge?.(method, Number(n))) ?? { result: 'approved', gateway_ref: 'pi_1' };
    },
  };
  const activities = { [TaskQueue.recovery]: recovery, [TaskQueue.gateway]: gateway };
  return { payment_id, customer_id, seen, activities };
}

function failureOf(
  { payment_id, customer_id }: { payment_id: string; customer_id: string },
  now: number,
): PaymentFailed {
  return {
    event_id: randomUUID(),
    payment_id,
    customer_id,
    payment_method_id: randomUUID(),
    amount: 1250,
    currency: 'EUR',
    kind: 'recurring',
    occurred_at: new Date(now).toISOString(),
    decline_code: 'insufficient_funds',
  };
}

/** Starts as Synapse does: signal with start, by name. */
async function report(
  rig: TestRig,
  place: { payment_id: string; customer_id: string },
  changes: object = {},
) {
  const failure = { ...failureOf(place, await rig.now()), ...changes };
  return rig.client.workflow.signalWithStart('recoverPayment', {
    workflowId: recoveryWorkflowId(place.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: place.payment_id }],
    signal: 'paymentFailed',
    signalArgs: [failure],
  });
}

const statusOf = (rig: TestRig, paymentId: string) =>
  rig.client.workflow.getHandle(recoveryWorkflowId(paymentId)).query<Partial<RecoveryStatus>>('status');

async function childOf(handle: WorkflowHandle): Promise<string> {
  const { events } = await handle.fetchHistory();
  const started = events?.find((event) => event.childWorkflowExecutionStartedEventAttributes);
  const id = started?.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId;
  if (!id) throw new Error('no child was started');
  return id;
}

test('a recovery on the first alternative takes four activities and at most 34 history events', async () => {
  const place = world();
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  const result: RecoverPaymentResult = await handle.result();
  expect(result).toEqual({
    payment_id: place.payment_id,
    outcome: 'recovered',
    payment_method_id: 'card-a',
    attempts: 1,
  });
  expect(place.seen).toMatchObject({ charges: ['card-a:1'], notices: ['recovered'] });
  const { events } = await handle.fetchHistory();
  const activities = events?.filter((event) => event.activityTaskScheduledEventAttributes) ?? [];
  expect(activities.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name)).toEqual([
    'openRecovery',
    'charge',
    'recordAttempt',
    'deliverNotice',
  ]);
  expect(events?.length).toBeLessThanOrEqual(34);
});

test('a method added days later recovers the payment at once; the query shows what it waited for', async () => {
  const place = world({ alternatives: [] });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(() => expect(place.seen.notices).toEqual(['no_alternative']));
  await rig.sleep(3 * DAY);
  expect(await statusOf(rig, place.payment_id)).toMatchObject({ state: 'waiting', waiting_for: 'method' });
  await handle.signal('paymentMethodAdded', { event_id: randomUUID(), payment_method_id: 'card-new' });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-new' });
  expect(place.seen).toMatchObject({ charges: ['card-new:1'], notices: ['no_alternative', 'recovered'] });
});

test('nothing helps for fourteen days: the obligation is exhausted', async () => {
  const place = world({ class: 'HARD' });
  const rig = await createTestRig({ activities: place.activities });
  const started = await rig.now();
  const handle = await report(rig, place);
  expect(await handle.result()).toMatchObject({ outcome: 'exhausted', attempts: 0 });
  expect((await rig.now()) - started).toBeGreaterThanOrEqual(14 * DAY);
  expect(place.seen).toMatchObject({
    charges: [],
    notices: ['payment_declined_update_card', 'recovery_ended'],
  });
});

test('a charge that ends without an answer leaves a doubt: no other card is charged, a person decides', async () => {
  const place = world({
    charge: () => {
      throw new Error('the worker broke down');
    },
  });
  const rig = await createTestRig({ activities: place.activities });
  rig.leaveOpen(recoveryWorkflowId(place.payment_id), 'a review waits for a person');
  await report(rig, place);
  await eventually(() => expect(place.seen.reviews).toEqual(['attempt_unknown']));
  await rig.sleep(DAY);
  expect(place.seen).toMatchObject({ charges: ['card-a:1'], notices: [] });
  expect(await statusOf(rig, place.payment_id)).toMatchObject({
    state: 'needs_review',
    waiting_for: 'review',
  });
});

test('a charge that was never sent is claimed anew under the next number', async () => {
  const place = world({
    charge: (_, n) =>
      n > 1
        ? { result: 'approved', gateway_ref: 'pi_1' }
        : { result: 'not_sent', reason: 'connection refused' },
  });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
  expect(place.seen.charges).toEqual(['card-a:1', 'card-a:2']);
});

test('blocked by another recovery, it goes on when that one frees the claim', async () => {
  let free = false;
  const place = world({
    claim: () => (free ? undefined : { result: 'blocked', by: 'invoice-other', since: 0 }),
  });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(async () => {
    expect(await statusOf(rig, place.payment_id)).toMatchObject({ state: 'waiting', waiting_for: 'claim' });
  });
  free = true;
  await handle.signal('claimFreed', {});
  await eventually(() => expect(place.seen.charges).toEqual(['card-a:1']));
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
});

test('a settlement ends the wait, and a settlement before any failure closes the payment in advance', async () => {
  const place = world({ alternatives: [] });
  const rig = await createTestRig({ activities: place.activities });
  const settlement = { event_id: randomUUID(), payment_id: place.payment_id, customer_id: place.customer_id };
  const settled = { ...settlement, settled_at: new Date().toISOString() };
  const handle = await report(rig, place);
  await eventually(() => expect(place.seen.notices).toEqual(['no_alternative']));
  await handle.signal('paymentSettled', settled);
  expect(await handle.result()).toMatchObject({ outcome: 'paid_elsewhere' });

  const early = world();
  const run = await rig.client.workflow.signalWithStart('recoverPayment', {
    workflowId: recoveryWorkflowId(early.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: early.payment_id }],
    signal: 'paymentSettled',
    signalArgs: [{ ...settled, payment_id: early.payment_id, customer_id: early.customer_id }],
  });
  expect(await run.result()).toMatchObject({ outcome: 'paid_elsewhere', attempts: 0 });
});

test('a failure of a payment that is closed charges nothing and gives the stored outcome', async () => {
  const place = world();
  const rig = await createTestRig({ activities: place.activities });
  await (await report(rig, place)).result();
  const again = await report(rig, place);
  expect(await again.result()).toMatchObject({ outcome: 'recovered' });
  expect(place.seen).toMatchObject({ charges: ['card-a:1'], notices: ['recovered'] });
});

test.each([
  ['an amount of zero', { amount: 0 }, 'amount'],
  ['another payment than the workflow is about', { payment_id: 'invoice-of-somebody-else' }, 'payment_id'],
])('a first signal with %s fails the run and names the field', async (_, changes, field) => {
  const place = world();
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place, changes);
  const error = await handle.result().then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(WorkflowFailedError);
  const cause = (error as WorkflowFailedError).cause as ApplicationFailure;
  expect(cause).toMatchObject({ type: 'InvalidPaymentFailed', nonRetryable: true });
  expect(cause.message).toContain(`${field}: `);
});

test('a refused first failure fails the run, a bad later signal changes nothing', async () => {
  const refused = world({
    opening: () => ({
      result: 'refused',
      type: 'customer_not_found',
      problems: [{ field: 'customer_id', message: 'is no customer of ours' }],
    }),
  });
  const rig = await createTestRig({ activities: refused.activities });
  const failing = (await report(rig, refused)).result();
  await expect(failing).rejects.toMatchObject({ cause: { type: 'InvalidPaymentFailed' } });
});

test('a later signal that is invalid is ignored', async () => {
  const place = world({ alternatives: [] });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(() => expect(place.seen.notices).toEqual(['no_alternative']));
  await handle.signal('paymentFailed', { payment_id: place.payment_id, amount: 'much' });
  await handle.signal('paymentMethodAdded', { event_id: randomUUID(), payment_method_id: 'card-new' });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
});

test('a start without a signal ends as a bad start', async () => {
  const place = world();
  const rig = await createTestRig({ activities: place.activities });
  const handle = await rig.client.workflow.start('recoverPayment', {
    workflowId: recoveryWorkflowId(place.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: place.payment_id }],
  });
  await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'InvalidPaymentFailed' } });
});

test('fraud is stopped at once, Chimera hears of it however long it is away, and the recovery does not wait for it', async () => {
  let away = true;
  const reports: FraudReportInput[] = [];
  const place = world({
    class: 'FRAUD',
    spoiled: {
      async reportSuspectedFraud(suspicion) {
        if (away) throw new PersonaError('chimera_unavailable', 'Chimera is away');
        reports.push(suspicion);
      },
    },
  });
  const rig = await createTestRig({ activities: place.activities });
  const event_id = randomUUID();
  const handle = await report(rig, place, { event_id, decline_code: 'stolen_card' });
  expect(await handle.result()).toMatchObject({ outcome: 'stopped', attempts: 0 });
  expect(place.seen).toMatchObject({ charges: [], notices: ['payment_declined_update_card'] });
  away = false;
  const suspicion = fraudReportWorkflowId(event_id);
  await rig.client.workflow.getHandle(suspicion).result();
  expect(reports).toMatchObject([{ event_id, customer_id: place.customer_id, payment_id: place.payment_id }]);
});

test('a notifier that is away delays nothing: a child delivers the notice when it is back', async () => {
  let away = true;
  const delivered: NoticeInput[] = [];
  const place = world({
    spoiled: {
      async deliverNotice(notice) {
        if (away) throw new PersonaError('notifier_unavailable', 'the inbox is away');
        delivered.push(notice);
        return { result: 'delivered' };
      },
    },
  });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
  expect(delivered).toEqual([]);
  away = false;
  const child = await eventually(() => childOf(handle));
  expect(await rig.client.workflow.getHandle(child).result()).toEqual({ result: 'delivered' });
  expect(delivered).toMatchObject([{ notification_id: child, template: 'recovered' }]);
});
