/** The simulator's records, in memory. */

import { randomUUID } from 'node:crypto';
import type { StepDeclineCodes, Step } from '../control/steps.ts';
import type { FormObject } from '../protocol/form.ts';
import type { KeyRecord } from '../protocol/idempotency.ts';

export interface MethodDetails {
  brand: string;
  last4: string;
  exp_month: number;
  exp_year: number;
  fingerprint: string;
  country: string;
  funding: string;
  /** `apple_pay`, `google_pay` …, if the card is in a digital wallet. */
  wallet?: string;
}

export interface PaymentMethod {
  id: string;
  /** Stripe's name: `card`, `us_bank_account`, `sepa_debit` … */
  type: string;
  details: MethodDetails;
  customer: string | null;
  /** The customer that it was detached from: it can no longer be charged. */
  detachedFrom: string | null;
  created: number;
  metadata: Record<string, string>;
  /** The holder's details, in Stripe's names. */
  billing_details?: FormObject;
  /** One step per charge request, followed by `defaultStep` (the script's `then`). */
  script: Step[];
  defaultStep: Step;
}

export type IntentStatus =
  | 'requires_payment_method'
  | 'requires_confirmation'
  | 'requires_action'
  | 'processing'
  | 'succeeded'
  | 'canceled';

export interface Decline extends StepDeclineCodes {
  code: string;
  message: string;
}

export interface PaymentIntent {
  id: string;
  amount: number;
  currency: string;
  customer: string | null;
  payment_method: string | null;
  payment_method_types: string[];
  status: IntentStatus;
  metadata: Record<string, string>;
  description: string | null;
  created: number;
  last_payment_error: (Decline & { charge: string; method: PaymentMethod }) | null;
  latest_charge: string | null;
  amount_received: number;
  canceled_at: number | null;
  cancellation_reason: string | null;
  /** Cancellation is refused with this status. */
  refuse_cancel: number | null;
  /** A request is changing it: other changes are refused meanwhile. */
  busy: boolean;
}

/** A page on which a customer pays. */
export interface CheckoutSession {
  id: string;
  intent: PaymentIntent;
  created: number;
  expired: boolean;
}

export interface Charge {
  id: string;
  intent: PaymentIntent;
  method: PaymentMethod;
  /** The method's id as the request named it: a test method keeps its well-known name in the ledger. */
  requestedMethodId: string;
  amount: number;
  currency: string;
  status: 'succeeded' | 'failed' | 'pending' | 'canceled';
  /** Less than the amount if only a part was captured. */
  amount_captured: number;
  amount_refunded: number;
  /** The next refund requests are refused with these codes, one each. */
  refuses_refunds?: string[];
  disputed: boolean;
  created: number;
  key: KeyRecord | undefined;
  decline: Decline | null;
}

export interface Refund {
  id: string;
  charge: Charge;
  amount: number;
  reason: string | null;
  metadata: Record<string, string>;
  created: number;
  /** A failed refund returned no money. */
  status: 'succeeded' | 'failed';
  failure_reason: string | null;
}

/** A cardholder disputes a charge. */
export interface Dispute {
  id: string;
  charge: Charge;
  amount: number;
  reason: string;
  status: DisputeStatus;
  created: number;
}

export const DISPUTE_STATUSES = [
  'warning_needs_response',
  'warning_under_review',
  'warning_closed',
  'needs_response',
  'under_review',
  'won',
  'lost',
  'prevented',
] as const;
export type DisputeStatus = (typeof DISPUTE_STATUSES)[number];

/** The card's issuer reports that a charge may be fraudulent. */
export interface FraudWarning {
  id: string;
  charge: Charge;
  fraud_type: string;
  created: number;
}

/** The permission to debit a method. */
export interface Mandate {
  id: string;
  payment_method: string;
  type: 'multi_use' | 'single_use';
  status: 'active' | 'inactive' | 'pending';
}

/** A scheduled change of a payment. */
export interface Settlement {
  /** Epoch milliseconds, by the simulator's clock. */
  at: number;
  target: { intent: PaymentIntent; method: PaymentMethod; requestedMethodId: string };
  /** The step that scheduled it. */
  step: Step;
  /** The charge to settle; without it an authentication is completed. */
  pending?: Charge;
}

export interface Customer {
  id: string;
  email: string | null;
  name: string | null;
  description: string | null;
  metadata: Record<string, string>;
  created: number;
}

/** An event that its receiver has not accepted yet. */
export interface Delivery {
  readonly body: string;
  /** How often it is delivered. */
  readonly times: number;
}

export class Store {
  readonly customers = new Map<string, Customer>();
  readonly methods = new Map<string, PaymentMethod>();
  readonly intents = new Map<string, PaymentIntent>();
  readonly sessions = new Map<string, CheckoutSession>();
  readonly charges = new Map<string, Charge>();
  readonly refunds = new Map<string, Refund>();
  readonly mandates = new Map<string, Mandate>();
  readonly disputes = new Map<string, Dispute>();
  readonly fraudWarnings = new Map<string, FraudWarning>();
  readonly settlements = new Set<Settlement>();
  readonly deliveries = new Map<string, Delivery>();
}

/** `pi_1b9d6bcdbbfd4b2d9b5dab8d` */
export function newId(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '').slice(0, 24)}`;
}
