/**
 * The notices in English: polite, with the amount, its purpose and one next step. They never say why a bank declined: no
 * code, and nothing that tells a thief that a card is known to be stolen.
 */

import type { CardNoticeData, NoticeData, NoticeMethod } from '../ports.ts';
import type { NoticeLanguage } from './content.ts';

const BRANDS: ReadonlyMap<string, string> = new Map([
  ['visa', 'Visa'],
  ['mastercard', 'Mastercard'],
  ['amex', 'American Express'],
  ['discover', 'Discover'],
  ['diners', 'Diners Club'],
  ['jcb', 'JCB'],
  ['unionpay', 'UnionPay'],
]);
const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);
/** Mail clients show about this many characters of a description in the subject line. */
const LONGEST_IN_SUBJECT = 40;

const ALREADY_PAID = 'If you have already paid in another way, you do not need to do anything.';

export const english: NoticeLanguage = {
  tag: 'en',
  linkLabel: (action) => `${action}:`,
  templates: {
    payment_declined_update_card: (data) => ({
      subject: `Please update your payment method: ${shortSummary(data)}`,
      heading: 'Please update your payment method',
      paragraphs: [
        `We could not take ${payment(data)} from your ${method(data.failed_method)}. Nothing has been charged.`,
        `Please add another payment method or update this one.${until(data, 'We can take the payment until')}`,
      ],
      action: 'Update your payment method',
      closing: 'If you think that the payment should have worked, please contact your bank.',
    }),
    payment_stopped: (data) => ({
      subject: `We have stopped your payment of ${shortSummary(data)}`,
      heading: 'We have stopped your payment',
      paragraphs: [
        `Your bank informed us that you no longer want ${payment(data)} to be taken from your ${method(data.failed_method)}. We have stopped it: nothing has been charged, and we will not try any other payment method for it.`,
        'If this is what you wanted, you do not need to do anything.',
      ],
      action: 'View your payment',
      closing: 'If this is not what you wanted, follow the link to see how you can still pay.',
    }),
    authenticate: (data) => ({
      subject: `Please confirm your payment of ${shortSummary(data)}`,
      heading: 'Please confirm your payment',
      paragraphs: [
        `Your bank requires you to confirm ${payment(data)} before we can take it. Nothing has been charged yet.`,
        `This takes about a minute.${until(data, 'Please confirm it by')}`,
      ],
      action: 'Confirm your payment',
      closing: 'Your bank may ask for a code or for a confirmation in its app.',
    }),
    no_alternative: (data) => ({
      subject: `Please add a payment method: ${shortSummary(data)}`,
      heading: 'Please add a payment method',
      paragraphs: [
        `We could not take ${payment(data)} from your ${method(data.failed_method)}, and you have no other payment method that we may use. Nothing has been charged.`,
        `Add one, and we will take the payment right away.${until(data, 'You can do this until')}`,
      ],
      action: 'Add a payment method',
      closing: ALREADY_PAID,
    }),
    all_declined: (data) => ({
      subject: `We could not take your payment of ${shortSummary(data)}`,
      heading: 'We could not take your payment',
      paragraphs: [
        `We could not take ${payment(data)} from your ${method(data.failed_method)}, or from any other payment method that we may use. Nothing has been charged.`,
        `Please add another payment method or update one of yours, and we will take the payment right away.${until(data, 'You can do this until')}`,
      ],
      action: 'Update your payment methods',
      closing: ALREADY_PAID,
    }),
    reminder: (data) => ({
      subject: `Reminder: your payment of ${shortSummary(data)} is still open`,
      heading: 'Your payment is still open',
      paragraphs: [
        `We have not yet been able to take ${payment(data)}. Nothing has been charged.`,
        `Please add another payment method or update one of yours, and we will take the payment right away.${until(data, 'You can do this until')}`,
      ],
      action: 'Update your payment methods',
      closing: ALREADY_PAID,
    }),
    recovered: (data) => ({
      subject: `We have received your payment of ${shortSummary(data)}`,
      heading: 'Your payment went through',
      paragraphs: [
        isSame(data.failed_method, data.charged_method)
          ? `${capitalise(payment(data))} did not go through at first, so we tried again. It has now been taken from your ${method(data.charged_method)}, once.`
          : `${capitalise(payment(data))} did not go through with your ${method(data.failed_method)}, so we took it from your ${method(data.charged_method)} instead. It has been charged once.`,
        data.new_default === undefined
          ? 'Your default payment method is the same as before.'
          : `Your ${method(data.new_default)} is now your default payment method. If you prefer another one, choose it in your wallet; this undoes the change.`,
      ],
      action: data.new_default === undefined ? 'View your wallet' : 'Choose your default',
      closing: 'Thank you. You do not need to do anything.',
    }),
    recovery_ended: (data) => ({
      subject: `We are no longer trying to take your payment of ${shortSummary(data)}`,
      heading: 'We have stopped trying',
      paragraphs: [
        `We could not take ${payment(data)}, and we will not try again. Nothing has been charged.`,
        'If you still want to make this payment, please check your payment methods and contact us.',
      ],
      action: 'Check your payment methods',
      closing: ALREADY_PAID,
    }),
    refund_issued: (data) => ({
      subject: `Your refund of ${shortSummary(data)}`,
      heading: 'Your refund is on its way',
      paragraphs: [
        `${capitalise(payment(data))} was paid twice. We are sorry, and we are refunding ${data.amount_text} to your ${method(data.charged_method)}. In total, you will have paid once.`,
        'It usually takes five to ten days to appear on your statement.',
      ],
      action: 'View your payment',
      closing: 'You do not need to do anything.',
    }),
    account_suspended: () => ({
      subject: 'Your account is on hold',
      heading: 'Your account is on hold',
      paragraphs: [
        'To protect you and your payment methods, we have put your account on hold. Until the hold is lifted, we take no payments from them, and nothing in your account can be changed.',
        'You can still view everything in it.',
      ],
      action: 'View your account',
      closing:
        'If you think that this is a mistake, please contact us, and a member of our team will review it.',
    }),
    card_expiring: (data) => ({
      subject: `Your ${method(data.payment_method)} expires at the end of ${month(data)}`,
      heading: 'Your card expires soon',
      paragraphs: [
        `Your ${method(data.payment_method)} is valid until the end of ${month(data)}. Please make sure that your payments can continue without interruption.`,
        'If your bank has sent you a new card, please update it in your wallet, or choose another payment method.',
      ],
      action: 'Update your card',
      closing: 'Nothing has been charged.',
    }),
    card_expired: (data) => ({
      subject: `Your ${method(data.payment_method)} has expired`,
      heading: 'Your card has expired',
      paragraphs: [
        `Your ${method(data.payment_method)} was valid until the end of ${month(data)} and was your default payment method. We will no longer charge it.`,
        'Please add your new card, or check in your wallet which payment method is your default now.',
      ],
      action: 'Update your wallet',
      closing: 'Nothing has been charged.',
    }),
  },
};

