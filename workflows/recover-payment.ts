/**
 * The payment cascade: one failed recurring payment, from the report of its failure until it is paid, stopped or
 * given up (specification: workflows, 2). All rules are in `domain/recovery`; this file carries them out.
 */

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  log,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { ChargeAnswer } from '../domain/ports.ts';
import {
  attemptKey,
  fraudReportWorkflowId,
  QueryName,
  RESOLVE_UNKNOWN,
  type RecoverySignals,
  recoveryNotificationId,
  TaskQueue,
  WorkflowName,
} from '../domain/processes.ts';
import type { Claim, ClosedObligation, Opening, RecordedAttempt } from '../domain/recovery/claims.ts';
import { begin } from '../domain/recovery/begin.ts';
import { decide } from '../domain/recovery/decide.ts';
import { describe } from '../domain/recovery/describe.ts';
import { evolve } from '../domain/recovery/evolve.ts';
import type { PaymentFailed, PaymentSettled, ResolveUnknown } from '../domain/recovery/messages.ts';
import { validatePaymentFailed, validatePaymentSettled } from '../domain/recovery/payment-failed.ts';
import type {
  DueNotice,
  Ending,
  Fact,
  FoundOut,
  FraudReport,
  RecoveryState,
  Step,
} from '../domain/recovery/state.ts';
import type { RecoveryOutcome, RecoveryStatus } from '../domain/recovery/status.ts';
import { answerOfFailedCharge } from './failed-charge.ts';
import { reportFraud } from './report-fraud.ts';
import { show } from './visibility.ts';
import { type NoticeActivities, type NoticeInput, sendNotice } from './send-notice.ts';

export interface RecoveryActivities {
  /** Locks and opens the obligation, classifies, and claims the first alternative if one is due at once. */
  openRecovery(input: { failure: PaymentFailed; claim_first: boolean }): Promise<Opening>;
  /** What a settlement means for an obligation that this run knows nothing of yet. */
  openSettled(input: { settlement: PaymentSettled }): Promise<Opening>;
  /** What an obligation that this run has not opened looks like now. */
  resumeRecovery(input: { payment_id: string }): Promise<Opening>;
  /** Takes it back from review, if it is there, and says which methods may be tried. */
  endReview(input: { payment_id: string }): Promise<{ alternatives: string[] }>;
  refundCharge(input: { payment_id: string; key: string }): Promise<{ refunded: boolean }>;
  cancelPayment(input: { payment_id: string }): Promise<{ result: 'cancelled' | 'already_succeeded' }>;
  lookUpPayment(input: { payment_id: string; gateway_payment_ref: string }): Promise<{
    payment: Extract<Fact, { fact: 'looked_up' }>['payment'];
  }>;
  claimAttempt(input: {
    payment_id: string;
    payment_method_id: string;
    key: string;
    n: number;
  }): Promise<Claim>;
  recordAttempt(input: { payment_id: string; key: string; answer: ChargeAnswer }): Promise<RecordedAttempt>;
  flagForReview(input: { payment_id: string; rule: string }): Promise<void>;
  closeRecovery(input: {
    payment_id: string;
    ending: Ending;
    keep_payment: boolean;
  }): Promise<{ result: 'closed'; obligation: ClosedObligation } | { result: 'already_succeeded' }>;
}

export interface GatewayActivities {
  /** One charge, sent at most once. Declines, doubts and refusals to start are values. */
  charge(input: { payment_id: string; key: string }): Promise<ChargeAnswer>;
  /** What became of an attempt: read at the gateway; sent once more under its own key where that is safe. */
  findOut(input: { key: string }): Promise<FoundOut>;
}

