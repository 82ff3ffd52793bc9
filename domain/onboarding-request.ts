/** What checkout sends when it meets a person, and what it is told (specification: interfaces, 'OnboardingRequest'). */

import type { PaymentMethodStatus, PaymentMethodType } from './payment-method.ts';

export type IdentifierType = 'email' | 'phone_number';

export interface OnboardingRequest {
  transaction_id: string;
  customer_id?: string;
  gateway_customer_ref?: string;
  customer_metadata?: {
    segment?: string;
    locale?: string;
    /** A decimal in the reporting currency, like `1250.00`. */
    ltv?: string;
  };
  payment_method_details?: {
    type: PaymentMethodType;
    token: string;
    brand?: string;
    network?: string;
    last_four?: string;
    expiry_month?: number;
    expiry_year?: number;
    instrument_fingerprint?: string;
    off_session_consent?: boolean;
    consent_source?: string;
  };
  device_details?: {
    fingerprint: string;
    ip?: string;
    user_agent?: string;
    /** 0 to 1; counts for a new device only. */
    trust_score?: number;
  };
  address_details?: {
    street1: string;
    street2?: string;
    city: string;
    state?: string;
    zip_code: string;
    country: string;
    type: 'shipping' | 'billing';
    is_verified?: boolean;
  };
  digital_identifiers?: { type: IdentifierType; value: string; is_verified?: boolean }[];
  /** Short forms of `digital_identifiers`, unverified. */
  email?: string;
  phone?: string;
  behavioral_data_snapshot?: unknown;
  /** RFC 3339: the time on every edge it touches. */
  occurred_at: string;
}

/** Which rule recognised the customer; `none`: it is a new one. */
export type MatchRule = 'none' | 'customer_id' | 'email' | 'phone_number' | 'device';

export interface OnboardingAnswer {
  customer_id: string;
  created: boolean;
  version: number;
  match: { rule: MatchRule; proven: boolean; suggested_customer_ids: string[] };
  payment_method_id?: string;
  payment_method_status?: PaymentMethodStatus;
  device_id?: string;
  warnings: string[];
}
