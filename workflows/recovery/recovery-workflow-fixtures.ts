/** Fakes around a recovery for tests with the time-skipping server: a graph with one obligation, a gateway, a mailbox. */

import { randomUUID } from 'node:crypto';
import type { DeclineClass } from '../../domain/decline/classify.ts';
import type { ChargeAnswer, GatewayPayment, SuspectedFraud } from '../../domain/ports.ts';
import { recoveryWorkflowId, TaskQueue } from '../../domain/workflow-contracts.ts';
import type {
  Claim,
  ClosedObligation,
  Opening,
  RecoverySnapshot,
  RecoveryRefresh,
} from '../../domain/recovery/claims.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import type { ChargeOutcome } from '../../domain/recovery/state.ts';
import { type AttemptStatus, NOT_SENT, type RecoveryStatus } from '../../domain/recovery/status.ts';
import type { TestRig } from '../../test/rig/index.ts';
import { CHARGE_ANSWERS, STATE_AFTER } from '../../test/scenarios/charge-answers.ts';
import { paymentFailed } from '../../test/scenarios/reports.ts';
import type { GatewayActivities, RecoveryActivities } from '../recover-payment.ts';
import type { RefundActivities } from '../refund-payment.ts';
import type { ChimeraActivities } from '../report-fraud.ts';
import type { NoticeActivities } from '../send-notice.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** The method whose failure is reported. */
export const FAILED = '11111111-2222-4333-8444-555555555555';
type Opened = Extract<Opening, { recovery: object }>;
type Activities = RecoveryActivities &
  Pick<RefundActivities, 'refundCharge'> &
  NoticeActivities &
  ChimeraActivities;

