/** Writes to customers, at most once per notification as far as the way it travels allows. */

import { activityInfo, cancellationSignal, heartbeat, log } from '@temporalio/activity';
import { PersonaError } from '../domain/errors.ts';
import type { Policy } from '../domain/policy.ts';
import type { Notice, Notifier } from '../domain/ports.ts';
import type { NoticeInput } from '../domain/workflow-contracts.ts';
import { type CommandHeader, type Graph, getNoticeRecipients } from '../graph/index.ts';
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
  composeNotice,
} from './notice-message.ts';

/** How long one hand-over may take: shorter than the activity, so that it can still write down what came of it. */
const DELIVERY_TIMEOUT_MS = 10_000;
/** After this a try is over, whatever it did not tell: longer than the try by what clocks may differ. */
const DELIVERY_LEASE_MS = 15_000;
/** What the next try learns when a notice was handed over and the graph could not be told. */
const DELIVERED_HEARTBEAT = 'handed over';
/** A card was renewed or removed meanwhile, or its customer suspended. */
const OUTDATED = 'overtaken: what it was to say is not true any more, or said by another notice';
/** The receiver may have it, and another try could be the same message twice. */
const DELIVERY_INTERRUPTED = 'handing it over was interrupted: it may have arrived, and is not sent again';

/** A customer who is not suspended any more is not told of it. */
const REINSTATED = 'the customer is not suspended any more';

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
      // Erased: nobody is there any more, and no stream to write it down in.
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

/** What a notice says, once it is clear whom to write to. */
interface Content {
  /** Nobody but a verified address may hear of it. */
  suspicious: boolean;
  compose: (addressee: Addressee) => Notice;
}

/** `undefined`: what it was to say is not true any more. */
async function contentOf(graph: Graph, input: NoticeInput): Promise<Content | undefined> {
  if (input.case_id !== undefined)
    return { suspicious: true, compose: (addressee) => composeAccountNotice(input, addressee) };
  if (input.payment_method_id !== undefined) {
    const card = await getCardNoticeContext(graph, input);
    return card && { suspicious: false, compose: (addressee) => composeCardNotice(input, card, addressee) };
  }
  const context = await getNoticeContext(graph, input);
  const { suspicious } = context;
  return { suspicious, compose: (addressee) => composeNotice(input, context, addressee) };
}

type DeliveryOutcome =
  | { result: 'taken' }
  /** For good: it is not tried again. */
  | { result: 'failed'; reason: string }
  /** Somebody else brought it to its end meanwhile. */
  | { result: 'ended'; as: NoticeResult };

/** One try. @throws PersonaError notifier_unavailable: it was not taken, or somebody else is at it; try later */
async function attemptDelivery(
  { graph, notifier, now }: NoticeDependencies,
  sender: CommandHeader,
  { input, notice }: { input: NoticeInput; notice: Notice },
): Promise<DeliveryOutcome> {
  const { notification_id } = notice;
  const { workflowExecution, attempt } = activityInfo();
  const delivery = { notification_id, try_id: `${workflowExecution?.runId}:${attempt}` };
  // Counted from before the start is written down: when others think that this try is over, it is.
  const signal = AbortSignal.any([cancellationSignal(), AbortSignal.timeout(DELIVERY_TIMEOUT_MS)]);
  const start = await leaseNotice(graph, sender, { ...delivery, now: now(), limit: DELIVERY_LEASE_MS });
  if (start === 'delivered' || start === 'undeliverable') return { result: 'ended', as: start };
  if (start === 'under_way')
    throw new PersonaError('notifier_unavailable', `Another try of notice ${notification_id} is under way`);
  if (start === 'again' && !notifier.deduplicates) return { result: 'failed', reason: DELIVERY_INTERRUPTED };
  const release = () =>
    releaseNotice(graph, sender, delivery).catch((problem: unknown) =>
      log.warn('A try that was not taken could not be written down', { notification_id, problem }),
    );
  try {
    signal.throwIfAborted();
    // Nothing is remembered of it: once the money is given back after all, the customer is to hear of it.
    if (await isOutdated(graph, input)) {
      await release();
      return { result: 'ended', as: 'undeliverable' };
    }
    await notifier.deliver(notice, { signal });
    return { result: 'taken' };
  } catch (error) {
    if (
      error instanceof PersonaError &&
      (error.type === 'notice_refused' || error.type === 'notice_in_doubt')
    ) {
      return { result: 'failed', reason: error.message };
    }
    // Whoever comes next need not wait until this try counts as over, nor doubt what came of it.
    await release();
    throw error;
  }
}

/** A refund that was to be told of may have failed since: asked at the last moment. */
async function isOutdated(
  graph: Graph,
  { notification_id, template, payment_id }: NoticeInput,
): Promise<boolean> {
  return template === 'refund_issued' && isRefundOwed(graph, { notification_id, payment_id });
}

/** One caller for process and child: whoever goes on must find what the other began. */
function senderOf({ notification_id }: { notification_id: string }, now: number): CommandHeader {
  const header = headerOf(notification_id, { occurredAt: new Date(now).toISOString() });
  return { ...header, caller: NOTICES_CALLER };
}
