/** What a checkout sends about a customer, and what it is told (specification: interfaces, 'The two objects'). */

import type { PaymentMethodStatus, PaymentMethodType } from './payment-method.ts';

export interface OnboardingRequest {
  transaction_id: string;
  customer_id?: string;
  gateway_customer_ref?: string;
  customer_metadata?: CustomerMetadata;
  payment_method_details?: PaymentMethodDetails;
  device_details?: DeviceDetails;
  address_details?: AddressDetails;
  digital_identifiers?: IdentifierDetails[];
  /** Handed to Chimera as it is; an object as JSON. */
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
  /** Empty where the sender had none. */
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
  /** Absent: changes nothing on a known method, and is no consent on a new one. */
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
  /** As it came; empty where the sender had none. */
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

/** What an entrance also asks of the forms (`domain/onboarding-formats.ts`): each gives a problem, `undefined` is none. */
export interface FormatRules {
  /** @param country - of the request's address, if it is one */
  identifier?(
    type: IdentifierDetails['type'],
    value: string,
    country: string | undefined,
  ): string | undefined;
  ltv?(amount: string): string | undefined;
}
