/** Who is told what: the message of a notice, before it is clear how it travels. */

import { amountText, renderNotice } from '../domain/notices/index.ts';
import type { Policy } from '../domain/policy.ts';
import type {
  AccountNoticeData,
  CardNoticeData,
  Notice,
  NoticeData,
  NoticeDataOf,
  NoticeTemplate,
} from '../domain/ports.ts';
import type { NoticeInput } from '../domain/processes.ts';
import type { NoticeRecipient, NoticeRecipients } from '../graph/index.ts';
import type { CardMatter } from '../graph/expiry/index.ts';
import type { NoticeMatter } from '../graph/recovery/index.ts';

/** These lead to the payment itself, the others to the wallet. */
const ABOUT_THE_PAYMENT: readonly NoticeTemplate[] = ['authenticate', 'payment_stopped', 'refund_issued'];

/** What hints at fraud, a withdrawn consent or a suspension goes to a verified address only: a stranger may hold the other one. */
export function chooseRecipient(
  template: NoticeTemplate,
  { suspicious }: { suspicious: boolean },
  { status, usual, verified }: NoticeRecipients,
): NoticeRecipient | undefined {
  const delicate = suspicious || template === 'payment_stopped' || status === 'suspended';
  return delicate ? verified : usual;
}

type PaymentNotice = Extract<NoticeInput, { payment_id: string }>;
type AccountNotice = Extract<NoticeInput, { case_id: string }>;
type CardNotice = Extract<NoticeInput, { payment_method_id: string }>;

/** Whom to write to, in which language, and where the notice points. */
export interface Addressed extends NoticeRecipient {
  locale: string;
  links: Policy['links'];
  /** Epoch milliseconds. */
  now: number;
}

export function composeNotice(input: PaymentNotice, matter: NoticeMatter, addressed: Addressed): Notice {
  const { amount, currency, description, failed_method, charged_method, new_default, closes_at } = matter;
  const { customer_id, payment_id, template } = input;
  const { links, locale } = addressed;
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
  return message(input, data, addressed);
}

export function composeAccountNotice(input: AccountNotice, addressed: Addressed): Notice {
  const data: AccountNoticeData = { link: walletLink(input, addressed) };
  return message(input, data, addressed);
}

export function composeCardNotice(input: CardNotice, matter: CardMatter, addressed: Addressed): Notice {
  const data: CardNoticeData = { ...matter, link: walletLink(input, addressed) };
  return message(input, data, addressed);
}

function walletLink({ customer_id }: { customer_id: string }, { links }: Addressed): string {
  return links.wallet.replaceAll('{customer_id}', customer_id);
}

function message<T extends NoticeTemplate>(
  { notification_id, customer_id, template }: { notification_id: string; customer_id: string; template: T },
  data: NoticeDataOf[T],
  { to, channel, locale, now }: Addressed,
): Notice {
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
