/** Composes notices and chooses their recipient, independent of the channel's adapter. */

import { amountText, renderNotice } from '../domain/notices/index.ts';
import type { Policy } from '../domain/policy.ts';
import type {
  AccountNoticeData,
  CardNoticeData,
  ContestNoticeData,
  Notice,
  NoticeData,
  NoticeDataOf,
  NoticeTemplate,
} from '../domain/ports.ts';
import type { NoticeInput } from '../domain/workflow-contracts.ts';
import type { NoticeRecipient, NoticeRecipients } from '../graph/index.ts';
import type { CardNoticeContext } from '../graph/expiry/index.ts';
import type { NoticeContext } from '../graph/recovery/index.ts';

/** Their link leads to the payment, that of other notices to the wallet. */
const PAYMENT_LINK_TEMPLATES: readonly NoticeTemplate[] = [
  'authenticate',
  'payment_stopped',
  'refund_issued',
];

/**
 * Notices that hint at fraud, withdrawn consent or a suspension go only to a verified address: an unverified one may
 * belong to a third party.
 */
export function chooseRecipient(
  template: NoticeTemplate,
  { suspicious }: { suspicious: boolean },
  { status, usual, verified }: NoticeRecipients,
): NoticeRecipient | undefined {
  const isSensitive = suspicious || template === 'payment_stopped' || status === 'suspended';
  return isSensitive ? verified : usual;
}

type PaymentNotice = Extract<NoticeInput, { payment_id: string }>;
type AccountNotice = Extract<NoticeInput, { case_id: string }>;
type ContestNotice = Extract<NoticeInput, { contest_id: string }>;
type CardNotice = Extract<NoticeInput, { payment_method_id: string }>;
type ErasureNotice = Extract<NoticeInput, { erasure_id: string }>;

/** The recipient, with locale and links. */
export interface Addressee extends NoticeRecipient {
  locale: string;
  links: Policy['links'];
  /** Epoch milliseconds. */
  now: number;
}

export function composeNotice(input: PaymentNotice, context: NoticeContext, addressee: Addressee): Notice {
  const { amount, currency, description, failed_method, charged_method, new_default, closes_at } = context;
  const { customer_id, payment_id, template } = input;
  const { links, locale } = addressee;
  const link = PAYMENT_LINK_TEMPLATES.includes(template) ? links.recovery : links.wallet;
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
  return buildNotice(input, data, addressee);
}

export function composeAccountNotice(input: AccountNotice, addressee: Addressee): Notice {
  const data: AccountNoticeData = { link: walletLink(input, addressee) };
  return buildNotice(input, data, addressee);
}

export function composeContestNotice(
  input: ContestNotice,
  decision: ContestNoticeData['decision'],
  addressee: Addressee,
): Notice {
  const data: ContestNoticeData = { link: walletLink(input, addressee), decision };
  return buildNotice(input, data, addressee);
}

export function composeCardNotice(
  input: CardNotice,
  context: CardNoticeContext,
  addressee: Addressee,
): Notice {
  const data: CardNoticeData = { ...context, link: walletLink(input, addressee) };
  return buildNotice(input, data, addressee);
}

export function composeErasureNotice(input: ErasureNotice, addressee: Addressee): Notice {
  const link = addressee.links.erasure.replaceAll('{erasure_id}', input.erasure_id);
  return buildNotice(input, { link }, addressee);
}

function walletLink({ customer_id }: { customer_id: string }, { links }: Addressee): string {
  return links.wallet.replaceAll('{customer_id}', customer_id);
}

function buildNotice<T extends NoticeTemplate>(
  { notification_id, customer_id, template }: { notification_id: string; customer_id: string; template: T },
  data: NoticeDataOf[T],
  { to, channel, locale, now }: Addressee,
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
