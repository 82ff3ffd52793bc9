import type { Sealed } from './sealed.ts';

export type CustomerStatus = 'active' | 'suspended' | 'erasing' | 'erased' | 'merged';

/** Events of the customer itself, its devices and other customers that may be the same person. */
export interface CustomerEvents {
  CustomerCreated: {
    segment: string;
    locale: string | null;
    ltv_minor: number;
    acquisition_date: string;
    gateway_customer_ref: Sealed | null;
  };
  /** Only what changed. `segment_observed_at`: as of when a valuation confirms the segment or sets it. */
  CustomerProfileUpdated: {
    segment?: string;
    segment_observed_at?: string;
    locale?: string | null;
    gateway_customer_ref?: Sealed;
  };
  CustomerStatusChanged: { old_status: CustomerStatus; new_status: CustomerStatus; reason: string };
  /** Minor units of the reporting currency. `observed_at`: when the total was computed; absent for an increment. */
  LtvAdjusted: { old_ltv_minor: number; new_ltv_minor: number; reason: string; observed_at?: string };
  DeviceLinked: { device_id: string; proven: boolean; awaits_identifier_id: string | null };
  /** `login_count` and `last_login` hold the new values, not differences. */
  LoginRecorded: { device_id: string; login_count: number; last_login: string; proven: boolean };
  /** A decision on a contest: the customer's own edge to it is removed, the device stays. */
  DeviceUnlinked: { device_id: string };
  BehavioralProfileLinked: { profile_id: string; baseline_data_ref: string };
  IdentityMatchSuggested: { customer_id: string; score: number; evidence: string[] };
  /**
   * An operator's decision on an identity match suggested for this customer. `erased`: the other customer was erased, and
   * `customer_id` is the pseudonym of what remains.
   */
  IdentityMatchResolved: {
    customer_id: string;
    status: 'confirmed' | 'rejected' | 'erased';
    reason: string;
  };
}
