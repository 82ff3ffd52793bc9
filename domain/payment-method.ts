/** Payment methods: statuses and the legal transitions between them (docs/reference/graph.md, 'Payment method status'). */

export const PAYMENT_METHOD_TYPES = ['card', 'digital_wallet', 'bank_account'] as const;
export type PaymentMethodType = (typeof PAYMENT_METHOD_TYPES)[number];

export const PAYMENT_METHOD_STATUSES = [
  'unverified',
  'active',
  'failed',
  'expired',
  'inactive',
  'compromised',
] as const;
export type PaymentMethodStatus = (typeof PAYMENT_METHOD_STATUSES)[number];

/** Why a new method was refused for a customer; error types of the catalogue. */
export type MethodRefusal = 'payment_method_declined' | 'token_belongs_to_other_customer';

/**
 * The legal transitions from each status. `compromised` is left only by a `cleared` outcome of the same fraud case,
 * which restores the previous status and bypasses this table.
 */
const TRANSITIONS: Readonly<Record<PaymentMethodStatus, readonly PaymentMethodStatus[]>> = {
  unverified: ['active', 'failed', 'inactive', 'expired', 'compromised'],
  active: ['failed', 'expired', 'inactive', 'compromised'],
  failed: ['active', 'inactive', 'compromised', 'expired'],
  expired: ['active', 'inactive', 'compromised'],
  inactive: ['active', 'compromised'],
  compromised: [],
};

/** `same`: a no-op without an event. */
export function transition(from: PaymentMethodStatus, to: PaymentMethodStatus): 'legal' | 'same' | 'illegal' {
  if (from === to) return 'same';
  return TRANSITIONS[from].includes(to) ? 'legal' : 'illegal';
}

/** Customers never see `compromised`: they see `inactive`. */
export function statusShownToCustomer(status: PaymentMethodStatus): PaymentMethodStatus {
  return status === 'compromised' ? 'inactive' : status;
}

/** The last day on which a card is valid, as `YYYY-MM-DD`: the last day of its expiry month. */
export function expiresOn(month: number, year: number): string {
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return `${year}-${String(month).padStart(2, '0')}-${String(lastDay).padStart(2, '0')}`;
}

/** Whether the card's last day is over everywhere on earth (UTC−12). `expiresOn` as `YYYY-MM-DD`, `now` in epoch milliseconds. */
export function isExpired(expiresOnDate: string, now: number): boolean {
  const endOfDayUtc = Date.parse(`${expiresOnDate}T00:00:00Z`) + 24 * 3_600_000;
  return now >= endOfDayUtc + 12 * 3_600_000;
}

const BRANDS = 'visa|mastercard|amex|discover|diners|jcb|unionpay|[a-z]{2}';
const FAILURE_MODES = '(?:charge|authentication|threeDSecure|riskLevel|radar|cvc|avs)[A-Za-z0-9]*';
const TEST_METHOD = new RegExp(
  `^pm_(?:card_(?:(?:${BRANDS})(?:_(?:debit|prepaid|${FAILURE_MODES}))?|${FAILURE_MODES})|usBankAccount_[A-Za-z]+)$`,
);

/**
 * Whether the token is one of Stripe's documented test methods (`pm_card_visa`). It names a kind of method and belongs to
 * no customer: attaching it to a customer creates a new method. Live mode has none.
 */
export function isTestMethod(token: string): boolean {
  return TEST_METHOD.test(token);
}

/** The network whose rules apply to a method. */
export const NETWORKS = [
  'visa',
  'mastercard',
  'amex',
  'discover',
  'diners',
  'jcb',
  'unionpay',
  'ach',
  'sepa',
] as const;
export type Network = (typeof NETWORKS)[number];
