/** The onboarding request that a checkout sends, and its result (docs/reference/interfaces.md, 'OnboardingRequest'). */

import type { PaymentMethodStatus, PaymentMethodType } from '../payment-method.ts';

export interface OnboardingRequest {
  transaction_id: string;
  customer_id?: string;
  gateway_customer_ref?: string;
  customer_metadata?: CustomerMetadata;
  payment_method_details?: PaymentMethodDetails;
  device_details?: DeviceDetails;
  address_details?: AddressDetails;
  digital_identifiers?: IdentifierDetails[];
  /** Passed to Chimera unchanged; an object as JSON. */
  behavioral_data_snapshot?: string;
  /** RFC 3339, in UTC. */
  occurred_at: string;
}

export interface CustomerMetadata {
  /** In capitals. */
  segment?: string;
  locale?: string;
  /** A decimal, in the reporting currency. */
  ltv?: string;
}

export interface DeviceDetails {
  /** Empty if the sender had none. */
  fingerprint: string;
  ip?: string;
  user_agent?: string;
  /** 0–1; counts for a new device only. */
  trust_score?: number;
}

export interface PaymentMethodDetails {
  type: PaymentMethodType;
  token: string;
  brand?: string;
  network?: string;
  last_four?: string;
  expiry_month?: number;
  expiry_year?: number;
  instrument_fingerprint?: string;
  /** Absent: unchanged for a known method, no consent for a new one. */
  off_session_consent?: boolean;
  consent_source?: string;
}

export interface AddressDetails {
  street1: string;
  street2?: string;
  city: string;
  state?: string;
  zip_code: string;
  /** ISO 3166-1 alpha-2, in capitals. */
  country: string;
  type: 'shipping' | 'billing';
  is_verified?: boolean;
}

export interface IdentifierDetails {
  type: 'email' | 'phone_number';
  /** As received; empty if the sender had none. */
  value: string;
  is_verified?: boolean;
}

export interface OnboardingResult {
  customer_id: string;
  created: boolean;
  version: number;
  match: {
    rule: 'none' | 'customer_id' | 'email' | 'phone_number' | 'device';
    proven: boolean;
    suggested_customer_ids: string[];
  };
  payment_method_id?: string;
  payment_method_status?: PaymentMethodStatus;
  device_id?: string;
  warnings: string[];
}

/** Further format checks of an entry point (`domain/onboarding/formats.ts`): each returns a problem, or `undefined`. */
export interface FormatRules {
  /** @param country - the country of the request's address, if valid */
  identifier?(
    type: IdentifierDetails['type'],
    value: string,
    country: string | undefined,
  ): string | undefined;
  ltv?(amount: string): string | undefined;
}
