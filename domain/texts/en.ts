/**
 * All that customers read, in English: notices, the timeline and the state of a recovery. Polite, with the amount, its
 * purpose and one next step. Never why a bank declined: no code, and nothing from which a thief learns that a card is
 * known to be stolen.
 */

import type { EventData } from '../events/event.ts';
import { formatMoney } from '../money.ts';
import { type PaymentMethodStatus, statusShownToCustomer } from '../payment-method.ts';
import type { CardNoticeData, NoticeData, NoticeMethod } from '../ports.ts';
import { whyInEnglish } from './en-why.ts';
import type { Language, MethodName } from './language.ts';

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

const money = ({ amount, currency }: { amount: number; currency: string }) =>
  formatMoney(amount, currency, 'en');

const IDENTIFIERS = { email: 'An e-mail address', phone_number: 'A phone number' } as const;

const STATUSES: Readonly<Record<PaymentMethodStatus, string>> = {
  unverified: 'is being verified',
  active: 'is ready to be used',
  failed: 'could not be charged and needs your attention',
  expired: 'has expired',
  inactive: 'is no longer used',
  compromised: 'is no longer used',
};

const CLOSED: Readonly<Record<EventData['RecoveryClosed']['state'], string>> = {
  recovered: 'was collected',
  stopped: 'is no longer being collected',
  paid_elsewhere: 'was settled another way',
  exhausted: 'could not be collected, and we stopped trying',
  cancelled: 'is no longer being collected',
};

const ATTEMPTS: Readonly<Record<EventData['RecoveryAttempted']['state'], string>> = {
  in_flight: 'is being made',
  approved: 'went through',
  declined: 'was declined',
  pending: 'is being processed by the bank',
  unknown: 'has no confirmed result yet; we are checking',
  void: 'was not sent',
};

const PROPERTY_CHANGES: Readonly<
  Record<EventData['NodePropertyChanged']['label'], (id: string, name: (id: string) => string) => string>
> = {
  Obligation: (id) => `A detail of the payment ${id} was updated.`,
  PaymentMethod: (id, name) => `${name(id)} was to get a new expiry date.`,
  DigitalIdentifier: () => 'One of your e-mail addresses or phone numbers has to be confirmed again.',
  Customer: () => 'We checked your payment methods against our payment gateway.',
};

const RECOVERY: Language['recovery'] = {
  failure: {
    FRAUD: 'The bank did not accept this payment method.',
    STOP: 'You asked your bank to stop this payment, so it is not charged.',
    HARD: 'The bank did not accept this payment method.',
    FIX: 'The details of this payment method are outdated or incomplete.',
    AUTH: 'The bank asks you to confirm this payment.',
    LATER: 'The bank did not approve the payment this time.',
    TECH: 'The bank could not be reached.',
    CONFIG: 'The payment could not be processed; we are looking into it.',
    UNKNOWN: 'We are checking whether the payment went through.',
  },
  waiting: {
    claim: 'Another payment of yours is being processed first.',
    method: 'Add or update a payment method to complete the payment.',
    authentication: 'Confirm the payment with your bank to complete it.',
    review: 'We are looking into it.',
    customer_status: 'It will continue once your account is active again.',
    gateway: 'Payments cannot be processed at the moment; this one will continue as soon as possible.',
  },
  outcome: {
    recovered: 'The payment went through with another attempt.',
    stopped: 'No further attempt will be made.',
    exhausted: 'The payment could not be collected, and no further attempt will be made.',
    paid_elsewhere: 'The payment was settled another way.',
    cancelled: 'The collection of this payment was cancelled.',
    ignored: 'The failure is too old to act on.',
  },
  attempt: {
    in_flight: 'The payment is being processed.',
    approved: 'The payment went through.',
    pending: 'The bank is still processing the payment.',
    unknown: 'We are checking whether the payment went through.',
    void: 'The payment was not sent.',
  },
};

