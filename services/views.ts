/** The results of the services: the shapes of docs/reference/interfaces.md, 'Shapes of responses', the same for REST and gRPC. */

import type { RecoveryStatus, AttemptStatus } from '../domain/recovery/status.ts';
import type {
  Customer,
  CustomerContext,
  CustomerDevice,
  CustomerProfile,
  TrustScoreResult,
} from '../graph/index.ts';

export type {
  Address as AddressView,
  CustomerProfile as ProfileView,
  PaymentMethod as PaymentMethodView,
  TimelineEntry as TimelineView,
} from '../graph/index.ts';

/** A customer's lifetime value, as a decimal in `ltv_currency`. */
interface LifetimeValue {
  ltv: string;
  ltv_currency: string;
}

export type CustomerContextView = Omit<CustomerContext, 'ltv_minor'> &
  LifetimeValue & {
    /** Older than `context.maxStalenessMs`, because Neo4j did not respond. */
    stale?: boolean;
  };

/** What is shown to services in addition to the profile. */
export type CustomerView = CustomerProfile & Pick<Customer, 'acquisition_date'> & LifetimeValue;

type Usage = 'login_count' | 'first_login' | 'last_login';

/** Its usage is that of one customer; absent if the device is read on its own. */
export type DeviceView = Omit<CustomerDevice, Usage | 'trust_observed_at'> &
  Partial<Pick<CustomerDevice, Usage>> & { trusted: boolean };

export type DeviceTrustView = Omit<TrustScoreResult, 'device' | 'customer_ids'> & { device: DeviceView };

export type AttemptView = AttemptStatus & { reason_text: string };
export type RecoveryView = Omit<RecoveryStatus, 'attempts'> & {
  attempts: AttemptView[];
  reason_text: string;
};
