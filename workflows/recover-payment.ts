/**
 * The recovery of one failed recurring payment, from the report of its failure until it is paid, stopped or given up
 * (docs/reference/workflows.md, 'recoverPayment'). All rules are in `domain/recovery`; this file executes them.
 */

import {
  ActivityFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  log,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowName } from '../domain/workflow-contracts.ts';
import { begin } from '../domain/recovery/begin.ts';
import type { Claim } from '../domain/recovery/claims.ts';
import { decide } from '../domain/recovery/decide.ts';
import { describe } from '../domain/recovery/describe.ts';
import { closesBeforeNextMessage } from '../domain/recovery/ending.ts';
import { evolve } from '../domain/recovery/evolve.ts';
import type { Fact, RecoveryState } from '../domain/recovery/state.ts';
import { findChargedAttempt, type RecoveryOutcome } from '../domain/recovery/status.ts';
import { applyFact } from './recovery/apply-fact.ts';
import { invalidStart, isOver, mayBegin, openObligation } from './recovery/opening.ts';
import { receive, resolveBeforeSettlement, settlementFact } from './recovery/receive.ts';
import {
  clearRecordedReports,
  type Message,
  type Recovering,
  reportOf,
  type Run,
  startRun,
} from './recovery/run.ts';
import { perform } from './recovery/steps.ts';
import { show } from './visibility.ts';

export type { GatewayActivities, RecoveryActivities } from './recovery/activities.ts';

export interface RecoverPaymentInput {
  payment_id: string;
  /** Continues from the state in the graph without waiting for a signal. The sweep restarts lost runs this way. */
  resume?: boolean;
  /** The state of the previous run in the continue-as-new chain. */
  carried?: RecoveryState;
}

export interface RecoverPaymentResult {
  payment_id: string;
  outcome: RecoveryOutcome;
  /** The method that was charged. */
  payment_method_id?: string;
  /** How many attempts Persona made. */
  attempts: number;
}

/**
 * Recovers one payment, from the first report of its failure to its end (docs/architecture.md, 'The life of a recovery').
 * @throws ApplicationFailure `InvalidPaymentFailed` if no first signal is valid
 */
export async function recoverPayment(input: RecoverPaymentInput): Promise<RecoverPaymentResult> {
  const run = startRun(input?.payment_id, input?.carried);
  // Cancelling the execution acts as the signal `cancel`: a charge in progress must still be recorded.
  CancellationScope.current().cancelRequested.catch(() =>
    run.inbox.push({
      signal: 'cancel',
      payload: { actor: 'temporal', reason: 'the execution was cancelled' },
    }),
  );
  return CancellationScope.nonCancellable(async () => {
    if (typeof input?.payment_id !== 'string') {
      throw invalidStart('recoverPayment', [{ field: 'payment_id', message: 'is required' }]);
    }
    run.state ??= await open(run, input.resume ?? false);
    if (isRecovering(run)) await recover(run);
    return resultOf(run);
  });
}

/** @returns the state that the recovery starts in; `undefined`: there is nothing to recover */
async function open(run: Run, resume: boolean): Promise<RecoveryState | undefined> {
  const opening = await openObligation(run, resume);
  if (isOver(opening)) {
    run.over = opening;
    showOver(opening);
    return undefined;
  }
  let state = begin(opening.recovery);
  if (opening.first)
    state = applyFact(state, claimAnswered(opening.first.payment_method_id, opening.first.claim));
  if (opening.settlement) state = evolve(state, settlementFact(opening, opening.settlement));
  if (opening.next) run.inbox.unshift(opening.next);
  const { state: shown, customer_id: customerId } = describe(state, Date.now());
  show({ process: WorkflowName.recoverPayment, customerId, state: shown }, detailsOf(state));
  return state;
}

/** Receives, decides and performs until nothing is left to do. */
async function recover(run: Recovering): Promise<void> {
  for (;;) {
    await receiveMessages(run);
    const step = decide(run.state, Date.now());
    setCurrentDetails(detailsOf(run.state));
    const isIdle = step.do === 'finish' || step.do === 'wait';
    if (isIdle && (await clearRecordedReports(run))) continue;
    if (step.do === 'finish') break;
    if (step.do === 'wait') await wait(run, step.until);
    else run.state = applyFact(run.state, await perform(run.state, step));
  }
  await condition(allHandlersFinished);
  const { outcome } = describe(run.state, Date.now());
  show({ state: 'done', ...(outcome ? { outcome } : {}) }, detailsOf(run.state));
}

