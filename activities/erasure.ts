/** The steps of an erasure. Each finds its customer in the graph, may be killed at any point, and run again. */

import { Context, heartbeat } from '@temporalio/activity';
import type { ErasureStep, ErasureWait, StepAnswer } from '../domain/erasure/steps.ts';
import { PersonaError } from '../domain/errors.ts';
import type { Policy } from '../domain/policy.ts';
import type { Chimera, ErasureJournal, PaymentGateway } from '../domain/ports.ts';
import { erasureNotificationId, type NoticeInput } from '../domain/workflow-contracts.ts';
import {
  announceErasure,
  type ErasureSubject,
  findUnsettled,
  finishErasure,
  forgetCustomer,
  type GatewayData,
  hideCustomer,
  isOnboardedBy,
  markStep,
  readErasureSubject,
  readGatewayData,
  setWaiting,
} from '../graph/erasure/index.ts';
import type { Graph } from '../graph/index.ts';
import { getOpenObligations } from '../graph/recovery/index.ts';
import type { ErasureActivities } from '../workflows/erase-customer.ts';
import type { NoticeActivities } from '../workflows/send-notice.ts';
import { gatewayCall } from './gateway-faults.ts';
import type { SignalRecoveries } from './recovery.ts';

export interface ErasureDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  chimera: Chimera;
  policy: Policy;
  /** Absent: nothing can be erased, and nothing is. */
  journal?: ErasureJournal;
  signalRecoveries: SignalRecoveries;
  /** Ends the open processes of a customer. @returns how many are open */
  endExecutions: (customerId: string) => Promise<number>;
  /** The transactions of running onboardings that name no customer yet, page by page. */
  listAnonymousOnboardings: () => AsyncIterable<string[]>;
  /** Deletes the closed ones. @param onProgress called before each. @returns how many were open, or had to be deleted */
  deleteClosedExecutions: (customerId: string, onProgress: () => void) => Promise<number>;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Who cancels a customer's recoveries. */
const CANCEL = { actor: 'persona', reason: 'the customer is being erased' } as const;
const HEARTBEAT_MS = 10_000;

