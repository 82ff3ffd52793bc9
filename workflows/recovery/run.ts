/** One execution of `recoverPayment`: what it has received, what it knows, and the reports that it has handled. */

import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  log,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow';
import {
  QueryName,
  RESOLVE_UNKNOWN,
  type RecoverySignalName,
  type RecoverySignals,
  type ReportId,
} from '../../domain/workflow-contracts.ts';
import type { Opening } from '../../domain/recovery/claims.ts';
import { describe } from '../../domain/recovery/describe.ts';
import type { Resolution } from '../../domain/recovery/messages.ts';
import { validatePaymentFailed } from '../../domain/recovery/payment-failed.ts';
import { type RecoveryState, unresolvedCharge } from '../../domain/recovery/state.ts';
import type { RecoveryStatus } from '../../domain/recovery/status.ts';
import { clearReports as deleteReports } from './activities.ts';

const signals = {
  paymentFailed: defineSignal<[RecoverySignals['paymentFailed']]>('paymentFailed'),
  paymentSettled: defineSignal<[RecoverySignals['paymentSettled']]>('paymentSettled'),
  chargeResult: defineSignal<[RecoverySignals['chargeResult']]>('chargeResult'),
  paymentMethodAdded: defineSignal<[RecoverySignals['paymentMethodAdded']]>('paymentMethodAdded'),
  paymentMethodUpdated: defineSignal<[RecoverySignals['paymentMethodUpdated']]>('paymentMethodUpdated'),
  paymentAuthenticated: defineSignal<[RecoverySignals['paymentAuthenticated']]>('paymentAuthenticated'),
  customerStatusChanged: defineSignal<[RecoverySignals['customerStatusChanged']]>('customerStatusChanged'),
  claimFreed: defineSignal<[RecoverySignals['claimFreed']]>('claimFreed'),
  consentRevoked: defineSignal<[RecoverySignals['consentRevoked']]>('consentRevoked'),
  fraudKnown: defineSignal<[RecoverySignals['fraudKnown']]>('fraudKnown'),
  pause: defineSignal<[RecoverySignals['pause']]>('pause'),
  resume: defineSignal<[RecoverySignals['resume']]>('resume'),
  retryNow: defineSignal<[RecoverySignals['retryNow']]>('retryNow'),
  cancel: defineSignal<[RecoverySignals['cancel']]>('cancel'),
};
const resolveUnknownUpdate = defineUpdate<Partial<RecoveryStatus>, [Resolution]>(RESOLVE_UNKNOWN);
const statusQuery = defineQuery<Partial<RecoveryStatus>>(QueryName.status);

/** A signal as received: any Temporal client may have sent it, with any payload. */
export interface ReceivedSignal {
  signal: RecoverySignalName;
  payload: Readonly<Record<string, unknown>>;
}
/** An operator's resolution, and the update's pending response. */
export interface ResolutionRequest {
  signal: typeof RESOLVE_UNKNOWN;
  payload: Resolution;
  answer: PendingAnswer;
}
export type Message = ReceivedSignal | ResolutionRequest;

/** The response to an update that waits for the main loop. */
export interface PendingAnswer {
  done?: { refused?: string };
}

export interface Run {
  payment_id: string;
  /** Received and not processed yet, in order. */
  inbox: Message[];
  /** The accepted reports of handled messages, to be deleted. */
  handledReports: ReportId[];
  /** Resolutions by an operator whose response waits until they are recorded. */
  pendingAnswers: PendingAnswer[];
  /** Absent until the obligation is open. */
  state?: RecoveryState;
  /** There was nothing to recover. */
  over?: Extract<Opening, { result: 'ignored' | 'closed' }>;
  /** The state that operators were last shown. */
  shownState?: RecoveryStatus['state'];
}

/** A run whose obligation is open. */
export interface Recovering extends Run {
  state: RecoveryState;
}

