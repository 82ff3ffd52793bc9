import type { Sealed } from './sealed.ts';

/** Events of a device's stream: facts that do not depend on who uses it. */
export interface DeviceEvents {
  DeviceRegistered: {
    fingerprint: Sealed;
    trust_score: number;
    /** `null`: not observed yet, the score is the initial one. */
    trust_observed_at: string | null;
    last_seen_ip: Sealed | null;
    last_seen_user_agent: Sealed | null;
  };
  DeviceSeen: { last_seen_ip: Sealed | null; last_seen_user_agent: Sealed | null };
  /** It was not seen for so long that its last IP address and user agent were removed, here and from earlier events. */
  DeviceSightingForgotten: Record<string, never>;
  DeviceTrustScoreUpdated: {
    old_trust_score: number;
    new_trust_score: number;
    observed_at: string;
    /** Up to 25 of the customers linked to it. */
    customer_ids: string[];
    linked_customers: number;
  };
}