export interface RecoverPaymentInput {
  payment_id: string;
  /** Awaits no signal: goes on from what the graph has. The sweep starts lost runs so. */
  resume?: boolean;
  /** Where the run before this one in the same chain stood. */
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

export const paymentFailedSignal = defineSignal<[RecoverySignals['paymentFailed']]>('paymentFailed');
export const paymentSettledSignal = defineSignal<[RecoverySignals['paymentSettled']]>('paymentSettled');
export const paymentMethodAddedSignal =
  defineSignal<[RecoverySignals['paymentMethodAdded']]>('paymentMethodAdded');
export const claimFreedSignal = defineSignal<[RecoverySignals['claimFreed']]>('claimFreed');
export const chargeResultSignal = defineSignal<[RecoverySignals['chargeResult']]>('chargeResult');
export const consentRevokedSignal = defineSignal<[RecoverySignals['consentRevoked']]>('consentRevoked');
export const pauseSignal = defineSignal<[RecoverySignals['pause']]>('pause');
export const resumeSignal = defineSignal<[RecoverySignals['resume']]>('resume');
export const retryNowSignal = defineSignal<[RecoverySignals['retryNow']]>('retryNow');
export const cancelSignal = defineSignal<[RecoverySignals['cancel']]>('cancel');
export const resolveUnknownUpdate = defineUpdate<Partial<RecoveryStatus>, [ResolveUnknown]>(RESOLVE_UNKNOWN);
export const statusQuery = defineQuery<Partial<RecoveryStatus>>(QueryName.status);

const graph = proxyActivities<RecoveryActivities>({
  // One transaction of milliseconds; more than this is a server that went away in the middle.
  startToCloseTimeout: '20s',
  // An outage of the graph or the gateway must not end a recovery: nothing else would take it up again.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

const gateway = proxyActivities<GatewayActivities>({
  taskQueue: TaskQueue.gateway,
  // Longer than the HTTP timeout (30 s), shorter than the claim (60 s): what has not answered by then is unknown.
  startToCloseTimeout: '45s',
  // A backlog at the gateway: the claim is long over, and a charge that never started is proven not to have been sent.
  scheduleToStartTimeout: '10m',
  scheduleToCloseTimeout: '11m',
  // A second try could be a second charge; whether to charge again is the recovery's decision, never a retry's.
  retry: { maximumAttempts: 1 },
});

const lookups = proxyActivities<GatewayActivities>({
  taskQueue: TaskQueue.gateway,
  // A read, and perhaps the charge that it allows: as long as a charge may take.
  startToCloseTimeout: '60s',
  // The ladder asks again later; an answer by then is as good as none.
  scheduleToCloseTimeout: '5m',
  // Reading twice does no harm, and what is sent twice has one key.
  retry: { maximumAttempts: 3, initialInterval: '2s' },
});

const notices = proxyActivities<NoticeActivities>({
  startToCloseTimeout: '20s',
  // A recovery waits this long for its message to be taken; then a child goes on trying for three days.
  scheduleToCloseTimeout: '60s',
  retry: { initialInterval: '1s', backoffCoefficient: 2 },
});

type Message =
  | { signal: 'paymentFailed'; payload: unknown }
  | { signal: 'paymentSettled'; payload: unknown }
  | { signal: 'paymentMethodAdded'; payload: { payment_method_id?: unknown; event_id?: unknown } | undefined }
  | { signal: 'consentRevoked' }
  | { signal: 'claimFreed' }
  | { signal: 'chargeResult'; payload: { attempt_key?: unknown } | undefined }
  | {
      signal: 'pause' | 'resume' | 'retryNow' | 'cancel';
      payload: { actor?: unknown; reason?: unknown } | undefined;
    }
  | { signal: 'resolveUnknown'; payload: ResolveUnknown; answer: Answer };

/** What an update that waits for the main loop is told in the end. */
interface Answer {
  done?: { refused?: string };
}

const byPerson = [
  ['pause', pauseSignal],
  ['resume', resumeSignal],
  ['retryNow', retryNowSignal],
  ['cancel', cancelSignal],
] as const;

/** How long a run waits for the signal that it was started with. */
const FIRST_SIGNAL_MS = 60_000;

export async function recoverPayment(input: RecoverPaymentInput): Promise<RecoverPaymentResult> {
  const inbox: Message[] = [];
  let state = input?.carried;
  let ignored = false;
  let closed: ClosedObligation | undefined;

  setHandler(paymentFailedSignal, (payload) => void inbox.push({ signal: 'paymentFailed', payload }));
  setHandler(paymentSettledSignal, (payload) => void inbox.push({ signal: 'paymentSettled', payload }));
  setHandler(
    paymentMethodAddedSignal,
    (payload) => void inbox.push({ signal: 'paymentMethodAdded', payload }),
  );
  setHandler(claimFreedSignal, () => void inbox.push({ signal: 'claimFreed' }));
  setHandler(consentRevokedSignal, () => void inbox.push({ signal: 'consentRevoked' }));
  setHandler(chargeResultSignal, (payload) => void inbox.push({ signal: 'chargeResult', payload }));
  for (const [signal, definition] of byPerson) {
    setHandler(definition, (payload) => void inbox.push({ signal, payload }));
  }
  setHandler(
    resolveUnknownUpdate,
    async (payload) => {
      const answer: Answer = {};
      inbox.push({ signal: 'resolveUnknown', payload, answer });
      await condition(() => answer.done !== undefined);
      const refused = answer.done?.refused;
      if (refused) throw ApplicationFailure.nonRetryable(refused, 'invalid_argument');
      return state ? describe(state, Date.now()) : {};
    },
    { validator: (payload) => validateResolution(payload, state) },
  );
  setHandler(statusQuery, (): Partial<RecoveryStatus> => {
    if (state) return describe(state, Date.now());
    if (closed) {
      const { payment_id, customer_id, outcome, rule, attempts } = closed;
      return { payment_id, customer_id, state: 'done', outcome, rule, attempts, paused: false };
    }
    const waiting = { payment_id: input?.payment_id, attempts: [], paused: false };
    return ignored ? { ...waiting, state: 'done', outcome: 'ignored' } : { ...waiting, state: 'classifying' };
  });

  // Cancelling the execution is the signal `cancel`: a charge that is under way must still be recorded.
  CancellationScope.current().cancelRequested.catch(() =>
    inbox.push({ signal: 'cancel', payload: { actor: 'temporal', reason: 'the execution was cancelled' } }),
  );
  return CancellationScope.nonCancellable(async () => {
    if (typeof input?.payment_id !== 'string') {
      throw invalidStart('recoverPayment', [{ field: 'payment_id', message: 'is required' }]);
    }
    if (!state) {
      const opening = await open();
      if (opening.result === 'ignored') {
        ignored = true;
        show(
          { process: WorkflowName.recoverPayment, state: 'done', outcome: 'ignored' },
          'The failure was too old to act on',
        );
        return { payment_id: input.payment_id, outcome: 'ignored', attempts: 0 };
      }
      if (opening.result === 'closed') {
        closed = opening.obligation;
        const { customer_id: customerId, outcome, rule } = closed;
        show(
          { process: WorkflowName.recoverPayment, customerId, state: 'done', outcome },
          `Closed before, by rule \`${rule}\``,
        );
        return resultOf(opening.obligation);
      }
      state = begin(opening.recovery);
      if (opening.first) state = evolve(state, claimed(opening.first.payment_method_id, opening.first.claim));
      if (opening.settled) state = evolve(state, { fact: 'settled', rule: 'settled' });
      if (opening.heard)
        state = evolve(state, { fact: 'charge_heard', at: Date.now(), ...keyOf(opening.heard) });
      const { customer_id: customerId } = state;
      show(
        { process: WorkflowName.recoverPayment, customerId, state: describe(state, Date.now()).state },
        detailsOf(state),
      );
    }
    state = await run(state);
    await condition(allHandlersFinished);
    show({ state: 'done', ...(state.ending ? { outcome: state.ending.outcome } : {}) }, detailsOf(state));
    const charged = state.attempts.find((attempt) => attempt.state === 'approved');
    return {
      payment_id: state.payment_id,
      outcome: state.ending?.outcome ?? 'stopped',
      ...(charged ? { payment_method_id: charged.payment_method_id } : {}),
      attempts: state.attempts.length,
    };
  });

  /** The first message decides what this run is about; a bad one fails the run, as does silence. */
  async function open(): Promise<Opened> {
    if (input.resume) return accepted(await graph.resumeRecovery({ payment_id: input.payment_id }));
    for (;;) {
      const heard = await condition(() => inbox.length > 0, FIRST_SIGNAL_MS);
      if (!heard) throw invalidStart('no signal came with the start', []);
      const message = inbox.shift();
      if (message?.signal === 'paymentFailed') {
        const checked = validatePaymentFailed(message.payload);
        if ('problems' in checked) throw invalidStart('paymentFailed', checked.problems);
        requireSamePayment(checked.message.payment_id);
        return accepted(await graph.openRecovery({ failure: checked.message, claim_first: true }));
      }
      if (message?.signal === 'paymentSettled') {
        const checked = validatePaymentSettled(message.payload);
        if ('problems' in checked) throw invalidStart('paymentSettled', checked.problems);
        requireSamePayment(checked.message.payment_id);
        return { ...accepted(await graph.openSettled({ settlement: checked.message })), settled: true };
      }
      if (message?.signal === 'chargeResult') {
        const opening = accepted(await graph.resumeRecovery({ payment_id: input.payment_id }));
        return { ...opening, heard: message.payload ?? {} };
      }
      if (message?.signal === 'resolveUnknown') message.answer.done = { refused: 'nothing is in doubt here' };
      // News for a recovery that is over by now: the next message, or the end of the wait.
    }
  }

  function requireSamePayment(paymentId: string): void {
    if (paymentId === input.payment_id) return;
    throw invalidStart('paymentFailed', [
      { field: 'payment_id', message: `must be the payment of this workflow, '${input.payment_id}'` },
    ]);
  }

  async function run(begun: RecoveryState): Promise<RecoveryState> {
    let current = begun;
    for (;;) {
      for (let message = inbox.shift(); message; message = inbox.shift()) {
        current = await receive(current, message);
        state = current;
      }
      const step = decide(current, Date.now());
      setCurrentDetails(detailsOf(current));
      if (step.do === 'finish') return current;
      if (step.do === 'wait') {
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

  async function wait(until: number | undefined): Promise<void> {
    const heard = () => inbox.length > 0;
    if (until === undefined) await condition(heard);
    else await condition(heard, Math.max(until - Date.now(), 1));
  }

  /** A message for a recovery that is under way; a bad one is logged and changes nothing. */
  async function receive(current: RecoveryState, message: Message): Promise<RecoveryState> {
    switch (message.signal) {
      case 'claimFreed':
        return evolve(current, { fact: 'claim_freed' });
      case 'chargeResult':
        return evolve(current, { fact: 'charge_heard', at: Date.now(), ...keyOf(message.payload) });
      case 'pause':
      case 'resume':
      case 'retryNow':
      case 'cancel':
        return await obey(current, message.signal, message.payload);
      case 'resolveUnknown':
        return await resolve(current, message.payload, message.answer);
      case 'consentRevoked':
        return evolve(current, { fact: 'consent_revoked' });
      case 'paymentMethodAdded': {
        const { payment_method_id, event_id } = message.payload ?? {};
        if (typeof payment_method_id !== 'string') {
          log.warn('A paymentMethodAdded without payment_method_id is ignored');
          return current;
        }
        const told = typeof event_id === 'string' ? { event_id } : {};
        return evolve(current, { fact: 'method_added', payment_method_id, ...told });
      }
      case 'paymentSettled': {
        const checked = validatePaymentSettled(message.payload);
        if ('message' in checked && checked.message.customer_id === current.customer_id) {
          // What a settlement means for an obligation that is paid already, the graph writes down.
          if (current.closed) await graph.openSettled({ settlement: checked.message });
          return evolve(current, { fact: 'settled', rule: 'settled' });
        }
        log.warn('A paymentSettled that is invalid or of another customer is ignored');
        return current;
      }
      case 'paymentFailed': {
        const checked = validatePaymentFailed(message.payload);
        if ('problems' in checked || checked.message.payment_id !== input.payment_id) {
          log.warn('An invalid paymentFailed is ignored', {
            problems: 'problems' in checked ? checked.problems : [],
          });
          return current;
        }
        const opening = await graph.openRecovery({ failure: checked.message, claim_first: false });
        if (opening.result === 'noted') return evolve(current, { fact: 'noted', recovery: opening.recovery });
        log.info(`A further paymentFailed changes nothing: ${opening.result}`);
        return current;
      }
    }
  }
}

type Opened = Exclude<Opening, { result: 'refused' }> & {
  settled?: boolean;
  heard?: { attempt_key?: unknown } | undefined;
};

async function perform(state: RecoveryState, step: Exclude<Step, { do: 'wait' | 'finish' }>): Promise<Fact> {
  const { payment_id } = state;
  switch (step.do) {
    case 'look_up': {
      const { payment } = await graph.lookUpPayment({
        payment_id,
        gateway_payment_ref: step.gateway_payment_ref,
      });
      return { fact: 'looked_up', payment };
    }
    case 'claim': {
      const { payment_method_id } = step.candidate;
      const key = attemptKey(payment_id, payment_method_id, step.n);
      const claim = await graph.claimAttempt({ payment_id, payment_method_id, key, n: step.n });
      return { fact: 'claim_answered', candidate: step.candidate, claim, at: Date.now() };
    }
    case 'charge':
      return { fact: 'charge_answered', answer: await charge(payment_id, step.claim.key) };
    case 'find_out':
      return { fact: 'found_out', key: step.key, found: await findOut(step.key), at: Date.now() };
    case 'refund': {
      const { refunded } = await graph.refundCharge({ payment_id, key: step.key });
      if (!refunded) log.error('A second charge could not be given back; a person must', { key: step.key });
      return { fact: 'refunded', key: step.key, told: refunded };
    }
    case 'cancel_payment': {
      const { result } = await graph.cancelPayment({ payment_id });
      return { fact: result === 'cancelled' ? 'payment_cancelled' : 'already_succeeded' };
    }
    case 'record': {
      const recorded = await graph.recordAttempt({ payment_id, key: step.key, answer: step.answer });
      const wait = step.answer.result === 'not_sent' ? step.answer.retry_after_ms : undefined;
      return {
        fact: 'attempt_recorded',
        recorded,
        at: Date.now(),
        ...(wait === undefined ? {} : { retry_after_ms: wait }),
      };
    }
    case 'report_fraud':
      await reportInBackground(state, step.report);
      return { fact: 'fraud_reported' };
    case 'flag_for_review':
      await graph.flagForReview({ payment_id, rule: step.rule });
      return { fact: 'flagged_for_review', at: Date.now() };
    case 'close': {
      const { ending, keep_payment } = step;
      const closing = await graph.closeRecovery({ payment_id, ending, keep_payment });
      if (closing.result === 'already_succeeded') return { fact: 'already_succeeded' };
      return { fact: 'closed', obligation: closing.obligation, payment_open: keep_payment };
    }
    case 'notify':
      await notify(state, step.notice);
      return { fact: 'noticed' };
  }
}

/** A person's wish. Who and why stand in the history; ceilings, consent and claims still hold. */
async function obey(
  current: RecoveryState,
  wish: 'pause' | 'resume' | 'retryNow' | 'cancel',
  by: { actor?: unknown; reason?: unknown } | undefined,
): Promise<RecoveryState> {
  log.info(`A person asks: ${wish}`, {
    actor: String(by?.actor ?? 'unknown'),
    reason: String(by?.reason ?? ''),
  });
  switch (wish) {
    case 'pause':
      return evolve(current, { fact: 'paused' });
    case 'resume':
      return evolve(current, { fact: 'resumed' });
    case 'cancel':
      return evolve(current, { fact: 'cancelled' });
    case 'retryNow': {
      if (current.closed || current.ending || current.unresolved) return current;
      const { alternatives } = await graph.endReview({ payment_id: current.payment_id });
      return evolve(current, { fact: 'retry_now', alternatives, at: Date.now() });
    }
  }
}

/** A person's word about a charge in doubt: refused where the gateway knows better. */
async function resolve(current: RecoveryState, word: ResolveUnknown, answer: Answer): Promise<RecoveryState> {
  const { attempt_key: key, result } = word;
  if (current.unresolved?.key !== key) {
    answer.done = { refused: `attempt ${key} is not in doubt` };
    return current;
  }
  const found = await findOut(key);
  const says = found.result === 'approved' || found.result === 'declined' ? found.result : undefined;
  const never = found.result === 'not_sent' ? 'declined' : undefined;
  if ((says ?? never ?? result) !== result) {
    answer.done = { refused: `the gateway says that attempt ${key} was ${says ?? 'never charged'}` };
    return evolve(current, { fact: 'found_out', key, found, at: Date.now() });
  }
  answer.done = {};
  return says || never
    ? evolve(current, { fact: 'found_out', key, found, at: Date.now() })
    : evolve(current, { fact: 'resolved_by_person', key, result });
}

function validateResolution(payload: ResolveUnknown, state: RecoveryState | undefined): void {
  const { attempt_key, result, actor, evidence } = payload ?? {};
  const problems = [
    ...(result === 'approved' || result === 'declined' ? [] : ["result: must be 'approved' or 'declined'"]),
    ...(typeof actor === 'string' && actor !== '' ? [] : ['actor: is required']),
    ...(typeof evidence === 'string' && evidence !== '' ? [] : ['evidence: is required']),
    ...(state?.unresolved?.key === attempt_key ? [] : ['attempt_key: must be the attempt that is in doubt']),
  ];
  if (problems.length > 0) throw ApplicationFailure.nonRetryable(problems.join('; '), 'invalid_argument');
}

function keyOf(payload: { attempt_key?: unknown } | undefined): { key?: string } {
  const key = payload?.attempt_key;
  return typeof key === 'string' ? { key } : {};
}

/** The gateway that cannot be asked now is asked again on the next rung. */
async function findOut(key: string): Promise<FoundOut> {
  try {
    return await lookups.findOut({ key });
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return { result: 'unknown', reason: error.cause?.message ?? error.message };
  }
}

async function charge(payment_id: string, key: string): Promise<ChargeAnswer> {
  try {
    return await gateway.charge({ payment_id, key });
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return answerOfFailedCharge(error);
  }
}

async function notify(state: RecoveryState, { template, stage }: DueNotice): Promise<void> {
  const notice: NoticeInput = {
    notification_id: recoveryNotificationId(state.payment_id, state.opened_at, template, stage),
    payment_id: state.payment_id,
    customer_id: state.customer_id,
    template,
  };
  try {
    await notices.deliverNotice(notice);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.warn('The notice could not be delivered yet; a child goes on trying', {
      notification_id: notice.notification_id,
    });
    await startOnce(() =>
      startChild(sendNotice, {
        workflowId: notice.notification_id,
        args: [notice],
        parentClosePolicy: ParentClosePolicy.ABANDON,
      }),
    );
  }
}

/** Chimera may be away for days; the recovery goes on at once. */
async function reportInBackground(state: RecoveryState, report: FraudReport): Promise<void> {
  await startOnce(() =>
    startChild(reportFraud, {
      workflowId: fraudReportWorkflowId(report.event_id),
      args: [{ ...report, customer_id: state.customer_id, payment_id: state.payment_id }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    }),
  );
}

/** A child of that id that runs or ran already does the same thing: its id comes from the business event. */
async function startOnce(start: () => Promise<unknown>): Promise<void> {
  try {
    await start();
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

function claimed(payment_method_id: string, claim: Claim): Fact {
  const candidate = { payment_method_id, not_before: 0, why: 'alternative' } as const;
  return { fact: 'claim_answered', candidate, claim, at: Date.now() };
}

function accepted(opening: Opening): Exclude<Opening, { result: 'refused' }> {
  if (opening.result !== 'refused') return opening;
  throw invalidStart(opening.type, opening.problems);
}

function invalidStart(
  what: string,
  problems: readonly { field: string; message: string }[],
): ApplicationFailure {
  const fields = problems.map((problem) => `${problem.field}: ${problem.message}`).join('; ');
  return ApplicationFailure.create({
    type: 'InvalidPaymentFailed',
    message: fields ? `${what}: ${fields}` : what,
    nonRetryable: true,
    details: [problems],
  });
}

function resultOf(obligation: ClosedObligation): RecoverPaymentResult {
  return {
    payment_id: obligation.payment_id,
    outcome: obligation.outcome,
    ...(obligation.payment_method_id ? { payment_method_id: obligation.payment_method_id } : {}),
    attempts: obligation.attempts.length,
  };
}

/** What operations read in Temporal UI: ids, amounts and rules, nothing of the person. */
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
