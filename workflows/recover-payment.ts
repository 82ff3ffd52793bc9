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
import { type ReportId, WorkflowName } from '../domain/workflow-contracts.ts';
import { begin } from '../domain/recovery/begin.ts';
import type { Claim, ClosedObligation } from '../domain/recovery/claims.ts';
import { closesBeforeNextMessage } from '../domain/recovery/closing.ts';
import { decide } from '../domain/recovery/decide.ts';
import { describe } from '../domain/recovery/describe.ts';
import { evolve } from '../domain/recovery/evolve.ts';
import type { Fact, RecoveryState } from '../domain/recovery/state.ts';
import { findChargedAttempt, type RecoveryOutcome, type RecoveryStatus } from '../domain/recovery/status.ts';
import { type PendingAnswer, type Message, openInbox } from './recovery/inbox.ts';
import { beginWith, invalidStart, mayBegin } from './recovery/opening.ts';
import { resolveBeforeSettlement, receive, settlementFact } from './recovery/receive.ts';
import { clearReports, isFullyRecorded, reportOf } from './recovery/reports.ts';
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
 * Recovers one payment, from the first report of its failure to its end (docs/architecture.md, 'Recovery').
 * @throws ApplicationFailure `InvalidPaymentFailed` if no first signal is valid
 */