/** `your payment of €12.50 for Gym membership` */
function payment(data: NoticeData): string {
  return `your payment of ${summary(data)}`;
}

function summary({ amount_text, description }: Pick<NoticeData, 'amount_text' | 'description'>): string {
  return description ? `${amount_text} for ${description}` : amount_text;
}

/** The summary for a subject line, with a long description truncated. */
function shortSummary({ amount_text, description = '' }: NoticeData): string {
  const characters = [...description];
  if (characters.length <= LONGEST_IN_SUBJECT) return summary({ amount_text, description });
  const words = characters
    .slice(0, LONGEST_IN_SUBJECT)
    .join('')
    .replace(/\s+\S*$/, '');
  return summary({ amount_text, description: `${words}…` });
}

/** `Visa ending in 4242`; unknown parts are left out. */
function method(known: NoticeMethod | undefined): string {
  const brand = known && (BRANDS.get(known.brand.toLowerCase()) ?? known.brand);
  return `${brand || 'payment method'}${known?.last_four ? ` ending in ${known.last_four}` : ''}`;
}

/** Whether two methods look the same to the reader. */
function isSame(one: NoticeMethod, other: NoticeMethod | undefined): boolean {
  return method(one) === method(other);
}

/** ` You can do this until 4 March 2026.`, in UTC; empty without a date. */
function until({ closes_at }: NoticeData, words: string): string {
  if (closes_at === undefined) return '';
  const date = new Date(closes_at);
  return ` ${words} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}.`;
}

/** `December 2026` */
function month({ expires }: CardNoticeData): string {
  const [year, number] = expires.split('-');
  return `${MONTHS[Number(number) - 1]} ${year}`;
}

function capitalise(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
