/** The use cases behind both interfaces, REST and gRPC. */

import type { MethodChange } from '../domain/method-change.ts';
import type { OnboardingResult } from '../domain/onboarding-types.ts';
import type { AddableRelationship } from '../domain/relationships.ts';
import type { AttributeChange, PropertyChange } from '../graph/index.ts';
import type { MethodEdit } from './change-payment-method.ts';
import type { Caller } from './caller.ts';
import type { WebhookResult } from './stripe-webhook.ts';
import type {
  AddressView,
  ConnectedCustomerView,
  CustomerContextView,
  CustomerSummaryView,
  CustomerView,
  DeviceTrustView,
  DeviceView,
  EditView,
  Page,
  PaymentMethodView,
  ProfileView,
  RecoveryView,
  RelationshipView,
  TimelineView,
} from './views.ts';

export interface PageRequest {
  customer_id: string;
  /** 1 to 100. */
  limit: number;
  /** The `next_cursor` of the previous page. */
  cursor?: string;
}

export interface ContextRequest {
  customer_id: string;
  consistency: 'eventual' | 'strong';
  /** The minimum version of the returned context. */
  min_version: number;
}

export interface DeviceTrustRequest {
  device_id: string;
  trust_score: number;
  /** RFC 3339; absent: now. */
  observed_at?: string;
  /** The device's `changed_seq` that the caller expects; absent: any. */
  expected_version?: number;
}

export interface NewPaymentMethod {
  customer_id: string;
  type: PaymentMethodView['type'];
  token: string;
  device_id?: string;
  off_session_consent?: boolean;
}

export interface UsageRequest {
  brand?: string;
  trusted_device?: boolean;
  user_agent?: string;
  state?: string;
  country?: string;
  /** RFC 3339. */
  since?: string;
  /** 1 to 100. */
  limit: number;
  /** The `next_cursor` of the previous page. */
  cursor?: string;
}

export interface Services {
  onboard(caller: Caller, request: unknown): Promise<OnboardingResult>;
  getContext(caller: Caller, request: ContextRequest): Promise<CustomerContextView>;
  updateDeviceTrust(caller: Caller, request: DeviceTrustRequest): Promise<DeviceTrustView>;
  reportPaymentFailure(caller: Caller, message: unknown): Promise<{ workflow_id: string }>;
  reportPaymentSettled(caller: Caller, message: unknown): Promise<{ workflow_id: string }>;
  reportFraudOutcome(caller: Caller, message: unknown): Promise<{ workflow_id: string }>;
  addPaymentMethod(caller: Caller, method: NewPaymentMethod): Promise<PaymentMethodView>;
  updatePaymentMethod(
    caller: Caller,
    edit: MethodEdit & { change: MethodChange },
  ): Promise<{ method: PaymentMethodView; pending: boolean }>;
  removePaymentMethod(caller: Caller, edit: MethodEdit): Promise<void>;
  getPaymentMethods(caller: Caller, request: PageRequest): Promise<Page<PaymentMethodView>>;
  getPaymentMethod(
    caller: Caller,
    ids: { customer_id: string; payment_method_id: string },
  ): Promise<PaymentMethodView>;
  getProfile(caller: Caller, ids: { customer_id: string }): Promise<ProfileView>;
  getRecovery(caller: Caller, ids: { payment_id: string; customer_id?: string }): Promise<RecoveryView>;
  getRecoveries(caller: Caller, request: PageRequest): Promise<Page<RecoveryView>>;
  handleStripeWebhook(
    caller: Caller,
    webhook: { body: Uint8Array; signature?: string },
  ): Promise<WebhookResult>;
  getTimeline(caller: Caller, request: PageRequest): Promise<Page<TimelineView>>;
  getCustomer(caller: Caller, ids: { customer_id: string }): Promise<CustomerView>;
  findCustomerByDigitalId(
    caller: Caller,
    identifier: { type: 'email' | 'phone_number'; value: string },
  ): Promise<{ customer: CustomerView; is_verified: boolean }>;
  getDevices(caller: Caller, request: PageRequest): Promise<Page<DeviceView>>;
  getAddresses(caller: Caller, request: PageRequest): Promise<Page<AddressView>>;
  getRelationshipAttributes(
    caller: Caller,
    relationship: RelationshipView,
  ): Promise<{ attributes: Record<string, string>; changed_seq?: number }>;
  addRelationship(
    caller: Caller,
    relationship: RelationshipView & { type: AddableRelationship },
  ): Promise<{ added: boolean; version: number }>;
  updateRelationshipAttribute(caller: Caller, change: AttributeChange): Promise<EditView>;
  updateNodeProperty(caller: Caller, change: PropertyChange): Promise<EditView>;
  findCustomersByUsage(caller: Caller, request: UsageRequest): Promise<Page<CustomerSummaryView>>;
  findConnectedCustomers(
    caller: Caller,
    request: { customer_id: string; limit: number },
  ): Promise<ConnectedCustomerView[]>;
  /** Which of the servers behind the services respond. */
  dependencyStates(): Promise<Record<string, 'up' | 'down'>>;
}
