/** What a recovery hears: signals and one update, put into one inbox that the process works off in order. */

import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
} from '@temporalio/workflow';
import { QueryName, RESOLVE_UNKNOWN, type RecoverySignals } from '../../domain/processes.ts';
import type { ResolveUnknown } from '../../domain/recovery/messages.ts';
import type { RecoveryState } from '../../domain/recovery/state.ts';
import type { RecoveryStatus } from '../../domain/recovery/status.ts';
import { validateResolution } from './people.ts';

const paymentFailedSignal = defineSignal<[RecoverySignals['paymentFailed']]>('paymentFailed');
const paymentSettledSignal = defineSignal<[RecoverySignals['paymentSettled']]>('paymentSettled');
const paymentMethodAddedSignal = defineSignal<[RecoverySignals['paymentMethodAdded']]>('paymentMethodAdded');
const claimFreedSignal = defineSignal<[RecoverySignals['claimFreed']]>('claimFreed');
const chargeResultSignal = defineSignal<[RecoverySignals['chargeResult']]>('chargeResult');
const consentRevokedSignal = defineSignal<[RecoverySignals['consentRevoked']]>('consentRevoked');
const pauseSignal = defineSignal<[RecoverySignals['pause']]>('pause');
const resumeSignal = defineSignal<[RecoverySignals['resume']]>('resume');
const retryNowSignal = defineSignal<[RecoverySignals['retryNow']]>('retryNow');
const cancelSignal = defineSignal<[RecoverySignals['cancel']]>('cancel');
const resolveUnknownUpdate = defineUpdate<Partial<RecoveryStatus>, [ResolveUnknown]>(RESOLVE_UNKNOWN);
const statusQuery = defineQuery<Partial<RecoveryStatus>>(QueryName.status);

export type Message =
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
export interface Answer {
  done?: { refused?: string };
}

const byPerson = [
  ['pause', pauseSignal],
  ['resume', resumeSignal],
  ['retryNow', retryNowSignal],
  ['cancel', cancelSignal],
] as const;

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
      return describe();
    },
    { validator: (payload) => validateResolution(payload, state()) },
  );
  setHandler(statusQuery, describe);
  return inbox;
}
