/** What a recovery receives: signals and one update, queued in one inbox and processed in order. */

import {
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
} from '../../domain/workflow-contracts.ts';
import type { Resolution } from '../../domain/recovery/messages.ts';
import type { RecoveryState } from '../../domain/recovery/state.ts';
import type { RecoveryStatus } from '../../domain/recovery/status.ts';
import { validateResolution } from './operator-requests.ts';

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

/**
 * Registers the handlers; call it before the first wait.
 *
 * @param state the recovery's current state; `describe`: the result of the status query
 */
export function openInbox(
  state: () => RecoveryState | undefined,
  describe: () => Partial<RecoveryStatus>,
): Message[] {
  const inbox: Message[] = [];
  const receive = (signal: RecoverySignalName, payload: unknown) =>
    void inbox.push({ signal, payload: asRecord(payload) });
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
      inbox.push({ signal: RESOLVE_UNKNOWN, payload, answer });
      await condition(() => answer.done !== undefined);
      const refused = answer.done?.refused;
      if (refused) throw ApplicationFailure.nonRetryable(refused, 'invalid_argument');
      return describe();
    },
    { validator: (payload) => validateResolution(payload, state()) },
  );
  setHandler(statusQuery, describe);
  return inbox;
}

function isRecoverySignal(name: string): name is RecoverySignalName {
  return Object.hasOwn(signals, name);
}

function asRecord(payload: unknown): Readonly<Record<string, unknown>> {
  return typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>) : {};
}
