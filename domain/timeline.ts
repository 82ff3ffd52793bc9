/**
 * A customer's events described for that customer (docs/reference/graph.md, 'The event log'). Suspicions of a bank or a
 * risk engine, codes, rules and other customers are never named. An event that may not be described keeps its place and
 * its date.
 */

import { EVENT_TYPES, type EventData } from './events.ts';
import { formatMoney } from './money.ts';
import { isReadable, upcast } from './upcast.ts';
import { type PaymentMethodStatus, statusShownToCustomer } from './payment-method.ts';

/** The details that name a payment method. */
export interface MethodName {
  brand?: string | null;
  last_four?: string | null;
}

type Sentence<T extends keyof EventData> = (
  data: EventData[T],
  /** A payment method's name for the start of a sentence. */
  name: (paymentMethodId: string) => string,
) => string;

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

/** `null`: not to be described. */
const SENTENCES: { readonly [T in keyof EventData]: Sentence<T> | null } = {
  CustomerCreated: () => 'Your account was created.',
  CustomerProfileUpdated: ({ segment, locale }) => {
    if (locale === null) return 'Your language is no longer set.';
    if (locale !== undefined) return `Your language was set to ${locale}.`;
    return segment === undefined ? 'Your profile was updated.' : `You were placed in the segment ${segment}.`;
  },
  CustomerStatusChanged: ({ new_status }) =>
    new_status === 'active' ? 'Your account became active again.' : `Your account was ${new_status}.`,
  LtvAdjusted: () => 'The total value of your purchases was updated.',
  DeviceLinked: () => 'A device was used with your account for the first time.',
  LoginRecorded: () => 'A device that you have used before was used again.',
  AddressAdded: ({ type }) => `A ${type} address was added.`,
  AddressUpdated: ({ place }) =>
    place === undefined ? 'An address was used again or confirmed.' : 'An address was changed.',
  AddressRemoved: () => 'An address was removed.',
  DigitalIdentifierAdded: ({ type }) => `${IDENTIFIERS[type]} was added.`,
  DigitalIdentifierVerified: () => 'One of your e-mail addresses or phone numbers was confirmed.',
  DigitalIdentifierRemoved: () => 'An e-mail address or phone number was removed.',
  BehavioralProfileLinked: () => 'A profile of how you usually use our service was linked to your account.',
  // They concern another customer.
  IdentityMatchSuggested: null,
  IdentityMatchResolved: null,
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
  // The reason may be a suspicion; its effects have their own events.
  PaymentMethodDisputed: null,
  ExpiryNoticeDue: ({ payment_method_id, stage }, name) =>
    `${name(payment_method_id)} ${stage === 'card_expired' ? 'has expired' : 'expires soon'}, and we are letting you know.`,
  DeviceRegistered: () => 'A device was registered.',
  DeviceSeen: () => 'A device was seen again.',
  // The score reveals a suspicion or its absence.
  DeviceTrustScoreUpdated: null,
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
  RecoveryOverpaid: (data) =>
    `The payment ${data.payment_id} was charged a second time, with ${money(data)}.`,
  RefundSent: ({ payment_id, by_others }) =>
    by_others === null
      ? `We refunded the second charge for the payment ${payment_id}.`
      : `${money(by_others)} of the payment ${payment_id} was refunded.`,
  RefundFailed: ({ payment_id }) =>
    `A refund for the payment ${payment_id} has not succeeded yet; we are looking into it.`,
  RefundRequested: ({ payment_id }) => `We are refunding the second charge for the payment ${payment_id}.`,
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
  // Suspicions; their effects have their own events.
  FraudOutcomeApplied: null,
  FraudReviewReminded: null,
  NoticeSent: ({ channel, payment_id }) =>
    `We notified you${aboutPayment(payment_id)} by ${channel === 'sms' ? 'text message' : 'e-mail'}.`,
  NoticeFailed: ({ payment_id }) => `We could not reach you${aboutPayment(payment_id)}.`,
};

const MASKED = { type: 'Masked', text: 'There was activity that we cannot show here.' };

/**
 * @param event - if its type or version is unknown to this release, it is masked too
 * @param methods - the customer's payment methods by id
 */
export function describeEvent(
  event: { type: string; schema_version: number; data: Readonly<Record<string, unknown>> },
  methods: ReadonlyMap<string, MethodName>,
): { type: string; text: string } {
  const { schema_version: version } = event;
  const type = EVENT_TYPES.find((one) => one === event.type);
  if (type === undefined || !isReadable(type, version)) return MASKED;
  const sentence = Object.hasOwn(SENTENCES, type)
    ? (SENTENCES[type as keyof EventData] as Sentence<keyof EventData> | null)
    : null;
  if (sentence === null) return MASKED;
  const name = (id: string) => nameOf(methods.get(id));
  const data = upcast(type, version, event.data) as EventData[keyof EventData];
  return { type, text: sentence(data, name) };
}

function nameOf(method: MethodName | undefined): string {
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