export function createErasureActivities(
  dependencies: ErasureDependencies,
  notices: NoticeActivities,
): ErasureActivities {
  const { graph, gateway, chimera, policy, journal, signalRecoveries, now } = dependencies;

  /** Runs a step unless it is done, and records that it is, or what it waits for. */
  const step =
    (name: ErasureStep, perform: (subject: RunningErasure) => Promise<readonly ErasureWait[]>) =>
    async ({ erasure_id }: { erasure_id: string }): Promise<StepAnswer> => {
      const subject = await readErasureSubject(graph, erasure_id);
      const { customer_id, state, done_at } = subject;
      if (state === 'cancelled') return { waiting_for: [], cancelled: true };
      if (state === 'done' || done_at[name] !== undefined) return { waiting_for: [] };
      if (customer_id === undefined) throw new Error(`erasure ${erasure_id} runs without a customer`);
      const waiting_for = await perform({ ...subject, customer_id });
      if (waiting_for.length === 0) await markStep(graph, erasure_id, name);
      else await setWaiting(graph, erasure_id, waiting_for);
      return { waiting_for };
    };

  /** A step that takes minutes reports to the server that it goes on, and ends between two of its parts if it shall. */
  const beating = async <T>(work: (onProgress: () => void) => Promise<T>): Promise<T> => {
    const timer = setInterval(heartbeat, HEARTBEAT_MS);
    const { cancellationSignal } = Context.current();
    try {
      return await work(() => cancellationSignal.throwIfAborted());
    } finally {
      clearInterval(timer);
    }
  };

  const noticeOf = async (erasure_id: string): Promise<NoticeInput | undefined> => {
    const { customer_id, done_at } = await readErasureSubject(graph, erasure_id);
    if (customer_id === undefined || done_at.notified !== undefined) return undefined;
    const notification_id = erasureNotificationId(erasure_id);
    return { notification_id, customer_id, template: 'data_erased', erasure_id };
  };

  return {
    recordErasure: step('recorded', async ({ erasure_id, hash, requested_at }) => {
      if (journal === undefined)
        throw new PersonaError('journal_unavailable', 'this worker has no PERSONA_ERASURE_JOURNAL');
      await journal.append({ erasure_id, hash, at: requested_at });
      return [];
    }),

    async hideErasedCustomer({ erasure_id }) {
      const { customer_id, state, requested_at, done_at } = await readErasureSubject(graph, erasure_id);
      if (state !== 'running' || customer_id === undefined)
        return { waiting_for: [], ...(state === 'cancelled' && { cancelled: true as const }) };
      if (done_at.hidden === undefined)
        await hideCustomer(graph, {
          erasure_id,
          customer_id,
          by: { actor: 'persona', correlationId: erasure_id },
        });
      if (done_at.settled !== undefined || now() >= Date.parse(requested_at) + policy.privacy.erasureGrace)
        return { waiting_for: [] };
      await setWaiting(graph, erasure_id, ['grace']);
      return { waiting_for: ['grace'] };
    },

    settleErasedCustomer: step('settled', (subject) => settle(subject)),

    async notifyOfErasure({ erasure_id }) {
      const notice = await noticeOf(erasure_id);
      if (notice !== undefined) await notices.deliverNotice(notice);
      return { waiting_for: [] };
    },

    async giveUpNotice({ erasure_id }) {
      const notice = await noticeOf(erasure_id);
      if (notice !== undefined)
        await notices.recordNoticeFailed({ ...notice, reason: 'given up: not delivered within three days' });
    },

    announceToOthers: step('notified', ({ erasure_id, customer_id }) =>
      beating(async () => {
        const data = await readGatewayData(graph, customer_id);
        if (data !== undefined) await forgetAtGateway(customer_id, data);
        await chimera.forgetCustomer({ customer_id });
        await announceErasure(graph, { erasure_id, customer_id });
        return [];
      }),
    ),

    forgetErasedCustomer: step('forgotten', (subject) =>
      beating(async (onProgress) => {
        const waits = await forgetCustomer(graph, subject, onProgress);
        // A dispute or a late report since the step that waits for them.
        if (waits.length > 0) await settle(subject);
        return waits;
      }),
    ),

    deleteHistories: step('histories_deleted', ({ customer_id }) =>
      beating(async (onProgress) => {
        const left = await dependencies.deleteClosedExecutions(customer_id, onProgress);
        return left === 0 ? [] : ['process'];
      }),
    ),

    finishErasure: ({ erasure_id }) => finishErasure(graph, erasure_id),
  };

  async function settle({ customer_id }: RunningErasure): Promise<readonly ErasureWait[]> {
    const open = await getOpenObligations(graph, customer_id);
    await signalRecoveries(open, 'cancel', CANCEL);
    const running = await dependencies.endExecutions(customer_id);
    const isRunning = running > 0 || (await isOnboarding(customer_id));
    const unsettled = await findUnsettled(graph, customer_id);
    return isRunning ? [...unsettled, 'process'] : unsettled;
  }

  /** Whether an onboarding that does not show it has recognised the customer; since they are hidden, no further one does. */
  async function isOnboarding(customer_id: string): Promise<boolean> {
    for await (const transaction_ids of dependencies.listAnonymousOnboardings())
      if (await isOnboardedBy(graph, { customer_id, transaction_ids })) return true;
    return false;
  }

  /** Of a customer that others have created there, deleting would end their subscriptions. */
  async function forgetAtGateway(
    customer_id: string,
    { gateway_customer_ref: ref, mayBeOurs, tokens }: GatewayData,
  ): Promise<void> {
    if (ref !== undefined && mayBeOurs && (await gatewayCall(gateway.ownerOf(ref))) === customer_id) {
      await gatewayCall(gateway.deleteCustomer(ref));
      return;
    }
    for (const token of tokens) await gatewayCall(gateway.detachPaymentMethod(token));
  }
}

type RunningErasure = ErasureSubject & { customer_id: string };