/** A run whose messages are queued from now on; call it before the first wait. */
export function startRun(payment_id: string, state: RecoveryState | undefined): Run {
  const run: Run = { payment_id, inbox: [], handledReports: [], pendingAnswers: [], state };
  const receive = (signal: RecoverySignalName, payload: unknown) =>
    void run.inbox.push({ signal, payload: asRecord(payload) });
  // Registered first: signals that arrived before the run are then received in their order of arrival. Without it the
  // SDK passes them on in the order in which the handlers below are registered, and a `resume` overtakes a `pause`.
  setDefaultSignalHandler((name, payload) =>
    isRecoverySignal(name) ? receive(name, payload) : log.warn(`unknown signal ignored: ${name}`),
  );
  for (const [name, definition] of Object.entries(signals))
    setHandler(definition, (payload: unknown) => receive(name as RecoverySignalName, payload));
  setHandler(
    resolveUnknownUpdate,
    async (payload) => {
      const answer: PendingAnswer = {};
      run.inbox.push({ signal: RESOLVE_UNKNOWN, payload, answer });
      await condition(() => answer.done !== undefined);
      const refused = answer.done?.refused;
      if (refused) throw ApplicationFailure.nonRetryable(refused, 'invalid_argument');
      return statusOf(run);
    },
    { validator: (payload) => validateResolution(payload, run.state) },
  );
  setHandler(statusQuery, () => statusOf(run));
  return run;
}

function isRecoverySignal(name: string): name is RecoverySignalName {
  return Object.hasOwn(signals, name);
}

function asRecord(payload: unknown): Readonly<Record<string, unknown>> {
  return typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>) : {};
}

function statusOf({ payment_id, state, over }: Run): Partial<RecoveryStatus> {
  if (state) return describe(state, Date.now());
  if (over?.result === 'closed') {
    const { customer_id, outcome, rule, attempts } = over.obligation;
    return { payment_id, customer_id, state: 'done', outcome, rule, attempts, paused: false };
  }
  const waiting = { payment_id, attempts: [], paused: false };
  return over ? { ...waiting, state: 'done', outcome: 'ignored' } : { ...waiting, state: 'classifying' };
}

/** @throws ApplicationFailure invalid_argument, naming every problem: the update is refused */
function validateResolution(payload: Resolution, state: RecoveryState | undefined): void {
  const { attempt_key, result, actor, evidence } = payload ?? {};
  const unresolved = state && unresolvedCharge(state);
  const problems = [
    ...(result === 'approved' || result === 'declined' ? [] : ["result: must be 'approved' or 'declined'"]),
    ...(typeof actor === 'string' && actor !== '' ? [] : ['actor: is required']),
    ...(typeof evidence === 'string' && evidence !== '' ? [] : ['evidence: is required']),
    ...(unresolved?.key === attempt_key ? [] : ['attempt_key: must be the unresolved attempt']),
  ];
  if (problems.length > 0) throw ApplicationFailure.nonRetryable(problems.join('; '), 'invalid_argument');
}

/**
 * The report of a message that takes several steps to handle, or that is refused as invalid. Absent if the run does not
 * delete it: the report of a valid failure is deleted by the transaction that records the failure.
 */
export function reportOf({ signal, payload }: Message): ReportId | undefined {
  const kind = signal === 'chargeResult' ? 'charge_result' : signal === 'paymentSettled' && 'payment_settled';
  const refused = signal === 'paymentFailed' && !validatePaymentFailed(payload).ok && 'payment_failed';
  const event_id = 'event_id' in payload ? payload.event_id : undefined;
  const of = kind || refused;
  return of && typeof event_id === 'string' ? { kind: of, event_id } : undefined;
}

/**
 * Deletes the reports of handled messages once the graph has all effects of them. An ending that is not recorded, and a
 * charge that is still to be read at the gateway, exist only in the run.
 *
 * @returns whether it deleted any
 */
export async function clearRecordedReports(run: Recovering): Promise<boolean> {
  const { phase, recheck } = run.state;
  if (run.handledReports.length === 0 || phase.name === 'closing' || recheck) return false;
  await clearReports(run);
  return true;
}

/** Deletes the reports of handled messages, and empties the list. The sweep sends again those that remain. */
export async function clearReports({ payment_id, handledReports }: Run): Promise<void> {
  const reports = handledReports.splice(0);
  try {
    await deleteReports({ payment_id, reports });
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.warn('accepted reports not deleted: the sweep will send them again', { reports });
  }
}
