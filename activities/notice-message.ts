/** Who is told what: the message of a notice, before it is clear how it travels. */

import { amountText, renderNotice } from '../domain/notices/index.ts';
import type { Policy } from '../domain/policy.ts';
import type { CardTemplate, Notice, NoticeData, NoticeTemplate } from '../domain/ports.ts';
import type { NoticeRecipient, NoticeRecipients } from '../graph/index.ts';
import type { CardMatter } from '../graph/expiry/index.ts';
import type { NoticeMatter } from '../graph/recovery/index.ts';
import type { NoticeInput } from '../workflows/send-notice.ts';

/** These lead to the payment itself, the others to the wallet. */
const ABOUT_THE_PAYMENT: readonly NoticeTemplate[] = ['authenticate', 'payment_stopped', 'refund_issued'];

/** What hints at fraud, a withdrawn consent or a suspension goes to a verified address only: a stranger may hold the other one. */
export function chooseRecipient(
  template: NoticeTemplate,
  matter: Matter,
  { status, usual, verified }: NoticeRecipients,
): NoticeRecipient | undefined {
  const isSuspicious = 'suspicious' in matter && matter.suspicious;
  const delicate = isSuspicious || template === 'payment_stopped' || status === 'suspended';
  return delicate ? verified : usual;
}

/** What a notice speaks of. */
export type Matter = NoticeMatter | CardMatter;

/** @param now epoch milliseconds */
export function composeNotice(
  input: NoticeInput,
  matter: Matter,
  { to, channel, locale }: NoticeRecipient & { locale: string },
  links: Policy['links'],
  now: number,
): Notice {
  const { notification_id, customer_id, template } = input;
  const way = { locale, channel };
  return {
    notification_id,
    customer_id,
    to,
    channel,
    template,
    locale,
    ...('expires' in matter
      ? cardMessage(input, matter, links, way)
      : paymentMessage(input, matter, links, way)),
    created_at: new Date(now).toISOString(),
  };
}

type Message = Pick<Notice, 'subject' | 'text' | 'html' | 'data'>;
type Way = Pick<Notice, 'locale' | 'channel'>;

function cardMessage(
  { customer_id, template }: NoticeInput,
  matter: CardMatter,
  links: Policy['links'],
  way: Way,
): Message {
  const data = { ...matter, link: filled(links.wallet, { customer_id }) };
  return { ...renderNotice(template as CardTemplate, data, way), data };
}

function paymentMessage(
  { customer_id, payment_id = '', template }: NoticeInput,
  matter: NoticeMatter,
  links: Policy['links'],
  way: Way,
): Message {
  const { amount, currency, description, failed_method, charged_method, new_default, closes_at } = matter;
  const link = ABOUT_THE_PAYMENT.includes(template) ? links.recovery : links.wallet;
  const data: NoticeData = {
    amount,
    amount_text: amountText(amount, currency, way.locale),
    currency,
    payment_id,
    ...(description ? { description } : {}),
    failed_method,
    ...(charged_method ? { charged_method } : {}),
    ...(new_default ? { new_default } : {}),
    link: filled(link, { customer_id, payment_id }),
    ...(closes_at ? { closes_at } : {}),
  };
  return { ...renderNotice(template as Exclude<NoticeTemplate, CardTemplate>, data, way), data };
}

function filled(
  link: string,
  { customer_id, payment_id = '' }: { customer_id: string; payment_id?: string },
) {
  return link.replaceAll('{customer_id}', customer_id).replaceAll('{payment_id}', payment_id);
}
