/** The results of the services: the shapes of docs/reference/interfaces.md, 'Shapes of responses', the same for REST and gRPC. */

import type { PaymentMethodStatus, PaymentMethodType } from '../domain/payment-method.ts';
import type { RelationshipType } from '../domain/relationships.ts';
import type { AttemptStatus, RecoveryStatus } from '../domain/recovery/status.ts';

export interface Page<T> {
  items: T[];
  /** Absent on the last page. */
  next_cursor?: string;
}

/** Times here are RFC 3339 in UTC. */
export interface CustomerContextView {
  customer_id: string;
  is_vip: boolean;
  /** A decimal in `ltv_currency`. */
  ltv: string;
  ltv_currency: string;
  segment: string;
  status: string;
  trusted_devices: { device_id: string; trust_score: number; last_login: string }[];
  default_payment_method_id?: string;
  payment_method_count: number;
  verified_shipping_address_count: number;
  version: number;
  as_of: string;
}

export interface PaymentMethodView {
  payment_method_id: string;
  type: PaymentMethodType;
  status: PaymentMethodStatus;
  brand?: string;
  network?: string;
  last_four?: string;
  expiry_month?: number;
  expiry_year?: number;
  is_default: boolean;
  off_session_consent: boolean;
  first_used?: string;
  last_used?: string;
  changed_seq: number;
}

export interface DeviceView {
  device_id: string;
  trust_score: number;
  trusted: boolean;
  /** For one customer; absent if the device is read on its own. */
  login_count?: number;
  first_login?: string;
  last_login?: string;
  changed_seq: number;
}

export interface DeviceTrustView {
  device: DeviceView;
  version: number;
  linked_customers: number;
  applied: boolean;
}

export interface ProfileView {
  customer_id: string;
  segment: string;
  status: string;
  locale?: string;
  identifiers: { identifier_id: string; type: string; value: string; is_verified: boolean }[];
  behavioral_profile_ref?: string;
  payment_method_count: number;
  device_count: number;
  version: number;
  changed_seq: number;
}

/** What is shown to services in addition to the profile. */
export interface CustomerView extends ProfileView {
  /** A decimal in `ltv_currency`. */
  ltv: string;
  ltv_currency: string;
  acquisition_date: string;
}

export interface CustomerSummaryView {
  customer_id: string;
  segment: string;
  status: string;
}

export interface AddressView {
  address_id: string;
  type: 'shipping' | 'billing';
  street1: string;
  street2?: string;
  city: string;
  state?: string;
  zip_code: string;
  country: string;
  is_verified: boolean;
  is_default: boolean;
  first_shipped: string;
  last_shipped: string;
  changed_seq: number;
}

export interface ConnectedCustomerView {
  customer_id: string;
  evidence: { kind: 'device' | 'instrument' | 'address'; id: string }[];
}

/** An edge, identified by its ends: edges have no id. */
export interface RelationshipView {
  source_id: string;
  type: RelationshipType;
  target_id: string;
}

/** `changed` false: it already had that value. `version` is the customer's. */
export interface EditView {
  changed: boolean;
  version: number;
}

export interface TimelineView {
  seq: number;
  type: string;
  occurred_at: string;
  text: string;
}

export type AttemptView = AttemptStatus & { reason_text: string };
export type RecoveryView = Omit<RecoveryStatus, 'attempts'> & {
  attempts: AttemptView[];
  reason_text: string;
};