export const english: Language = {
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
    data_erased: () => ({
      subject: 'Your data is being deleted',
      heading: 'Your data is being deleted',
      paragraphs: [
        'As you asked, we are deleting your account and everything that we store about you. We keep only what the law requires about your payments, without your name.',
        'This is our last message to you.',
      ],
      action: 'See what was deleted',
      closing: 'If you did not ask for this, please contact us right away.',
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
    contest_decided: ({ decision }) => ({
      subject: 'We have decided on what you contested',
      heading: 'We have decided on what you contested',
      paragraphs: [
        decision === 'upheld'
          ? 'You told us that something in your account is wrong. A member of our team has looked at it and agrees with you.'
          : 'You told us that something in your account is wrong. A member of our team has looked at it, and it stands.',
        'Our explanation is in your account, beside what you contested.',
      ],
      action: 'View your account',
      closing: 'If you have further reasons, you can contest it again there.',
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
  recovery: RECOVERY,
  timeline: {
    masked: 'There was activity that we cannot show here.',
    methodName,
    why: whyInEnglish(RECOVERY),
    events: {
      CustomerCreated: () => 'Your account was created.',
      CustomerProfileUpdated: ({ segment, locale }) => {
        if (locale === null) return 'Your language is no longer set.';
        if (locale !== undefined) return `Your language was set to ${locale}.`;
        return segment === undefined
          ? 'Your profile was updated.'
          : `You were placed in the segment ${segment}.`;
      },
      CustomerStatusChanged: ({ new_status }) =>
        new_status === 'erasing'
          ? 'You asked for your data to be deleted.'
          : new_status === 'active'
            ? 'Your account became active again.'
            : `Your account was ${new_status}.`,
      LtvAdjusted: () => 'The total value of your purchases was updated.',
      DeviceLinked: () => 'A device was used with your account for the first time.',
      LoginRecorded: () => 'A device that you have used before was used again.',
      DeviceUnlinked: () => 'A device is no longer linked to your account.',
      AddressAdded: ({ type }) => `A ${type} address was added.`,
      AddressUpdated: ({ place }) =>
        place === undefined ? 'An address was used again or confirmed.' : 'An address was changed.',
      AddressRemoved: () => 'An address was removed.',
      DigitalIdentifierAdded: ({ type }) => `${IDENTIFIERS[type]} was added.`,
      DigitalIdentifierVerified: () => 'One of your e-mail addresses or phone numbers was confirmed.',
      DigitalIdentifierRemoved: () => 'An e-mail address or phone number was removed.',
      BehavioralProfileLinked: () =>
        'A profile of how you usually use our service was linked to your account.',
      PaymentMethodAdded: ({ payment_method_id }, name) => `${name(payment_method_id)} was added.`,
      PaymentMethodUpdated: ({ payment_method_id }, name) =>
        `${name(payment_method_id)} was updated with newer details.`,
      PaymentMethodStatusChanged: ({ payment_method_id, new_status }, name) =>
        `${name(payment_method_id)} ${STATUSES[statusShownToCustomer(new_status)]}.`,
      PaymentMethodRemoved: ({ payment_method_id }, name) =>
        `${name(payment_method_id)} was removed from your wallet.`,
      PaymentMethodUsed: ({ payment_method_id }, name) => `${name(payment_method_id)} was used.`,
      DefaultPaymentMethodChanged: ({ payment_method_id }, name) =>
        payment_method_id === null
          ? 'You no longer have a default payment method.'
          : `${name(payment_method_id)} became your default payment method.`,
      ConsentChanged: ({ payment_method_id, off_session_consent }, name) =>
        `${name(payment_method_id)} ${off_session_consent ? 'may now' : 'may no longer'} be charged without you being present.`,
      ExpiryNoticeDue: ({ payment_method_id, stage }, name) =>
        `${name(payment_method_id)} ${stage === 'card_expired' ? 'has expired' : 'expires soon'}, and we are letting you know.`,
      DeviceRegistered: () => 'A device was registered.',
      DeviceSeen: () => 'A device was seen again.',
      DeviceSightingForgotten: () => 'Where a device was last seen was deleted.',
      RecoveryOpened: (data) =>
        `The payment ${paymentTitle(data)} of ${money(data)} failed, and we started to collect it.`,
      RecoveryReopened: ({ payment_id }) =>
        `The payment ${payment_id} failed again, and we started to collect it.`,
      ChargeClaimed: (data, name) =>
        `${name(data.payment_method_id)} is being charged with ${money(data)} for the payment ${data.payment_id}.`,
      RecoveryAttempted: (data, name) =>
        `${name(data.payment_method_id)}: the charge of ${money(data)} for the payment ${data.payment_id} ${ATTEMPTS[data.state]}.`,
      RecoveryNeedsReview: ({ payment_id }) => `We are looking into the payment ${payment_id}.`,
      RecoveryClosed: ({ payment_id, state }) => `The payment ${payment_id} ${CLOSED[state]}.`,
      RecoveryForgotten: ({ payment_id }) =>
        `The description of the payment ${payment_id} and our messages about it were deleted.`,
      RecoveryOverpaid: (data) =>
        `The payment ${data.payment_id} was charged a second time, with ${money(data)}.`,
      RefundSent: ({ payment_id, by_others }) =>
        by_others === null
          ? `We refunded the second charge for the payment ${payment_id}.`
          : `${money(by_others)} of the payment ${payment_id} was refunded.`,
      RefundFailed: ({ payment_id }) =>
        `A refund for the payment ${payment_id} has not succeeded yet; we are looking into it.`,
      RefundRequested: ({ payment_id }) =>
        `We are refunding the second charge for the payment ${payment_id}.`,
      RelationshipAdded: ({ source_id }, name) => `${name(source_id)} was used on a device.`,
      RelationshipAttributeChanged: () => 'We updated when something in your account was last used.',
      NodePropertyChanged: ({ label, id, property, value }, name) => {
        if (property === 'gateway_mismatch' && label === 'PaymentMethod')
          return `We checked ${name(id)} against our payment gateway.`;
        if (property === 'expiry_wanted_at' && value === null)
          return `The change of the expiry date of ${name(id)} has ended.`;
        if (property === 'consent_wanted')
          return `The consent requested for ${name(id)} with its new expiry date was noted or no longer applies.`;
        return PROPERTY_CHANGES[label](id, name);
      },
      NoticeSent: ({ channel, payment_id }) =>
        `We notified you${aboutPayment(payment_id)} by ${channel === 'sms' ? 'text message' : 'e-mail'}.`,
      EventContested: ({ seq }) => `You contested event ${seq}.`,
      ContestDecided: ({ seq, decision }) =>
        decision === 'upheld'
          ? `We agreed with you about event ${seq}.`
          : `We looked at event ${seq}, which you contested, and it stands.`,
      EventAnnotated: ({ seq }) => `You added a note to event ${seq}.`,
      NoticeFailed: ({ payment_id }) => `We could not reach you${aboutPayment(payment_id)}.`,
    },
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

/** A payment method's name for the start of a sentence. */
function methodName(method: MethodName | undefined): string {
  if (!method?.last_four) return 'A payment method';
  const { brand, last_four } = method;
  return brand
    ? `${brand.charAt(0).toUpperCase()}${brand.slice(1)} ending in ${last_four}`
    : `The payment method ending in ${last_four}`;
}

const paymentTitle = ({ payment_id, description }: { payment_id: string; description: string | null }) =>
  description === null ? payment_id : `${payment_id} (${description})`;
const aboutPayment = (paymentId: string | null) =>
  paymentId === null ? '' : ` about the payment ${paymentId}`;
