/** What a recovery hears: signals and one update, put into one inbox that the process works off in order. */

import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
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

/** A signal as it came: anybody may have sent anything. */
export interface ReceivedSignal {
  signal: RecoverySignalName;
  payload: Readonly<Record<string, unknown>>;
}
/** A person's word, and where the answer goes. */
export interface ResolutionRequest {
  signal: typeof RESOLVE_UNKNOWN;
  payload: Resolution;
  answer: PendingAnswer;
}
export type Message = ReceivedSignal | ResolutionRequest;

/** What an update that waits for the main loop is told in the end. */
export interface PendingAnswer {
  done?: { refused?: string };
}

/**
 * Begins to listen: call it before the first wait.
 *
 * @param state where the recovery stands; `describe`: what the query answers
 */
export function openInbox(
  state: () => RecoveryState | undefined,
  describe: () => Partial<RecoveryStatus>,
): Message[] {
  const inbox: Message[] = [];
  for (const [name, definition] of Object.entries(signals)) {
    const signal = name as RecoverySignalName;
    setHandler(definition, (payload: unknown) => void inbox.push({ signal, payload: asRecord(payload) }));
  }
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

function asRecord(payload: unknown): Readonly<Record<string, unknown>> {
  return typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>) : {};
}
