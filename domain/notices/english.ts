/**
 * The notices in English. Kind words, the amount and what it was for, one next step. They never say why a bank declined:
 * no code, and nothing that could tell a thief that a card is known to be one.
 */

import type { NoticeData, NoticeMethod } from '../ports.ts';
import type { NoticeLanguage } from './content.ts';

const BRANDS: Readonly<Record<string, string>> = {
  visa: 'Visa',
  mastercard: 'Mastercard',
  amex: 'American Express',
  discover: 'Discover',
  diners: 'Diners Club',
  jcb: 'JCB',
  unionpay: 'UnionPay',
};
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

export const english: NoticeLanguage = {
  tag: 'en',
  linkLabel: (action) => `${action}:`,
  templates: {
    payment_declined_update_card: (data) => ({
      subject: `Please update your card for ${payment(data)}`,
      heading: 'Please update your card',
      paragraphs: [
        `We could not take ${payment(data)} from your ${method(data.failed_method)}. Nothing has been charged.`,
        `Please add another card or update this one.${until(data, 'We will then take the payment at once; you can do this until')}`,
      ],
      action: 'Update your card',
      closing: 'If you think that your card should work, your bank can tell you more.',
    }),
    payment_stopped: (data) => ({
      subject: `We have stopped ${payment(data)}`,
      heading: 'We have stopped your payment',
      paragraphs: [
        `Your bank told us that you no longer want ${payment(data)} to be taken from your ${method(data.failed_method)}. We have stopped it: nothing has been charged, and we will not try any other card for it.`,
        'If this is what you wanted, there is nothing left to do.',
      ],
      action: 'See your payment',
      closing: 'If it is not what you wanted, the link shows you how to pay after all.',
    }),
    authenticate: (data) => ({
      subject: `Please confirm ${payment(data)}`,
      heading: 'Please confirm your payment',
      paragraphs: [
        `Your bank asks you to confirm ${payment(data)} before it lets us take it from your ${method(data.failed_method)}. Nothing has been charged yet.`,
        `It takes a minute.${until(data, 'Please do it by')}`,
      ],
      action: 'Confirm your payment',
      closing: 'Your bank may ask for a code or for a tap in its app.',
    }),
    no_alternative: (data) => ({
      subject: `Please add a payment method for ${payment(data)}`,
      heading: 'Please add a payment method',
      paragraphs: [
        `We could not take ${payment(data)} from your ${method(data.failed_method)}, and there is no other payment method that we may use for you. Nothing has been charged.`,
        `Add one, and we will take the payment at once.${until(data, 'You can do this until')}`,
      ],
      action: 'Add a payment method',
      closing: 'If you have already paid in another way, you need not do anything.',
    }),
    all_declined: (data) => ({
      subject: `We could not take ${payment(data)}`,
      heading: 'We could not take your payment',
      paragraphs: [
        `We tried to take ${payment(data)} from your ${method(data.failed_method)} and then from your other payment methods, but none of them went through. Nothing has been charged.`,
        `Please add another payment method or update one of yours, and we will take the payment at once.${until(data, 'You can do this until')}`,
      ],
      action: 'Update your payment methods',
      closing: 'If you have already paid in another way, you need not do anything.',
    }),
    recovered: (data) => ({
      subject: `We have received ${payment(data)}`,
      heading: 'Your payment went through',
      paragraphs: [
        `${capital(payment(data))} did not go through with your ${method(data.failed_method)}, so we took it from your ${method(data.charged_method)} instead. It has been charged once.`,
        data.new_default === undefined
          ? 'Your default payment method is the same as before.'
          : `Your ${method(data.new_default)} is now your default payment method. If you would rather keep another one, choose it in your wallet: that undoes the change.`,
      ],
      action: data.new_default === undefined ? 'See your wallet' : 'Choose your default payment method',
      closing: 'Thank you. There is nothing that you have to do.',
    }),
    recovery_ended: (data) => ({
      subject: `We are no longer trying to take ${payment(data)}`,
      heading: 'We have stopped trying',
      paragraphs: [
        `We could not take ${payment(data)}, and we will not try any more. Nothing has been charged.`,
        'If you still want what it was for, please check your payment methods and get in touch with us.',
      ],
      action: 'Check your payment methods',
      closing: 'If you have already paid in another way, you need not do anything.',
    }),
    refund_issued: (data) => ({
      subject: `We are giving back ${payment(data)}`,
      heading: 'You get money back',
      paragraphs: [
        `${capital(payment(data))} was paid twice. We are giving ${data.amount_text} back to your ${method(data.charged_method)}.`,
        'It can take your bank a few days to show it.',
      ],
      action: 'See your payment',
      closing: 'There is nothing that you have to do.',
    }),
  },
};

/** `your payment of €12.50 for Gym membership` */
function payment({ amount_text, description }: NoticeData): string {
  return `your payment of ${amount_text}${description === undefined ? '' : ` for ${description}`}`;
}

/** `Visa ending in 4242`; what is unknown is left out. */
function method(known: NoticeMethod | undefined): string {
  if (known === undefined || known.last_four === '') return 'payment method';
  const brand = BRANDS[known.brand.toLowerCase()] ?? known.brand;
  return `${brand === '' ? 'payment method' : brand} ending in ${known.last_four}`;
}

/** ` You can do this until 4 March 2026.`, by UTC; nothing without a date. */
function until({ closes_at }: NoticeData, words: string): string {
  if (closes_at === undefined) return '';
  const date = new Date(closes_at);
  return ` ${words} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}.`;
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
