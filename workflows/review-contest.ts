/**
 * A contest awaits a person's decision; then its corrections are made, and the customer is notified
 * (docs/reference/workflows.md, 'reviewContest'). All state is in the graph: a lost run is started again by the sweep.
 */

import {
  ActivityFailure,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  log,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { type ContestDecision, parseContestId, validateContestDecision } from '../domain/contests.ts';
import type { PrivacyPolicy } from '../domain/policy.ts';
import {
  CONTEST_DECISION,
  type ReviewContestInput,
  TaskQueue,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import { deliverNotice, keepSending } from './notify.ts';
import type { RemovalActivities } from './remove-payment-method.ts';
import { show } from './visibility.ts';

type ContestPolicy = Pick<PrivacyPolicy, 'contestReminder' | 'deadline'>;

/** A contest as stored. */
interface KnownContest {
  customer_id: string;
  isOpen: boolean;
  /** Names the last opening. */
  opened_seq: number;
  /** Epoch milliseconds. */
  opened_at: number;
  /** The id of the notice that is still to be sent. */
  notice_due: string | null;
}

export interface ContestActivities {
  /** `found` is absent if there is no such contest, or its customer is being erased. */
  readContest(input: { contest_id: string }): Promise<{ found?: KnownContest; policy: ContestPolicy }>;
  /** Records the decision with its corrections. @returns the methods that are still to be detached at the gateway */
  decideContest(input: { contest_id: string; decision: ContestDecision }): Promise<{ removed: string[] }>;
  /** Counts that operators are reminded. */
  remindOfContest(input: { contest_id: string }): Promise<void>;
}

const contests = proxyActivities<ContestActivities>({
  startToCloseTimeout: '30s',
  // A decision exists only in this run: an outage of the graph must not lose it.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

const { detachPaymentMethod } = proxyActivities<Pick<RemovalActivities, 'detachPaymentMethod'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // As for any other removal.
  startToCloseTimeout: '30s',
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
});

const decisionSignal = defineSignal<[unknown]>(CONTEST_DECISION);

/** `gone`: the customer was erased before the decision, or there is no such contest. */
export type ReviewContestResult = { contest_id: string; outcome: 'decided' | 'gone' };

export async function reviewContest(input: ReviewContestInput): Promise<ReviewContestResult> {
  const { contest_id } = input;
  const process = WorkflowName.reviewContest;
  const customerId = parseContestId(contest_id)?.customer_id;
  const decisions: ContestDecision[] = [];
  const notified = new Set<string>();
  let remindedOf = input.reminded_of;
  setHandler(decisionSignal, (payload) => {
    const checked = validateContestDecision(payload);
    if (checked.ok) decisions.push(checked.message);
    else log.warn('invalid contestDecision ignored', { problems: checked.problems });
  });
  // An erasure finds this run by its customer, and ends it, also if it was started by another client.
  show({ process, ...(customerId !== undefined && { customerId }) }, AWAITING);
  for (;;) {
    const { found, policy } = await contests.readContest({ contest_id });
    if (!found) return end('gone');
    const [decision, ...more] = decisions.splice(0).filter((one) => isAbout(one, found.opened_seq));
    if (!found.isOpen) {
      if (decision) log.warn('contestDecision ignored: it was decided before', { contest_id });
      const { notice_due: due } = found;
      if (due === null || notified.has(due)) return end('decided');
      await notify(due, found.customer_id);
      notified.add(due);
      // It may have been contested again meanwhile.
      continue;
    }
    if (!decision) {
      await waitForDecision(found.opened_at, policy);
      continue;
    }
    if (more.length > 0) log.warn('further contestDecisions ignored: the first one counts', { contest_id });
    const { removed } = await contests.decideContest({ contest_id, decision });
    for (const payment_method_id of removed)
      await detach({ customer_id: found.customer_id, payment_method_id });
  }

  /** Whether a decision is about this opening: the customer may have contested the event again since it was sent. */
  function isAbout({ opened_seq: meant }: ContestDecision, opened_seq: number): boolean {
    if (meant === undefined || meant === opened_seq) return true;
    log.warn('contestDecision ignored: it is about another opening', { contest_id, meant, opened_seq });
    return false;
  }

  async function waitForDecision(openedAt: number, policy: ContestPolicy): Promise<void> {
    if (remindedOf !== openedAt) {
      show({ state: 'needs_review' }, AWAITING);
      if (await isAwakeBefore(openedAt + policy.contestReminder)) return;
      log.warn('contest awaits a decision', { contest_id });
      await contests.remindOfContest({ contest_id });
      remindedOf = openedAt;
    }
    show({ state: 'reminded' }, AWAITING);
    if (await isAwakeBefore(openedAt + policy.deadline)) return;
    log.error('contest is overdue', { contest_id });
    show({ state: 'overdue' }, `**Overdue**: ${AWAITING}`);
    await condition(isAwake);
    await renew();
  }

  /** @param at epoch milliseconds */
  async function isAwakeBefore(at: number): Promise<boolean> {
    const ahead = at - Date.now();
    const woken = isAwake() || (ahead > 0 && (await condition(isAwake, ahead)));
    if (woken) await renew();
    return woken;
  }

  function isAwake(): boolean {
    return decisions.length > 0 || workflowInfo().continueAsNewSuggested;
  }

  /** Woken without a decision: the history has become long. */
  async function renew(): Promise<void> {
    if (decisions.length > 0) return;
    await continueAsNew<typeof reviewContest>({
      contest_id,
      ...(remindedOf !== undefined && { reminded_of: remindedOf }),
    });
  }

  async function detach(ids: { customer_id: string; payment_method_id: string }): Promise<void> {
    try {
      await detachPaymentMethod(ids);
    } catch (error) {
      if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
      log.error('detaching a removed payment method given up', { payment_method_id: ids.payment_method_id });
    }
  }

  async function notify(notification_id: string, customer_id: string): Promise<void> {
    const notice = { notification_id, customer_id, contest_id, template: 'contest_decided' } as const;
    try {
      await deliverNotice(notice);
    } catch (error) {
      if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
      await keepSending(notice);
    }
  }

  function end(outcome: ReviewContestResult['outcome']): ReviewContestResult {
    show({ state: 'done', outcome }, `The contest is ${outcome}`);
    return { contest_id, outcome };
  }
}

const AWAITING = 'Awaiting a decision of an operator';
