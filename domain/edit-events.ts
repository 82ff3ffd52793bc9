import type { Mismatch, UNKNOWN_HERE } from './reconciliation/mismatches.ts';
import type { RELATIONSHIP_TIMES } from './relationships.ts';

/** Edits beyond the commands that know a node or an edge by name. */
export interface EditEvents {
  /** A method that was used on a device. Edges with an event of their own are told of by that. */
  RelationshipAdded: { type: 'USED_ON'; source_id: string; target_id: string };
  /** A time on an edge at one of the customer's own nodes. */
  RelationshipAttributeChanged: {
    type: keyof typeof RELATIONSHIP_TIMES;
    source_id: string;
    target_id: string;
    attribute: string;
    /** RFC 3339 in UTC. */
    value: string;
  };
  /**
   * The adopted payment, back from review, the window's clock (recoveries), a card's date that is wanted, an identifier that
   * is no longer taken for verified, and a method, or a wallet, that the gateway has differently.
   */
  NodePropertyChanged:
    | { label: 'Obligation'; id: string; property: 'state'; value: 'open' }
    /** Its payment at the gateway; `null`: that was cancelled there, and another is to take its place. */
    | { label: 'Obligation'; id: string; property: 'gateway_ref'; value: string | null }
    /** Stopped by a person; `null`: no more. */
    | { label: 'Obligation'; id: string; property: 'paused'; value: true | null }
    /** Consent for its failed method was withdrawn by news of another payment. */
    | { label: 'Obligation'; id: string; property: 'consent_revoked'; value: true }
    /** The bank knows of fraud with a method that it was to be paid with. */
    | { label: 'Obligation'; id: string; property: 'fraud_known'; value: true }
    /** A person lets it be collected although a payment for it came back. */
    | { label: 'Obligation'; id: string; property: 'collect_again'; value: true }
    /** The window's clock went on after it had stood still, or stands still (`null`: no more). RFC 3339. */
    | { label: 'Obligation'; id: string; property: 'closes_at'; value: string }
    | { label: 'Obligation'; id: string; property: 'clock_stopped_at'; value: string | null }
    /** The date that the customer last asked the gateway to give a card: `YYYY-MM`. */
    | { label: 'PaymentMethod'; id: string; property: 'expiry_wanted'; value: string }
    /** Since when the gateway is to be asked for that date, RFC 3339; `null`: it has it, or will not take it. */
    | { label: 'PaymentMethod'; id: string; property: 'expiry_wanted_at'; value: string | null }
    /** Whose consent counts once the card has that date; `null`: none does. */
    | { label: 'PaymentMethod'; id: string; property: 'consent_wanted'; value: 'customer' | 'service' | null }
    | { label: 'DigitalIdentifier'; id: string; property: 'is_verified'; value: false }
    /** The gateway says something of it that a person has to look at; `null`: no more. */
    | { label: 'PaymentMethod'; id: string; property: 'gateway_mismatch'; value: Mismatch | null }
    /** The gateway has methods of the customer that were never in the wallet; `null`: no more. */
    | { label: 'Customer'; id: string; property: 'gateway_mismatch'; value: typeof UNKNOWN_HERE | null };
}

/** What is kept beside a method and its API does not show: a finding, or what is still to be asked of the gateway. */
export function isInternalProperty({ property }: EditEvents['NodePropertyChanged']): boolean {
  return property === 'gateway_mismatch' || property === 'expiry_wanted_at' || property === 'consent_wanted';
}

const TIME_PROPERTIES = ['closes_at', 'clock_stopped_at', 'expiry_wanted_at'] as const;

/** Is a time set, and not taken away? */
export function setsTime({ property, value }: EditEvents['NodePropertyChanged']): boolean {
  return TIME_PROPERTIES.some((time) => time === property) && value !== null;
}
