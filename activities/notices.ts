/** Notifies customers, at most once per notification as far as the channel allows. */

import { activityInfo, cancellationSignal, heartbeat, log } from '@temporalio/activity';
import { PersonaError } from '../domain/errors.ts';
import type { Policy } from '../domain/policy.ts';
import type { Notice, Notifier } from '../domain/ports.ts';
import type { NoticeInput } from '../domain/workflow-contracts.ts';
import { type CommandHeader, type Graph, getContestDecision, getNoticeRecipients } from '../graph/index.ts';
import { getCardNoticeContext } from '../graph/expiry/index.ts';
import {
  finishNotice,
  getNoticeContext,
  getNoticeResult,
  isRefundOwed,
  NOTICES_CALLER,
  type NoticeResult,
  releaseNotice,
  leaseNotice,
} from '../graph/recovery/index.ts';
import type { NoticeActivities } from '../workflows/send-notice.ts';
import { headerOf } from './command-header.ts';
import {
  type Addressee,
  chooseRecipient,
  composeAccountNotice,
  composeCardNotice,
  composeContestNotice,
  composeErasureNotice,
  composeNotice,
} from './notice-message.ts';

/** The timeout of one delivery: shorter than the activity's, so that the result can still be recorded. */
const DELIVERY_TIMEOUT_MS = 10_000;
/** After this a delivery attempt counts as over: longer than its timeout, by the difference that clocks may have. */
const DELIVERY_LEASE_MS = 15_000;
/** Tells the next attempt that the notice was delivered but could not be recorded. */
const DELIVERED_HEARTBEAT = 'handed over';
/** A card was renewed or removed meanwhile, or its customer suspended. */
const OUTDATED = 'overtaken: its content no longer applies, or another notice has replaced it';
/** The receiver may have it: another attempt could send the same message twice. */
const DELIVERY_INTERRUPTED =
  'the delivery was interrupted: the notice may have arrived, and is not sent again';

/** A customer who is no longer suspended is not notified of the suspension. */
const REINSTATED = 'the customer is no longer suspended';

export interface NoticeDependencies {
  graph: Graph;
  notifier: Notifier;
  policy: Policy;
  /** Epoch milliseconds. */
  now: () => number;
}

export function createNoticeActivities(dependencies: NoticeDependencies): NoticeActivities {
  const { graph, policy, now } = dependencies;
  return {
    async recordNoticeFailed({ reason, ...input }) {
      await finishNotice(graph, senderOf(input, now()), { ...input, channel: null, failure: reason });
    },

    async deliverNotice(input) {
      const sender = senderOf(input, now());
      const [ended, content, recipients] = await Promise.all([
        getNoticeResult(graph, input.notification_id),
        contentOf(graph, input),
        getNoticeRecipients(graph, input),
      ]);
      if (ended) return { result: ended };
      // The customer was erased: there is no recipient, and no stream to record it in.
      if (!recipients) return { result: 'undeliverable' };
      const recipient = content && chooseRecipient(input.template, content, recipients);
      const finish = async (failure?: string): Promise<{ result: NoticeResult }> => {
        const end = { ...input, channel: recipient?.channel ?? null, ...(failure ? { failure } : {}) };
        return { result: await finishNotice(graph, sender, end) };
      };
      if (activityInfo().heartbeatDetails === DELIVERED_HEARTBEAT) return finish();
      if (!content) return finish(OUTDATED);
      if (input.case_id !== undefined && recipients.status !== 'suspended') return finish(REINSTATED);
      if (!recipient) return finish('no_recipient');
      const { locale = 'en' } = recipients;
      const addressee = { ...recipient, locale, links: policy.links, now: now() };
      const notice = content.compose(addressee);
      const outcome = await attemptDelivery(dependencies, sender, { input, notice });
      if (outcome.result === 'ended') return { result: outcome.as };
      if (outcome.result === 'failed') return finish(outcome.reason);
      try {
        return await finish();
      } catch (error) {
        heartbeat(DELIVERED_HEARTBEAT);
        throw error;
      }
    },
  };
}