async function receiveMessages(run: Recovering): Promise<void> {
  // A charge's outcome is recorded before the next message is processed: a concurrent settlement must find it.
  while (!run.state.charge?.answer && !mustCloseFirst(run.state)) {
    const message = run.inbox.shift();
    if (!message) break;
    run.state = await resolveBeforeSettlement(run.state, message);
    if (run.state.charge?.answer) run.inbox.unshift(message);
    else await receiveMessage(run, message);
  }
  if (!run.state.charge?.answer) for (const answer of run.pendingAnswers.splice(0)) answer.done = {};
}

/** While the obligation cannot be closed yet, messages are still processed: one of them may end the wait. */
function mustCloseFirst(state: RecoveryState): boolean {
  return closesBeforeNextMessage(state) && decide(state, Date.now()).do !== 'wait';
}

/** A message that can never be processed is skipped: it must not end the run and lose the other messages. */
async function receiveMessage(run: Recovering, message: Message): Promise<void> {
  try {
    run.state = await receive(run, message);
    const report = reportOf(message);
    if (report) run.handledReports.push(report);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || !mayBegin(message)) throw error;
    log.error(`${message.signal} could not be processed`, {
      reason: error.cause?.message ?? error.message,
    });
  }
}

/** Waits until `until` or until a message is received. A long history is continued in a new run. */
async function wait(run: Recovering, until: number | undefined): Promise<void> {
  const { state: shown } = describe(run.state, Date.now());
  // Each call adds an event to the history.
  if (shown !== run.shownState) show({ state: shown }, detailsOf(run.state));
  run.shownState = shown;
  const hasMessage = () => run.inbox.length > 0;
  if (until === undefined) await condition(hasMessage);
  else await condition(hasMessage, Math.max(until - Date.now(), 1));
  if (workflowInfo().continueAsNewSuggested && run.inbox.length === 0) {
    await continueAsNew<typeof recoverPayment>({ payment_id: run.payment_id, carried: run.state });
  }
}

function isRecovering(run: Run): run is Recovering {
  return run.state !== undefined;
}

function claimAnswered(payment_method_id: string, claim: Claim): Fact {
  const candidate = { payment_method_id, not_before: 0, reason: 'alternative' } as const;
  return { fact: 'claim_answered', candidate, claim, at: Date.now() };
}

function resultOf({ payment_id, state, over }: Run): RecoverPaymentResult {
  if (over?.result === 'closed') {
    const { outcome, payment_method_id, attempts } = over.obligation;
    return {
      payment_id,
      outcome,
      ...(payment_method_id ? { payment_method_id } : {}),
      attempts: attempts.length,
    };
  }
  if (!state) return { payment_id, outcome: 'ignored', attempts: 0 };
  const charged = findChargedAttempt(state.attempts);
  return {
    payment_id,
    outcome: state.phase.name === 'open' ? 'stopped' : state.phase.ending.outcome,
    ...(charged ? { payment_method_id: charged.payment_method_id } : {}),
    attempts: state.attempts.length,
  };
}

function showOver(over: NonNullable<Run['over']>): void {
  const process = WorkflowName.recoverPayment;
  if (over.result === 'ignored') {
    const details = 'Ignored: the report was too old, or the gateway did not confirm it';
    show({ process, state: 'done', outcome: 'ignored' }, details);
    return;
  }
  const { customer_id: customerId, outcome, rule } = over.obligation;
  show({ process, customerId, state: 'done', outcome }, `Already closed by rule \`${rule}\``);
}

/** Shown to operators in Temporal UI: ids, states and rules, no personal data. */
function detailsOf(state: RecoveryState): string {
  const status = describe(state, Date.now());
  const step = decide(state, Date.now());
  const attempts = status.attempts.map(
    (attempt) => `- ${attempt.key}: ${attempt.state}${attempt.rule ? ` by rule \`${attempt.rule}\`` : ''}`,
  );
  return [
    `**${status.state}**${status.outcome ? ` → ${status.outcome}` : ''}: class ${status.class}, rule \`${status.rule}\``,
    `Next: ${step.do}${step.do === 'wait' && step.for ? ` for ${step.for}` : ''}`,
    ...(attempts.length > 0 ? ['Attempts:', ...attempts] : []),
  ].join('\n\n');
}
