import type { Sealed } from './sealed.ts';

/** An edge of the customer: to a device, an address, an identifier or a payment method. */
export interface ContestedLink {
  type: 'LOGGED_IN_FROM' | 'SHIPPED_TO' | 'HAS_DIGITAL_IDENTIFIER' | 'HAS_PAYMENT_METHOD';
  /** Of the node that it leads to. */
  id: string;
}

/** What the person did with an event of their stream, and what became of it. `seq`: that event. */
export interface RightsEvents {
  EventAnnotated: { seq: number; text: Sealed };
  /** `restricts`: what counts as unproven until the decision; `null`: nothing, or it is gone. */
  EventContested: { seq: number; reason: Sealed; restricts: ContestedLink | null };
  ContestDecided: {
    seq: number;
    decision: 'upheld' | 'rejected';
    explanation: Sealed;
    /** As in its `EventContested`. */
    restricts: ContestedLink | null;
    /** The id of the notice due to the customer; a `NoticeSent` or a `NoticeFailed` follows. */
    notice: string;
  };
}
