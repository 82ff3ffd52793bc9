/** Who is told what: the message of a notice, before it is clear how it travels. */

import { amountText, renderNotice } from '../domain/notices/index.ts';
import type { Policy } from '../domain/policy.ts';
import type { Notice, NoticeData, NoticeTemplate } from '../domain/ports.ts';
import type { NoticeRecipient, NoticeRecipients } from '../graph/index.ts';
import type { NoticeMatter } from '../graph/recovery/index.ts';
import type { NoticeInput } from '../workflows/send-notice.ts';

/** These lead to the payment itself, the others to the wallet. */
const ABOUT_THE_PAYMENT: readonly NoticeTemplate[] = ['authenticate', 'payment_stopped', 'refund_issued'];

/** What hints at fraud, a withdrawn consent or a suspension goes to a verified address only: a stranger may hold the other one. */
export function chooseRecipient(
  template: NoticeTemplate,
  matter: NoticeMatter,
  { status, usual, verified }: NoticeRecipients,
): NoticeRecipient | undefined {
  const delicate = matter.suspicious || template === 'payment_stopped' || status === 'suspended';
  return delicate ? verified : usual;
}

/** @param now epoch milliseconds */
export function composeNotice(
  { notification_id, customer_id, payment_id, template }: NoticeInput,
  matter: NoticeMatter,
  { to, channel, locale }: NoticeRecipient & { locale: string },
  links: Policy['links'],
  now: number,
): Notice {
  const { amount, currency, description, failed_method, charged_method, new_default, closes_at } = matter;
  const link = ABOUT_THE_PAYMENT.includes(template) ? links.recovery : links.wallet;
  const data: NoticeData = {
    amount,
    amount_text: amountText(amount, currency, locale),
    currency,
    payment_id,
    ...(description ? { description } : {}),
    failed_method,
    ...(charged_method ? { charged_method } : {}),
    ...(new_default ? { new_default } : {}),
    link: link.replaceAll('{customer_id}', customer_id).replaceAll('{payment_id}', payment_id),
    ...(closes_at ? { closes_at } : {}),
  };
  return {
    notification_id,
    customer_id,
    to,
    channel,
    template,
    locale,
    ...renderNotice(template, data, { locale, channel }),
    data,
    created_at: new Date(now).toISOString(),
  };
}
