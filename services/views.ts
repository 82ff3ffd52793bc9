/** The results of the services: the shapes of docs/reference/interfaces.md, 'Shapes of responses', the same for REST and gRPC. */

import type { ErasureState, ErasureStep } from '../domain/erasure/steps.ts';
import type { AttemptStatus, RecoveryStatus } from '../domain/recovery/status.ts';
import type {
  Customer,
  CustomerContext,
  CustomerDevice,
  CustomerProfile,
  PaymentMethod,
  TrustScoreResult,
} from '../graph/index.ts';
import type { StoredRecovery } from '../graph/recovery/index.ts';

export type { EventDetail as EventView, EventNote as NoteView } from '../domain/timeline-detail.ts';
export type {
  Address as AddressView,
  ConnectedCustomer,
  CustomerProfile as ProfileView,
  DisclosureSummary as DisclosureView,
  FoundCustomer,
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

export type {
  PersonaNode as PersonaView,
  PersonaVersion as PersonaVersionView,
} from '../graph/catalogue/index.ts';

/** A setting of the agents that use the catalogue. */
export interface ConfigurationView {
  key: string;
  /** Any JSON. */
  value: unknown;
  version: number;
  updated_at: string;
}

type Usage = 'login_count' | 'first_login' | 'last_login';

/** Its usage is that of one customer; absent if the device is read on its own. */
export type DeviceView = Omit<CustomerDevice, Usage | 'trust_observed_at'> &
  Partial<Pick<CustomerDevice, Usage>> & { trusted: boolean };

export type DeviceTrustView = Omit<TrustScoreResult, 'device'> & { device: DeviceView };

export interface PaymentOptionsView {
  items: PaymentMethod[];
  /** The customer has a proven login from the device, and it is trusted. */
  device_trusted: boolean;
  /** False only if the device is trusted and Chimera has confirmed in time that it was notified of it. */
  conservative: boolean;
}

export type AttemptView = AttemptStatus & { reason_text: string };
/** A status with its explanation in plain words. */
export type ExplainedStatus<Status extends RecoveryStatus> = Omit<Status, 'attempts'> & {
  attempts: AttemptView[];
  reason_text: string;
};
/** While its process runs, the process's own status, with the version of what is stored. */
export type RecoveryView = ExplainedStatus<StoredRecovery>;

/** The progress of an erasure, without personal data. Times are RFC 3339. */
export interface ErasureView {
  erasure_id: string;
  state: ErasureState;
  requested_at: string;
  /** In the order in which they were done. */
  steps: { step: ErasureStep; done_at: string }[];
  waiting_for: string[];
  /** It takes longer than the law allows. */
  overdue: boolean;
  finished_at: string | null;
  /** What stays where Persona cannot delete it, and until when. */
  kept: { where: string; what: string; until: string }[];
}