export async function recoverPayment(input: RecoverPaymentInput): Promise<RecoverPaymentResult> {
  let state = input?.carried;
  let shownPhase: string | undefined;
  let ignored = false;
  let closed: ClosedObligation | undefined;
  /** The accepted reports of handled messages, to be deleted. */
  const handledReports: ReportId[] = [];

  const inbox = openInbox(
    () => state,
    () => statusOf(),
  );

  // Cancelling the execution acts as the signal `cancel`: a charge in progress must still be recorded.
  CancellationScope.current().cancelRequested.catch(() =>
    inbox.push({ signal: 'cancel', payload: { actor: 'temporal', reason: 'the execution was cancelled' } }),
  );
  return CancellationScope.nonCancellable(async () => {
    if (typeof input?.payment_id !== 'string') {
      throw invalidStart('recoverPayment', [{ field: 'payment_id', message: 'is required' }]);
    }
    if (!state) {
      const opening = await beginWith(input, inbox, handledReports);
      if (opening.result === 'ignored') {
        ignored = true;
        show(
          { process: WorkflowName.recoverPayment, state: 'done', outcome: 'ignored' },
          'Ignored: the report was too old, or the gateway did not confirm it',
        );
        return { payment_id: input.payment_id, outcome: 'ignored', attempts: 0 };
      }
      if (opening.result === 'closed') {
        closed = opening.obligation;
        const { customer_id: customerId, outcome, rule } = closed;
        show(
          { process: WorkflowName.recoverPayment, customerId, state: 'done', outcome },
          `Already closed by rule \`${rule}\``,
        );
        return resultOf(opening.obligation);
      }
      state = begin(opening.recovery);
      if (opening.first)
        state = evolve(state, claimAnswered(opening.first.payment_method_id, opening.first.claim));
      if (opening.settlement) state = evolve(state, settlementFact(opening, opening.settlement));
      if (opening.next) inbox.unshift(opening.next);
      const { customer_id: customerId } = state;
      show(
        { process: WorkflowName.recoverPayment, customerId, state: describe(state, Date.now()).state },
        detailsOf(state),
      );
    }
    state = await run(state);
    await condition(allHandlersFinished);
    show({ state: 'done', ...(state.ending ? { outcome: state.ending.outcome } : {}) }, detailsOf(state));
    const chargedAttempt = findChargedAttempt(state.attempts);
    return {
      payment_id: state.payment_id,
      outcome: state.ending?.outcome ?? 'stopped',
      ...(chargedAttempt ? { payment_method_id: chargedAttempt.payment_method_id } : {}),
      attempts: state.attempts.length,
    };
  });

  function statusOf(): Partial<RecoveryStatus> {
    if (state) return describe(state, Date.now());
    if (closed) {
      const { payment_id, customer_id, outcome, rule, attempts } = closed;
      return { payment_id, customer_id, state: 'done', outcome, rule, attempts, paused: false };
    }
    const waiting = { payment_id: input?.payment_id, attempts: [], paused: false };
    return ignored ? { ...waiting, state: 'done', outcome: 'ignored' } : { ...waiting, state: 'classifying' };
  }

  async function run(initial: RecoveryState): Promise<RecoveryState> {
    let current = initial;
    /** Resolutions by an operator whose response waits until they are recorded. */
    const pendingAnswers: PendingAnswer[] = [];
    for (;;) {
      // A charge's outcome is recorded before the next message is processed: a concurrent settlement must find it.
      while (!current.to_record && !mustCloseFirst(current)) {
        const message = inbox.shift();
        if (!message) break;
        current = await resolveBeforeSettlement(current, message);
        if (current.to_record) inbox.unshift(message);
        else current = await receiveMessage(current, message, pendingAnswers);
        state = current;
      }
      if (!current.to_record) for (const answer of pendingAnswers.splice(0)) answer.done = {};
      const step = decide(current, Date.now());
      setCurrentDetails(detailsOf(current));
      const isIdle = step.do === 'finish' || step.do === 'wait';
      if (isIdle && handledReports.length > 0 && isFullyRecorded(current)) {
        await clearReports(current.payment_id, handledReports);
        continue;
      }
      if (step.do === 'finish') return current;
      if (step.do === 'wait') {
        showPhase(current);
        await wait(step.until);
        if (workflowInfo().continueAsNewSuggested && inbox.length === 0) {
          await continueAsNew<typeof recoverPayment>({ payment_id: input.payment_id, carried: current });
        }
        continue;
      }
      current = evolve(current, await perform(current, step));
      state = current;
    }
  }

  /** A message that can never be processed is skipped: it must not end the run and lose the other messages. */
  async function receiveMessage(
    current: RecoveryState,
    message: Message,
    pendingAnswers: PendingAnswer[],
  ): Promise<RecoveryState> {
    try {
      const next = await receive(current, message, pendingAnswers);
      const report = reportOf(message);
      if (report) handledReports.push(report);
      return next;
    } catch (error) {
      if (!(error instanceof ActivityFailure) || !mayBegin(message)) throw error;
      log.error(`${message.signal} could not be processed`, {
        reason: error.cause?.message ?? error.message,
      });
      return current;
    }
  }

  /** Called only when the run waits, because each call adds an event to the history. */
  function showPhase(current: RecoveryState): void {
    const { state: phase } = describe(current, Date.now());
    if (phase !== shownPhase) show({ state: phase }, detailsOf(current));
    shownPhase = phase;
  }

  async function wait(until: number | undefined): Promise<void> {
    const hasMessage = () => inbox.length > 0;
    if (until === undefined) await condition(hasMessage);
    else await condition(hasMessage, Math.max(until - Date.now(), 1));
  }
}

/** While the obligation cannot be closed yet, messages are still processed: one of them may end the wait. */
function mustCloseFirst(state: RecoveryState): boolean {
  return closesBeforeNextMessage(state) && decide(state, Date.now()).do !== 'wait';
}

function claimAnswered(payment_method_id: string, claim: Claim): Fact {
  const candidate = { payment_method_id, not_before: 0, reason: 'alternative' } as const;
  return { fact: 'claim_answered', candidate, claim, at: Date.now() };
}

function resultOf(obligation: ClosedObligation): RecoverPaymentResult {
  return {
    payment_id: obligation.payment_id,
    outcome: obligation.outcome,
    ...(obligation.payment_method_id ? { payment_method_id: obligation.payment_method_id } : {}),
    attempts: obligation.attempts.length,
  };
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
