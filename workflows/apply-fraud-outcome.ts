/**
 * A fraud case: Chimera's outcomes are applied in the order in which they occurred, a suspicion waits for an operator's
 * decision, and a suspended customer is notified and may be reinstated (docs/reference/workflows.md, 'applyFraudOutcome'). All rules are in
 * `domain/fraud`; this file executes them.
 */

import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  continueAsNew,
  defineSignal,
  log,
  proxyActivities,
  setHandler,
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
  CUSTOMER_GONE,
  type OperatorRequest,
  type FraudSignals,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import { deliverNotice, keepSending } from './notify.ts';
import { show, showCustomerGone } from './visibility.ts';

/** Why a message is refused: it is invalid, or refers to something that does not exist. */
export interface RefusedReport {
  type: string;
  problems: readonly FieldProblem[];
}

export interface FraudActivities {
  /**
   * Applies an outcome and signals the customer's open recoveries. If it is refused, its accepted report is deleted.
   * `customer_gone`: the customer is erased, or being erased.
   */
  applyOutcome(input: {
    report: FraudOutcomeReport;
  }): Promise<CaseAnswer | { refused: RefusedReport; customer_gone?: true }>;
  readFraudCase(input: { case_id: string }): Promise<CaseAnswer>;
  /** Applies a decision about a suspicion, unless a later outcome has ended its review, and signals recoveries. */
  decideFraudReview(input: { case_id: string; decision: ReviewDecision }): Promise<CaseAnswer>;
  /** Records that operators were reminded. */
  remindOfFraudReview(input: { case_id: string }): Promise<CaseAnswer>;
  /** Makes the case's customer active again and signals recoveries. */
  reinstateCustomer(input: { case_id: string; by: OperatorRequest }): Promise<CaseAnswer>;
}

export interface ApplyFraudOutcomeResult {
  case_id: string;
  /** The last applied outcome, or the review's decision. `customer_gone`: erased before the case had ended. */
  outcome: KnownFraudCase['outcome'] | typeof CUSTOMER_GONE;
  /** Absent: the customer was erased. */
  customer_status?: string;
}

/** `carried`: the state of the previous run in the continue-as-new chain. */
type Input = ApplyFraudOutcomeInput & { carried?: FraudCaseState };

const fraudOutcomeSignal = defineSignal<[FraudSignals['fraudOutcome']]>('fraudOutcome');
const reviewDecisionSignal = defineSignal<[FraudSignals['reviewDecision']]>('reviewDecision');
const reinstateSignal = defineSignal<[FraudSignals['reinstate']]>('reinstate');

const cases = proxyActivities<FraudActivities>({
  // One transaction, two reads and a signal to each open recovery.
  startToCloseTimeout: '30s',
  // A message received only as a signal exists only in this run: an outage of the graph must not lose it.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** How long a run waits for the signal that it was started with. */
const FIRST_SIGNAL_MS = 60_000;

/**
 * @throws ApplicationFailure `InvalidFraudOutcome` if no message is valid, or none was received
 */
export async function applyFraudOutcome(input: Input): Promise<ApplyFraudOutcomeResult> {
  let state: FraudCaseState = input?.carried ?? { case_id: input?.case_id, received: [] };
  let refusal: RefusedReport | undefined;
  let shownReview: string | undefined;

  const receive = (received: ReceivedMessage) => {
    state = evolve(state, { fact: 'heard', received });
  };
  const refuse = (signal: string, refused: RefusedReport) => {
    log.warn(`invalid ${signal} ignored`, { problems: refused.problems });
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
      throw invalidStart('no signal was received after the start', []);
  }
  for (;;) {
    // No valid message was received, and the run was not started to resume a case.
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
  // The graph had the case when the run took it over: if it was erased with its customer, nothing is left to do.
  if (!known && (gone || input.resume)) return endCustomerGone();
  if (!known)
    throw invalidStart('applyFraudOutcome', [
      { field: 'case_id', message: 'must be the id of a fraud case' },
    ]);
  const { customer_id, customer_status, outcome } = known;
  show(
    { process: WorkflowName.applyFraudOutcome, customerId: customer_id, state: 'done', outcome },
    `**${outcome}**: the customer is ${customer_status}`,
  );
  return { case_id: input.case_id, outcome, customer_status };

  function endCustomerGone(): ApplyFraudOutcomeResult {
    const outcome = CUSTOMER_GONE;
    const customer = gone && { customerId: gone.customer_id };
    const process = WorkflowName.applyFraudOutcome;
    show({ process, ...customer, state: 'done', outcome }, 'The customer was erased: no decision is needed');
    return { case_id: input.case_id, outcome };
  }

  async function perform(step: Exclude<Step, { do: 'wait' | 'finish' }>): Promise<Fact> {
    const { case_id } = state;
    switch (step.do) {
      case 'apply': {
        const answer = await cases.applyOutcome({ report: step.received.report });
        if (!('refused' in answer)) return { fact: 'done', received: step.received, ...answer };
        if (answer.customer_gone) showCustomerGone();
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
        log.warn(`${step.received.received} ignored: no longer applicable`);
        return { fact: 'dropped', received: step.received };
      case 'decide_by_policy':
        log.error('fraud review deadline passed: decided by policy', { ...step.decision });
        return {
          fact: 'decided_by_policy',
          ...(await cases.decideFraudReview({ case_id, decision: step.decision })),
        };
      case 'remind':
        log.error('fraud review still awaits a decision', { case_id });
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
      log.warn('notice not delivered yet: a child workflow keeps trying', { notification_id });
      await keepSending(notice);
    }
  }

  /** Once per review, because each call adds an event to the history. */
  function showReview(): void {
    const { known: fraudCase } = state;
    const since = fraudCase?.review && new Date(fraudCase.review.since).toISOString();
    if (!fraudCase || since === undefined || since === shownReview) return;
    shownReview = since;
    const { customer_id: customerId } = fraudCase;
    show(
      { process: WorkflowName.applyFraudOutcome, customerId, state: 'needs_review' },
      `**suspected**: awaiting an operator's decision since ${since}`,
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
