/** The use cases behind both faces, REST and gRPC. */

import type { OnboardingAnswer } from '../domain/onboarding-types.ts';
import type { Caller } from './request.ts';
import type { WebhookAnswer } from './stripe-webhook.ts';
import type {
  CustomerContextView,
  DeviceTrustView,
  Page,
  PaymentMethodView,
  ProfileView,
  RecoveryView,
  TimelineView,
} from './views.ts';

export interface PageRequest {
  customer_id: string;
  /** 1 to 100. */
  limit: number;
  /** The `next_cursor` of the page before. */
  cursor?: string;
}

export interface ContextRequest {
  customer_id: string;
  consistency: 'eventual' | 'strong';
  /** The answer is at least this version. */
  min_version: number;
}

export interface DeviceTrustRequest {
  device_id: string;
  trust_score: number;
  /** RFC 3339; absent: now. */
  observed_at?: string;
  /** The device's `changed_seq`, if it must not have changed. */
  expected_version?: number;
}

export interface NewPaymentMethod {
  customer_id: string;
  type: PaymentMethodView['type'];
  token: string;
  device_id?: string;
  off_session_consent?: boolean;
}

export interface Services {
  onboard(caller: Caller, request: unknown): Promise<OnboardingAnswer>;
  getContext(caller: Caller, request: ContextRequest): Promise<CustomerContextView>;
  updateDeviceTrust(caller: Caller, request: DeviceTrustRequest): Promise<DeviceTrustView>;
  reportPaymentFailure(caller: Caller, message: unknown): Promise<{ workflow_id: string }>;
  addPaymentMethod(caller: Caller, method: NewPaymentMethod): Promise<PaymentMethodView>;
  getPaymentMethods(caller: Caller, request: PageRequest): Promise<Page<PaymentMethodView>>;
  getPaymentMethod(
    caller: Caller,
    ids: { customer_id: string; payment_method_id: string },
  ): Promise<PaymentMethodView>;
  getProfile(caller: Caller, ids: { customer_id: string }): Promise<ProfileView>;
  getRecovery(caller: Caller, ids: { payment_id: string; customer_id?: string }): Promise<RecoveryView>;
  getRecoveries(caller: Caller, request: PageRequest): Promise<Page<RecoveryView>>;
  takeStripeWebhook(
    caller: Caller,
    webhook: { body: Uint8Array; signature?: string },
  ): Promise<WebhookAnswer>;
  getTimeline(caller: Caller, request: PageRequest): Promise<Page<TimelineView>>;
  /** Which of the servers behind the services answer. */
  dependencies(): Promise<Record<string, 'up' | 'down'>>;
}
