import type { Dispute } from '../disputes.ts';
import type { ExpiryStage } from '../expiry/calendar.ts';
import type { PaymentMethodStatus, PaymentMethodType } from '../payment-method.ts';
import type { Sealed } from './sealed.ts';

/** A customer's wallet. */
export interface WalletEvents {
  PaymentMethodAdded: {
    payment_method_id: string;
    type: PaymentMethodType;
    token: Sealed;
    brand: string | null;
    network: string | null;
    last_four: string | null;
    expiry_month: number | null;
    expiry_year: number | null;
    /** `YYYY-MM-DD`, the last day of the month. */
    expires_on: string | null;
    instrument_fingerprint: Sealed | null;
    off_session_consent: boolean;
    consent_at: string | null;
    consent_source: string | null;
    added_by: 'service' | 'customer';
    proven: boolean;
    /** The unverified identifier by which the customer was recognised; its verification proves the link. */
    awaits_identifier_id: string | null;
    /** The device it was used on. */
    device_id: string | null;
  };
  /** Only what changed. */
  PaymentMethodUpdated: {
    payment_method_id: string;
    type?: PaymentMethodType;
    brand?: string;
    network?: string;
    last_four?: string;
    expiry_month?: number;
    expiry_year?: number;
    expires_on?: string;
    funding?: string;
    country?: string;
    /** The gateway's name for the type. */
    gateway_type?: string;
    instrument_fingerprint?: Sealed;
    /** The gateway issued another token when the method was attached. */
    token?: Sealed;
  };
  PaymentMethodStatusChanged: {
    payment_method_id: string;
    old_status: PaymentMethodStatus;
    new_status: PaymentMethodStatus;
    reason: string;
  };
  /** The customer removed it from the wallet; if it is added again, it has the same id. */
  PaymentMethodRemoved: { payment_method_id: string; old_status: PaymentMethodStatus };
  /** `use_count` and `last_used` hold the new values, not differences. */
  PaymentMethodUsed: {
    payment_method_id: string;
    use_count: number;
    last_used: string;
    proven: boolean;
    device_id: string | null;
  };
  DefaultPaymentMethodChanged: {
    payment_method_id: string | null;
    previous_payment_method_id: string | null;
    reason: string;
    /** For a repair: the other methods that the graph also marked as default. */
    unmarked?: string[];
  };
  ConsentChanged: {
    payment_method_id: string;
    off_session_consent: boolean;
    consent_at: string;
    consent_source: string;
  };
  /** A charge on the method is disputed, or the dispute's state has changed. */
  PaymentMethodDisputed: Dispute & { payment_method_id: string };
  /** The card expires soon or has expired, and a notice is due; a `NoticeSent` or a `NoticeFailed` follows. */
  ExpiryNoticeDue: {
    payment_method_id: string;
    /** `YYYY-MM-DD`, the card's last day. */
    expires_on: string;
    stage: ExpiryStage;
    /** The notice's id. It replaces a notice that is still due. */
    notice: string;
  };
}
