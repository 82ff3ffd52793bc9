/** Writes to customers: who, what and in which words comes together here; how it travels is the notifier's matter. */

import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { PersonaError } from '../domain/errors.ts';
import { formatMoney } from '../domain/money.ts';
import { renderNotice } from '../domain/notices/index.ts';
import type { Policy } from '../domain/policy.ts';
import type { Notice, NoticeData, Notifier } from '../domain/ports.ts';
import { type CommandHeader, type Graph, getNoticeRecipient, type NoticeRecipient } from '../graph/index.ts';
import { finishNotice, getNoticeMatter, type NoticeMatter, startNotice } from '../graph/recovery/index.ts';
import type { NoticeActivities, NoticeInput } from '../workflows/send-notice.ts';
import { headerOf } from './header.ts';

export interface NoticeDependencies {
  graph: Graph;
  notifier: Notifier;
  policy: Policy;
  /** Epoch milliseconds. */
  now: () => number;
}

export function createNoticeActivities({
  graph,
  notifier,
  policy,
  now,
}: NoticeDependencies): NoticeActivities {
  return {
    async recordNoticeFailed(input) {
      const sender = senderOf(input, now());
      await finishNotice(graph, sender, {
        ...input,
        channel: null,
        failure: 'the receiver did not take it for days',
      });
    },

    async deliverNotice(input) {
      const { workflowExecution, attempt } = activityInfo();
      const try_id = `${workflowExecution?.runId}:${attempt}`;
      const sender = senderOf(input, now());
      if ((await startNotice(graph, sender, { ...input, try_id })) === 'done') return { result: 'delivered' };

      const [matter, recipient] = await Promise.all([
        getNoticeMatter(graph, input.payment_id, input.template),
        getNoticeRecipient(graph, { customer_id: input.customer_id }),
      ]);
      const end = { ...input, channel: recipient?.channel ?? null };
      if (!recipient || !mayBeTold(input, matter, recipient)) {
        await finishNotice(graph, sender, { ...end, failure: 'no_recipient' });
        return { result: 'undeliverable' };
      }
      try {
        await notifier.deliver(compose(input, matter, recipient, policy, now()), {
          signal: cancellationSignal(),
        });
      } catch (error) {
        if (!(error instanceof PersonaError) || error.type !== 'notice_refused') throw error;
        await finishNotice(graph, sender, { ...end, failure: error.message });
        return { result: 'undeliverable' };
      }
      await finishNotice(graph, sender, end);
      return { result: 'delivered' };
    },
  };
}

/** One caller for process and child: whoever goes on must find what the other began. */
function senderOf({ notification_id }: NoticeInput, now: number): CommandHeader {
  const header = headerOf(notification_id, { occurredAt: new Date(now).toISOString() });
  return { ...header, caller: 'notices' };
}

/** What hints at fraud, or at a withdrawn consent, goes to a verified address only: a stranger may hold the other one. */
function mayBeTold(input: NoticeInput, matter: NoticeMatter, recipient: NoticeRecipient): boolean {
  return recipient.is_verified || !(matter.verified_only || input.template === 'payment_stopped');
}

function compose(
  input: NoticeInput,
  matter: NoticeMatter,
  recipient: NoticeRecipient,
  policy: Policy,
  now: number,
): Notice {
  const locale = recipient.locale ?? 'en';
  const { amount, currency, description, failed_method, charged_method, new_default, closes_at } = matter;
  const link = input.template === 'authenticate' ? policy.links.recovery : policy.links.wallet;
  const data: NoticeData = {
    amount,
    amount_text: formatMoney(amount, currency, locale),
    currency,
    payment_id: input.payment_id,
    ...(description ? { description } : {}),
    failed_method,
    ...(charged_method ? { charged_method } : {}),
    ...(new_default ? { new_default } : {}),
    link: link.replaceAll('{customer_id}', input.customer_id).replaceAll('{payment_id}', input.payment_id),
    ...(closes_at ? { closes_at } : {}),
  };
  const { to, channel } = recipient;
  return {
    notification_id: input.notification_id,
    customer_id: input.customer_id,
    to,
    channel,
    template: input.template,
    locale,
    ...renderNotice(input.template, data, { locale, channel }),
    data,
    created_at: new Date(now).toISOString(),
  };
}
