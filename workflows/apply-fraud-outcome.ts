/**
 * A fraud case: what Chimera finds out about it is applied in the order in which it happened, a suspicion waits for a
 * person, and a customer who was suspended is told and may be reinstated (specification: workflows, 5). All rules are in
 * `domain/fraud`; this file carries them out.
 */

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  continueAsNew,
  defineSignal,
  log,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { FieldProblem } from '../domain/errors.ts';
import { decide, evolve } from '../domain/fraud/decide.ts';
import {
  type FraudOutcomeReport,
  type ReviewDecision,
  validateFraudOutcome,
  validateReinstatement,
  validateReviewDecision,
} from '../domain/fraud/messages.ts';
import type {
  CaseAnswer,
  Fact,
  FraudCaseState,
  ReceivedMessage,
  KnownFraudCase,
  Step,
} from '../domain/fraud/state.ts';
import {
  type ApplyFraudOutcomeInput,
  type OperatorRequest,
  type FraudSignals,
  TaskQueue,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import { type NoticeActivities, sendNotice } from './send-notice.ts';
import { show } from './visibility.ts';

/** Why a message is not acted on: it is invalid, or names what does not exist. */
export interface RefusedReport {
  type: string;
  problems: readonly FieldProblem[];
}

export interface FraudActivities {
  /** Applies an outcome, and tells the customer's open recoveries. Refused, its accepted report is forgotten. */
  applyOutcome(input: { report: FraudOutcomeReport }): Promise<CaseAnswer | { refused: RefusedReport }>;
  readFraudCase(input: { case_id: string }): Promise<CaseAnswer>;
  /** Carries out what was decided about a suspicion, unless a later outcome has ended its review, and tells recoveries. */
  decideFraudReview(input: { case_id: string; decision: ReviewDecision }): Promise<CaseAnswer>;
  /** Writes down that operations were reminded. */
  remindOfFraudReview(input: { case_id: string }): Promise<CaseAnswer>;
  /** Makes the case's customer active again, and tells recoveries. */
  reinstateCustomer(input: { case_id: string; by: OperatorRequest }): Promise<CaseAnswer>;
}

export interface ApplyFraudOutcomeResult {
  case_id: string;
  /** The last outcome that was applied, or what was decided in review. `customer_gone`: erased before the case had ended. */
  outcome: KnownFraudCase['outcome'] | 'customer_gone';
  /** Absent: the customer is gone. */
  customer_status?: string;
}

/** What a run that continues as new takes along. */
type Input = ApplyFraudOutcomeInput & { carried?: FraudCaseState };

const fraudOutcomeSignal = defineSignal<[FraudSignals['fraudOutcome']]>('fraudOutcome');
const reviewDecisionSignal = defineSignal<[FraudSignals['reviewDecision']]>('reviewDecision');
const reinstateSignal = defineSignal<[FraudSignals['reinstate']]>('reinstate');

const cases = proxyActivities<FraudActivities>({
  // One transaction, two readings and a signal to each open recovery.
  startToCloseTimeout: '30s',
  // What came by signal alone is known to this run alone: an outage of the graph must not lose it.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

const { deliverNotice } = proxyActivities<Pick<NoticeActivities, 'deliverNotice'>>({
  taskQueue: TaskQueue.notices,
  // One hand-over takes ten seconds at most, and the graph must still be told what came of it.
  startToCloseTimeout: '20s',
  // Then a process of its own goes on trying: the case's next outcome does not wait for a notifier.
  scheduleToCloseTimeout: '60s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '20s' },
});

/** How long a run waits for the signal that it was started with. */
const FIRST_SIGNAL_MS = 60_000;

/**
 * @throws ApplicationFailure `InvalidFraudOutcome` where no message is valid, or none came
 */
export async function applyFraudOutcome(input: Input): Promise<ApplyFraudOutcomeResult> {
  let state: FraudCaseState = input?.carried ?? { case_id: input?.case_id, received: [] };
  let refusal: RefusedReport | undefined;
  let shownReview: string | undefined;

  const receive = (received: ReceivedMessage) => {
    state = evolve(state, { fact: 'heard', received });
  };
  const refuse = (signal: string, refused: RefusedReport) => {
    log.warn(`A ${signal} that is not valid is ignored`, { problems: refused.problems });
    refusal ??= refused;
  };
  setHandler(fraudOutcomeSignal, (payload: unknown) => {
    const checked = validateFraudOutcome(payload);
    if (!checked.ok) return refuse('fraudOutcome', checked);
    const { message: report } = checked;
    if (report.case_id !== state.case_id) return refuse('fraudOutcome', wrongCase(state.case_id));
    receive({ received: 'outcome', report });
  });
  setHandler(reviewDecisionSignal, (payload: unknown) => {
    const checked = validateReviewDecision(payload);
    if (!checked.ok) return refuse('reviewDecision', checked);
    receive({ received: 'decision', decision: checked.message });
  });
  setHandler(reinstateSignal, (payload: unknown) => {
    const checked = validateReinstatement(payload);
    if (!checked.ok) return refuse('reinstate', checked);
    receive({ received: 'reinstatement', by: checked.message });
  });

  if (typeof input?.case_id !== 'string')
    throw invalidStart('applyFraudOutcome', [{ field: 'case_id', message: 'is required' }]);
  if (!input.resume && !input.carried) {
    const hasMessage = () => state.received.length > 0 || refusal !== undefined;
    if (!(await condition(hasMessage, FIRST_SIGNAL_MS)))
      throw invalidStart('no signal came with the start', []);
  }
  for (;;) {
    // Nothing valid has come, and nobody asks for more.
    const isUnknown = !state.known && !state.gone && !input.resume;
    if (refusal && state.received.length === 0 && isUnknown) throw startRefused(refusal);
    const step = decide(state, Date.now());
    if (step.do === 'finish') break;
    if (step.do === 'wait') {
      showReview();
      await wait(step.until);
      if (workflowInfo().continueAsNewSuggested && state.received.length === 0)
        await continueAsNew<typeof applyFraudOutcome>({ case_id: input.case_id, carried: state });
      continue;
    }
    const fact = await perform(step);
    state = evolve(state, fact);
  }
  const { known, gone } = state;
  // The graph had the case when it was taken up: erased with its customer, it needs no decision and no notice.
  if (!known && (gone || input.resume)) return endCustomerGone();
  if (!known)
    throw invalidStart('applyFraudOutcome', [{ field: 'case_id', message: 'is not the id of a fraud case' }]);
  const { customer_id, customer_status, outcome } = known;
  show(
    { process: WorkflowName.applyFraudOutcome, customerId: customer_id, state: 'done', outcome },
    `**${outcome}**: the customer is ${customer_status}`,
  );
  return { case_id: input.case_id, outcome, customer_status };

  function endCustomerGone(): ApplyFraudOutcomeResult {
    const outcome = 'customer_gone';
    const customer = gone && { customerId: gone.customer_id };
    const process = WorkflowName.applyFraudOutcome;
    show(
      { process, ...customer, state: 'done', outcome },
      'The customer was erased: nothing is left to decide',
    );
    return { case_id: input.case_id, outcome };
  }

  async function perform(step: Exclude<Step, { do: 'wait' | 'finish' }>): Promise<Fact> {
    const { case_id } = state;
    switch (step.do) {
      case 'apply': {
        const answer = await cases.applyOutcome({ report: step.received.report });
        if (!('refused' in answer)) return { fact: 'done', received: step.received, ...answer };
        refuse('fraudOutcome', answer.refused);
        return { fact: 'dropped', received: step.received };
      }
      case 'read':
        return { fact: 'read', ...(await cases.readFraudCase({ case_id })) };
      case 'decide': {
        const { decision } = step.received;
        const answer = await cases.decideFraudReview({ case_id, decision });
        return { fact: 'done', received: step.received, ...answer };
      }
      case 'reinstate': {
        const answer = await cases.reinstateCustomer({ case_id, by: step.received.by });
        return { fact: 'done', received: step.received, ...answer };
      }
      case 'drop':
        log.warn(`A ${step.received.received} that nothing waits for is ignored`);
        return { fact: 'dropped', received: step.received };
      case 'decide_by_policy':
        log.error('Nobody has decided about a suspicion in time; policy has', { ...step.decision });
        return {
          fact: 'decided_by_policy',
          ...(await cases.decideFraudReview({ case_id, decision: step.decision })),
        };
      case 'remind':
        log.error('A suspicion of fraud still awaits a person', { case_id });
        return { fact: 'read', ...(await cases.remindOfFraudReview({ case_id })) };
      case 'notify':
        await notify(step.notification_id);
        return { fact: 'noticed' };
    }
  }

  async function notify(notification_id: string): Promise<void> {
    const { case_id, known: fraudCase } = state;
    if (!fraudCase) return;
    const { customer_id: to } = fraudCase;
    const notice = { notification_id, customer_id: to, case_id, template: 'account_suspended' } as const;
    try {
      await deliverNotice(notice);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      log.warn('The notice could not be delivered yet; a child goes on trying', { notification_id });
      await startChild(sendNotice, {
        workflowId: notification_id,
        // Its activities are on this queue for every process.
        taskQueue: TaskQueue.recovery,
        args: [notice],
        parentClosePolicy: ParentClosePolicy.ABANDON,
      }).catch(ignoreAlreadyStarted);
    }
  }

  /** Each showing is an event in the history: once for each review. */
  function showReview(): void {
    const { known: fraudCase } = state;
    const since = fraudCase?.review && new Date(fraudCase.review.since).toISOString();
    if (!fraudCase || since === undefined || since === shownReview) return;
    shownReview = since;
    const { customer_id: customerId } = fraudCase;
    show(
      { process: WorkflowName.applyFraudOutcome, customerId, state: 'needs_review' },
      `**suspected**: awaits a person since ${since}`,
    );
  }

  async function wait(until: number): Promise<void> {
    await condition(() => state.received.length > 0, Math.max(until - Date.now(), 1));
  }
}

function wrongCase(own: string): RefusedReport {
  const problem = { field: 'case_id', message: `must be the case of this workflow, '${own}'` };
  return { type: 'invalid_argument', problems: [problem] };
}

function startRefused({ type, problems }: RefusedReport): ApplicationFailure {
  return invalidStart(type, problems);
}

function invalidStart(what: string, problems: readonly FieldProblem[]): ApplicationFailure {
  const fields = problems.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return ApplicationFailure.create({
    type: 'InvalidFraudOutcome',
    message: fields ? `${what}: ${fields}` : what,
    nonRetryable: true,
    details: [problems],
  });
}

/** A child of that id already sends the same notice. */
function ignoreAlreadyStarted(error: unknown): void {
  if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
}