/** A graph with one obligation, a gateway and a mailbox; each test overrides what it needs. */
export function fakeRecovery(
  settings: {
    class?: DeclineClass;
    alternatives?: string[];
    charge?: (method: string, n: number) => Promise<ChargeAnswer> | ChargeAnswer;
    /** The gateway's result when an attempt is resolved; `asked`: the number of calls so far. */
    resolveCharge?: (asked: number) => ChargeOutcome;
    claim?: (method: string, n: number) => Claim | undefined;
    opening?: (fresh: Opened, claimFirst: boolean) => Opening | Promise<Opening>;
    /** Changes to the result of a refresh. */
    refresh?: () => Partial<RecoveryRefresh>;
    /** The obligation's payment at the gateway. */
    payment?: () => GatewayPayment['state'];
    overrides?: Partial<Activities>;
  } = {},
) {
  const { class: failureClass = 'LATER', alternatives = ['card-a', 'card-b'] } = settings;
  const payment_id = `invoice-${randomUUID()}`;
  const customer_id = randomUUID();
  const seen = {
    charges: [] as string[],
    notices: [] as string[],
    reports: [] as SuspectedFraud[],
    reviews: [] as string[],
    refunds: [] as string[],
    asked: [] as string[],
    refreshes: 0,
    /** The closing of the obligation, and the accepted reports that were deleted separately, in order. */
    written: [] as string[],
    /** The stored states of the clock. */
    clocks: [] as ('stopped' | 'running')[],
  };
  const attempts = new Map<string, AttemptStatus>();
  let closed: ClosedObligation | undefined;

  const claimOf = (method: string, key: string, n: number): Claim => {
    const override = settings.claim?.(method, n);
    if (override) return override;
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
    rule: `rule:${failureClass}`,
    failed_payment_method_id: failure.payment_method_id,
    failure: {
      event_id: failure.event_id,
      payment_method_id: failure.payment_method_id,
      status: 'declined',
      class: failureClass,
      rule: `rule:${failureClass}`,
      notify_chimera: failureClass === 'FRAUD',
      occurred_at: failure.occurred_at,
    },
    alternatives,
    attempts: [],
    opened_at: Date.parse(failure.occurred_at),
    closes_at: Date.parse(failure.occurred_at) + 14 * DAY,
    read_at: Date.now(),
    policy: {
      window: 14 * DAY,
      requireTrustedDevice: true,
      swapDefault: true,
      cascadeOnHard: false,
      maxEventAge: 14 * DAY,
      refundDuplicate: true,
      retry: { LATER: [DAY, 3 * DAY, 5 * DAY, 7 * DAY], TECH: [15 * MINUTE, 2 * HOUR, DAY] },
      unknown: [0, 5 * MINUTE, HOUR, DAY, DAY, DAY, DAY, DAY],
      pending: [HOUR, 23 * HOUR, ...Array.from({ length: 20 }, () => DAY)],
    },
  });
  const end = (outcome: ClosedObligation['outcome'], rule: string): ClosedObligation => {
    closed = { payment_id, customer_id, outcome, rule, attempts: [...attempts.values()] };
    return closed;
  };

  /** What a run finds that has received no failure. */
  const resumed = (): Opening => {
    const found = {
      ...snapshot(failureOf({ payment_id, customer_id }, Date.now())),
      attempts: [...attempts.values()],
    };
    return {
      result: 'unchanged',
      recovery: closed ? { ...found, state: closed.outcome, rule: closed.rule } : found,
    };
  };

  const recovery: Activities = {
    async openRecovery({ failure, claim_first }) {
      if (closed) return { result: 'closed', obligation: closed };
      const recovered = snapshot(failure);
      const first = alternatives[0];
      const cascades = ['LATER', 'FIX', 'AUTH'].includes(failureClass);
      const fresh: Opened = {
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
      return settings.opening?.(fresh, claim_first) ?? fresh;
    },
    async openSettled() {
      return { result: 'closed', obligation: closed ?? end('paid_elsewhere', 'settled') };
    },
    async resumeRecovery() {
      return resumed();
    },
    async refreshRecovery() {
      seen.refreshes++;
      return {
        ...(closed ? { closed } : {}),
        customer_status: 'active',
        methods: [],
        ...settings.refresh?.(),
      };
    },
    async readPayment() {
      return { payment: settings.payment?.() ?? 'payable' };
    },
    async endReview() {
      return { alternatives };
    },
    async clearReports({ reports }) {
      seen.written.push(...reports.map(({ kind, event_id }) => `${kind}:${event_id}`));
    },
    async pauseRecovery() {},
    async storeClock({ stopped_at }) {
      seen.clocks.push(stopped_at === undefined ? 'running' : 'stopped');
    },
    async refundCharge({ key }) {
      seen.refunds.push(key);
      return { refunded: true, refund_ref: 're_1' };
    },
    async cancelPayment() {
      return { result: 'cancelled' };
    },
    async lookUpPayment() {
      return { payment: 'adopted' };
    },
    async claimAttempt({ payment_method_id, key, n }) {
      return claimOf(payment_method_id, key, n);
    },
    async recordAttempt({ key, answer }) {
      const before = attempts.get(key)!;
      const attempt: AttemptStatus = {
        ...before,
        state: STATE_AFTER[answer.result],
        ...(answer.result === 'declined' ? { class: 'LATER', rule: 'rule:LATER' } : {}),
        ...(answer.result === 'not_sent' ? { rule: NOT_SENT } : {}),
      };
      attempts.set(key, attempt);
      const overpaid = attempt.state === 'approved' && closed !== undefined;
      if (attempt.state === 'approved' && !closed) end('recovered', 'approved');
      return { attempt, obligation_state: closed ? 'recovered' : 'open', overpaid, notify_chimera: false };
    },
    async flagForReview({ rule }) {
      seen.reviews.push(rule);
    },
    async closeRecovery({ ending }) {
      seen.written.push('closed');
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
    ...settings.overrides,
  };
  const gateway: GatewayActivities = {
    async charge({ key }) {
      const [method, n] = key.split(':').slice(-2) as [string, string];
      seen.charges.push(`${method}:${n}`);
      return (await settings.charge?.(method, Number(n))) ?? CHARGE_ANSWERS.approved;
    },
    async resolveCharge({ key }) {
      seen.asked.push(key);
      return settings.resolveCharge?.(seen.asked.length) ?? CHARGE_ANSWERS.unknown;
    },
  };
  const activities = { [TaskQueue.recovery]: recovery, [TaskQueue.gateway]: gateway };
  return { payment_id, customer_id, seen, activities };
}

/** An activity that fails without a result. */
export const crash = () => {
  throw new Error('the worker crashed');
};

export const failureOf = (
  { payment_id, customer_id }: { payment_id: string; customer_id: string },
  now: number,
): PaymentFailed =>
  paymentFailed({
    payment_id,
    customer_id,
    payment_method_id: FAILED,
    occurred_at: new Date(now).toISOString(),
  });

/** Starts a recovery as Synapse does: signal-with-start, by name. */
export async function report(
  rig: TestRig,
  ids: { payment_id: string; customer_id: string },
  changes: object = {},
) {
  const failure = { ...failureOf(ids, await rig.now()), ...changes };
  return rig.client.workflow.signalWithStart('recoverPayment', {
    workflowId: recoveryWorkflowId(ids.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: ids.payment_id }],
    signal: 'paymentFailed',
    signalArgs: [failure],
  });
}

export const statusOf = (rig: TestRig, paymentId: string) =>
  rig.client.workflow.getHandle(recoveryWorkflowId(paymentId)).query<Partial<RecoveryStatus>>('status');
