import type { Mismatch, UNKNOWN_HERE } from './reconciliation/mismatches.ts';
import type { RELATIONSHIP_TIMES } from './relationships.ts';

/** Changes of single nodes and edges that have no event type of their own. */
export interface EditEvents {
  /** A method was used on a device. Other edges are recorded by their own event types. */
  RelationshipAdded: { type: 'USED_ON'; source_id: string; target_id: string };
  /** A time changed on an edge at one of the customer's own nodes. */
  RelationshipAttributeChanged: {
    type: keyof typeof RELATIONSHIP_TIMES;
    source_id: string;
    target_id: string;
    attribute: string;
    /** RFC 3339 in UTC. */
    value: string;
  };
  /**
   * A property that has no event type of its own: of a recovery, a card's requested expiry date, an identifier that is no
   * longer verified, or a mismatch with the gateway on a method or a wallet.
   */
  NodePropertyChanged:
    | { label: 'Obligation'; id: string; property: 'state'; value: 'open' }
    /** The obligation's payment at the gateway; `null`: it was cancelled there and will be replaced. */
    | { label: 'Obligation'; id: string; property: 'gateway_ref'; value: string | null }
    /** Paused by an operator; `null`: resumed. */
    | { label: 'Obligation'; id: string; property: 'paused'; value: true | null }
    /** Consent for its failed method was revoked, as reported with another payment. */
    | { label: 'Obligation'; id: string; property: 'consent_revoked'; value: true }
    /** The issuer reports fraud on a method of this recovery. */
    | { label: 'Obligation'; id: string; property: 'fraud_known'; value: true }
    /** An operator allows collection despite the reversal of a payment. */
    | { label: 'Obligation'; id: string; property: 'collect_again'; value: true }
    /** The recovery's clock: the end of its window, new after a stop, and when it stopped (`null`: running). RFC 3339. */
    | { label: 'Obligation'; id: string; property: 'closes_at'; value: string }
    | { label: 'Obligation'; id: string; property: 'clock_stopped_at'; value: string | null }
    /** The expiry date that was last requested for a card: `YYYY-MM`. */
    | { label: 'PaymentMethod'; id: string; property: 'expiry_wanted'; value: string }
    /** When that date was requested, RFC 3339; `null`: the gateway has it or refused it. */
    | { label: 'PaymentMethod'; id: string; property: 'expiry_wanted_at'; value: string | null }
    /** Whose consent takes effect once the card has that date; `null`: none. */
    | { label: 'PaymentMethod'; id: string; property: 'consent_wanted'; value: 'customer' | 'service' | null }
    | { label: 'DigitalIdentifier'; id: string; property: 'is_verified'; value: false }
    /** A mismatch with the gateway that an operator has to check; `null`: resolved. */
    | { label: 'PaymentMethod'; id: string; property: 'gateway_mismatch'; value: Mismatch | null }
    /** The gateway has methods of the customer that were never in the wallet; `null`: resolved. */
    | { label: 'Customer'; id: string; property: 'gateway_mismatch'; value: typeof UNKNOWN_HERE | null };
}

/** Whether a property is internal to the graph and not shown by the API: a mismatch, or a pending gateway request. */
export function isInternalProperty({ property }: EditEvents['NodePropertyChanged']): boolean {
  return property === 'gateway_mismatch' || property === 'expiry_wanted_at' || property === 'consent_wanted';
}

const TIME_PROPERTIES = ['closes_at', 'clock_stopped_at', 'expiry_wanted_at'] as const;

/** Whether the event sets a time rather than clearing it. */
export function setsTime({ property, value }: EditEvents['NodePropertyChanged']): boolean {
  return TIME_PROPERTIES.some((time) => time === property) && value !== null;
}