/** The content of a notice, to be composed for its recipient. */
interface Content {
  /** It may only be sent to a verified address. */
  suspicious: boolean;
  compose: (addressee: Addressee) => Notice;
}

/** `undefined`: its content no longer applies. */
async function contentOf(graph: Graph, input: NoticeInput): Promise<Content | undefined> {
  if (input.case_id !== undefined)
    return { suspicious: true, compose: (addressee) => composeAccountNotice(input, addressee) };
  if (input.erasure_id !== undefined)
    return { suspicious: true, compose: (addressee) => composeErasureNotice(input, addressee) };
  if (input.payment_method_id !== undefined) {
    const card = await getCardNoticeContext(graph, input);
    return card && { suspicious: false, compose: (addressee) => composeCardNotice(input, card, addressee) };
  }
  if (input.contest_id !== undefined) {
    const decision = await getContestDecision(graph, input);
    // About the person's own claims, which a stranger must not read.
    return (
      decision && {
        suspicious: true,
        compose: (addressee) => composeContestNotice(input, decision, addressee),
      }
    );
  }
  const context = await getNoticeContext(graph, input);
  const { suspicious } = context;
  return { suspicious, compose: (addressee) => composeNotice(input, context, addressee) };
}

type DeliveryOutcome =
  | { result: 'taken' }
  /** Permanently: it is not retried. */
  | { result: 'failed'; reason: string }
  /** Another attempt has finished it meanwhile. */
  | { result: 'ended'; as: NoticeResult };

/** One attempt. @throws PersonaError notifier_unavailable: not delivered, or another attempt is in progress; retry later */
async function attemptDelivery(
  { graph, notifier, now }: NoticeDependencies,
  sender: CommandHeader,
  { input, notice }: { input: NoticeInput; notice: Notice },
): Promise<DeliveryOutcome> {
  const { notification_id } = notice;
  const { workflowExecution, attempt } = activityInfo();
  const delivery = { notification_id, try_id: `${workflowExecution?.runId}:${attempt}` };
  // The timeout starts before the lease is taken: when the lease expires for others, this attempt is over.
  const signal = AbortSignal.any([cancellationSignal(), AbortSignal.timeout(DELIVERY_TIMEOUT_MS)]);
  const start = await leaseNotice(graph, sender, { ...delivery, now: now(), limit: DELIVERY_LEASE_MS });
  if (start === 'delivered' || start === 'undeliverable') return { result: 'ended', as: start };
  if (start === 'under_way')
    throw new PersonaError('notifier_unavailable', `notice ${notification_id} is already being delivered`);
  if (start === 'again' && !notifier.deduplicates) return { result: 'failed', reason: DELIVERY_INTERRUPTED };
  const release = () =>
    releaseNotice(graph, sender, delivery).catch((problem: unknown) =>
      log.warn('lease of a failed delivery not released', { notification_id, problem }),
    );
  try {
    signal.throwIfAborted();
    // No end is recorded: the notice is sent once the refund has succeeded after all.
    if (await isOutdated(graph, input)) {
      await release();
      return { result: 'ended', as: 'undeliverable' };
    }
    await notifier.deliver(notice, { signal });
    return { result: 'taken' };
  } catch (error) {
    if (
      error instanceof PersonaError &&
      (error.type === 'notice_refused' || error.type === 'notice_unresolved')
    ) {
      return { result: 'failed', reason: error.message };
    }
    // The next attempt need not wait for the lease to expire, and knows that nothing was delivered.
    await release();
    throw error;
  }
}

/** Checked right before the delivery: the refund that the notice is about may have failed since. */
async function isOutdated(
  graph: Graph,
  { notification_id, template, payment_id }: NoticeInput,
): Promise<boolean> {
  return (
    template === 'refund_issued' &&
    payment_id !== undefined &&
    isRefundOwed(graph, { notification_id, payment_id })
  );
}

/** Process and child share one caller, so that each finds what the other has started. */
function senderOf({ notification_id }: { notification_id: string }, now: number): CommandHeader {
  const header = headerOf(notification_id, { occurredAt: new Date(now).toISOString() });
  return { ...header, caller: NOTICES_CALLER };
}
